//! Signing in to the dashboard, and who is signed in.

use crate::keys::{KeyScope, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `POST /v1/auth/dashboard-token`: a token that opens one session, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DashboardTokenAnswer {
    pub ok: bool,
    /// For `GET /auth/exchange?token=…`.
    pub token: String,
    /// Seconds until it ends unused.
    pub expires_in: u64,
    /// Where to open it in a browser.
    #[serde(default)]
    pub url: String,
}

/// Answer of `GET /v1/dashboard/sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DashboardSessionsAnswer {
    pub ok: bool,
    /// The newest first.
    pub sessions: Vec<DashboardSession>,
}

/// A browser that is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DashboardSession {
    /// `ses_<32 hex>`.
    pub session_id: String,
    /// The key that it is signed in with; it ends with it.
    pub key_id: String,
    pub key_name: String,
    pub role: Role,
    pub scope: KeyScope,
    pub opened_at: String,
    /// When it ends whatever happens.
    pub expires_at: String,
    /// As far as the answering replica knows.
    pub last_used_at: String,
    pub client_address: Option<String>,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
}

/// Answer of `DELETE /v1/dashboard/sessions/{session_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionEndedAnswer {
    pub ok: bool,
    pub session_id: String,
}

impl std::fmt::Debug for DashboardTokenAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DashboardTokenAnswer")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}
