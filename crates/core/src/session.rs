//! Signing in to the dashboard: sessions, and the one-time tokens that open them.
//!
//! Both are a key's: they can do what it can, and end with it. They are entries of the control
//! log, so that a token opens one session only, wherever it is taken, and a session ends everywhere
//! at once.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{KeyId, SessionId, TokenId};
use crate::key::{Key, KeyDigest};
use crate::role::Role;
use crate::time::Timestamp;

/// How long a one-time token waits to be used.
pub const TOKEN_LIVES: Duration = Duration::from_secs(5 * 60);
/// How long a session lasts, whatever happens.
pub const SESSION_LIVES: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a session lasts that nobody uses.
pub const SESSION_IDLE_MAX: Duration = Duration::from_secs(60 * 60);
/// Sessions of one key at a time. Opening another ends the oldest.
pub const SESSIONS_PER_KEY_MAX: usize = 32;
/// Tokens of one key that wait to be used.
pub const TOKENS_PER_KEY_MAX: usize = 16;
/// Sessions of an installation at a time.
pub const SESSIONS_MAX: usize = 100_000;
/// What is kept of the name that a browser gives itself.
pub const USER_AGENT_CHARS_MAX: usize = 200;

/// A browser that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub session_id: SessionId,
    /// Of the secret that the browser holds.
    pub digest: KeyDigest,
    pub key: KeyId,
    pub opened_at: Timestamp,
    pub expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_address: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Box<str>>,
}

/// A token that opens one session, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DashboardToken {
    pub token_id: TokenId,
    pub digest: KeyDigest,
    pub key: KeyId,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether the holder of `who` may see and end this session of `opener`: their own, and for
    /// owners those of every key in their scope.
    #[must_use]
    pub fn is_managed_by(&self, who: &Key, opener: &Key) -> bool {
        let owns = who.role == Role::Owner && who.scope.covers(opener.scope);
        self.key == who.key_id || owns
    }

    /// Whether it has lasted its time, or was left alone for too long.
    #[must_use]
    pub fn is_over(&self, last_used: Timestamp, now: Timestamp) -> bool {
        self.expires_at <= now || now.since(last_used) >= SESSION_IDLE_MAX
    }
}

/// What is kept of a browser's name for itself: visible text, not too long.
#[must_use]
pub fn shown_user_agent(text: &str) -> Option<Box<str>> {
    let shown: String =
        text.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS_MAX).collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_calls_itself_is_kept_short_and_visible() {
        let long = format!("Mozilla\r\n{}", "x".repeat(10_000));
        let kept = shown_user_agent(&long).unwrap();
        assert_eq!(kept.chars().count(), USER_AGENT_CHARS_MAX);
        assert!(kept.starts_with("Mozillax"));
        assert_eq!(shown_user_agent(" \u{7f} "), None);
    }

    #[test]
    fn a_session_ends_by_its_age_and_by_being_left_alone() {
        let start = Timestamp::from_micros(0);
        let session = Session {
            session_id: SessionId::from_bytes([1; 16]),
            digest: KeyDigest::of("secret"),
            key: KeyId::from_bytes([2; 16]),
            opened_at: start,
            expires_at: start.plus(SESSION_LIVES),
            client_address: None,
            user_agent: None,
        };
        let later = |seconds| start.plus(Duration::from_secs(seconds));
        assert!(!session.is_over(start, later(3_599)) && session.is_over(start, later(3_600)));
        let last = later(12 * 3_600 - 1);
        assert!(!session.is_over(last, last) && session.is_over(last, later(12 * 3_600)));
    }
}
