//! Who may call which endpoint: one table. An endpoint that is not in it is closed.
//!
//! The table says which roles get through the door. What they reach behind it depends on their
//! key's scope and is decided where the thing is looked up; agents see themselves only.

use std::collections::HashMap;
use std::sync::LazyLock;

use axme_core::role::Role;
use axum::http::Method;

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a key.
    Public,
    Roles(&'static [Role]),
}

const ANY: Access = Access::Roles(&[Role::Owner, Role::Operator, Role::Viewer, Role::Agent]);
const PEOPLE: Access = Access::Roles(&[Role::Owner, Role::Operator, Role::Viewer]);
const COMMANDERS: Access = Access::Roles(&[Role::Owner, Role::Operator]);
const PARTIES: Access = Access::Roles(&[Role::Owner, Role::Operator, Role::Agent]);
const AGENTS: Access = Access::Roles(&[Role::Agent]);
const OWNERS: Access = Access::Roles(&[Role::Owner]);

/// Method, path as the API document names it, who.
pub const TABLE: &[(&str, &str, Access)] = &[
    ("GET", "/health", Access::Public),
    ("GET", "/ready", Access::Public),
    ("GET", "/openapi.json", Access::Public),
    ("GET", "/v1/capabilities", ANY),
    // The mesh.
    ("POST", "/v1/mesh/heartbeat", PARTIES),
    ("GET", "/v1/mesh/agents", ANY),
    ("GET", "/v1/mesh/agents/{agent}", ANY),
    ("POST", "/v1/mesh/agents/{agent}/kill", COMMANDERS),
    ("POST", "/v1/mesh/agents/{agent}/resume", COMMANDERS),
    ("GET", "/v1/mesh/agents/{agent}/instances", ANY),
    ("GET", "/v1/mesh/agents/{agent}/last-state", ANY),
    ("GET", "/v1/mesh/agents/{agent}/policies", ANY),
    ("PUT", "/v1/mesh/agents/{agent}/policies/action", COMMANDERS),
    ("DELETE", "/v1/mesh/agents/{agent}/policies/action", COMMANDERS),
    ("DELETE", "/v1/mesh/agents/{agent}/policies/action/{policy_id}", COMMANDERS),
    ("GET", "/v1/mesh/agents/{agent}/policies/cost", ANY),
    ("PUT", "/v1/mesh/agents/{agent}/policies/cost", COMMANDERS),
    ("DELETE", "/v1/mesh/agents/{agent}/policies/cost", COMMANDERS),
    ("GET", "/v1/mesh/agents/{agent}/blast-radius", PEOPLE),
    ("GET", "/v1/mesh/agents/{agent}/resume-preview", PEOPLE),
    ("GET", "/v1/mesh/summary", PEOPLE),
    ("GET", "/v1/mesh/incidents/{kill_id}", PEOPLE),
    ("GET", "/v1/mesh/control/stream", AGENTS),
    ("POST", "/v1/mesh/control/ack", AGENTS),
    ("GET", "/v1/mesh/kills/{kill_id}", PEOPLE),
    ("GET", "/v1/mesh/kills/{kill_id}/stream", PEOPLE),
    ("GET", "/v1/mesh/events", ANY),
    ("GET", "/v1/replicas", PEOPLE),
    // Intents.
    ("POST", "/v1/intents", PARTIES),
    ("GET", "/v1/intents", ANY),
    ("POST", "/v1/intents/bulk-cancel", PARTIES),
    ("GET", "/v1/intents/{intent_id}", ANY),
    ("GET", "/v1/intents/{intent_id}/events", ANY),
    ("GET", "/v1/intents/{intent_id}/events/stream", ANY),
    ("POST", "/v1/intents/{intent_id}/resolve", PARTIES),
    ("POST", "/v1/intents/{intent_id}/resume", PARTIES),
    ("POST", "/v1/intents/{intent_id}/controls", PARTIES),
    ("POST", "/v1/intents/{intent_id}/policy", PARTIES),
    // The registry.
    ("GET", "/v1/agents", ANY),
    ("GET", "/v1/agents/{agent}", ANY),
    ("GET", "/v1/agents/{agent}/intents/stream", PARTIES),
    // Service accounts and keys.
    ("POST", "/v1/service-accounts", COMMANDERS),
    ("GET", "/v1/service-accounts", ANY),
    ("GET", "/v1/service-accounts/{account_id}", ANY),
    ("DELETE", "/v1/service-accounts/{account_id}", COMMANDERS),
    ("POST", "/v1/service-accounts/{account_id}/keys", COMMANDERS),
    ("POST", "/v1/service-accounts/{account_id}/keys/{key_id}/revoke", COMMANDERS),
    ("GET", "/v1/keys/self", ANY),
    ("POST", "/v1/keys", COMMANDERS),
    ("GET", "/v1/keys", PEOPLE),
    ("POST", "/v1/keys/{key_id}/revoke", COMMANDERS),
    // The dashboard: who may sign in, and who is.
    ("POST", "/v1/auth/dashboard-token", PEOPLE),
    ("GET", "/v1/dashboard/sessions", PEOPLE),
    ("DELETE", "/v1/dashboard/sessions/{session_id}", PEOPLE),
    // Organizations and workspaces.
    ("POST", "/v1/organizations", OWNERS),
    ("GET", "/v1/organizations", ANY),
    ("GET", "/v1/organizations/{org_id}", ANY),
    ("PATCH", "/v1/organizations/{org_id}", OWNERS),
    ("POST", "/v1/organizations/{org_id}/workspaces", OWNERS),
    ("GET", "/v1/organizations/{org_id}/workspaces", ANY),
    ("GET", "/v1/organizations/{org_id}/workspaces/{workspace_id}", ANY),
    ("PATCH", "/v1/organizations/{org_id}/workspaces/{workspace_id}", OWNERS),
    // The audit.
    ("GET", "/v1/audit/events", PEOPLE),
    ("GET", "/v1/audit/events.csv", PEOPLE),
    ("GET", "/v1/audit/chain", PEOPLE),
    ("GET", "/v1/audit/verified", PEOPLE),
    // Usage.
    ("GET", "/v1/usage/summary", PEOPLE),
    ("GET", "/v1/usage/timeseries", PEOPLE),
    ("GET", "/v1/usage/agents", PEOPLE),
];

/// What the table says of an endpoint.
#[must_use]
pub fn access_to(method: &Method, path: &str) -> Option<Access> {
    static BY_PATH: LazyLock<HashMap<&'static str, Vec<(&'static str, Access)>>> =
        LazyLock::new(|| {
            let mut by_path: HashMap<_, Vec<_>> = HashMap::new();
            for (method, path, access) in TABLE {
                by_path.entry(*path).or_default().push((*method, *access));
            }
            by_path
        });
    // A HEAD is answered by its GET.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let methods = BY_PATH.get(path)?;
    methods.iter().find(|(named, _)| *named == method).map(|(_, access)| *access)
}
