//! Who may see which page: one table. A page that is not in it is closed.
//!
//! The table says which roles get through the door; what they reach behind it depends on the scope
//! of the key that they signed in with. Keys of agents sign in nowhere.

use axme_core::role::Role;
use axum::http::Method;

/// Who may ask for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Files without anything of anybody in them: served in the clear too.
    Asset,
    /// Anybody who may use the dashboard at all: signing in.
    Public,
    /// Those who are signed in with one of these roles.
    Roles(&'static [Role]),
}

const PEOPLE: Access = Access::Roles(&[Role::Owner, Role::Operator, Role::Viewer]);
const COMMANDERS: Access = Access::Roles(&[Role::Owner, Role::Operator]);

/// Method, path as the router names it, who.
pub const TABLE: &[(&str, &str, Access)] = &[
    ("GET", "/assets/{hash}/{name}", Access::Asset),
    ("GET", "/sign-in", Access::Public),
    ("POST", "/sign-in", Access::Public),
    ("GET", "/auth/exchange", Access::Public),
    ("POST", "/sign-out", PEOPLE),
    ("GET", "/", PEOPLE),
    ("GET", "/agents/{address_id}", PEOPLE),
    ("GET", "/agents/{address_id}/kill", COMMANDERS),
    ("POST", "/agents/{address_id}/kill", COMMANDERS),
    ("GET", "/agents/{address_id}/resume", COMMANDERS),
    ("POST", "/agents/{address_id}/resume", COMMANDERS),
    ("GET", "/resume-all", COMMANDERS),
    ("POST", "/resume-all", COMMANDERS),
    ("GET", "/incidents/{kill_id}", PEOPLE),
    ("GET", "/policies", PEOPLE),
    ("POST", "/policies/{address_id}/action", COMMANDERS),
    ("POST", "/policies/{address_id}/cost", COMMANDERS),
    ("GET", "/audit", PEOPLE),
    ("GET", "/audit.csv", PEOPLE),
    ("GET", "/usage", PEOPLE),
    ("GET", "/replicas", PEOPLE),
    ("GET", "/keys", PEOPLE),
    ("GET", "/sessions", PEOPLE),
    ("POST", "/sessions/{session_id}/end", PEOPLE),
    ("GET", "/live/{stream}", PEOPLE),
];

/// What the table says of a page.
#[must_use]
pub fn access_to(method: &Method, path: &str) -> Option<Access> {
    // A HEAD is answered by its GET.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let found = TABLE.iter().find(|(named, of, _)| *named == method && *of == path);
    found.map(|(_, _, access)| *access)
}
