//! The first page.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::session::Visitor;
use super::{Dashboard, render};

#[derive(Debug, Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    name: &'a str,
    role: &'static str,
    ends_at: String,
    csrf: &'a str,
}

pub(super) async fn get_home(State(dashboard): State<Dashboard>, visitor: Visitor) -> Response {
    let key = &visitor.caller.key;
    let page = HomePage {
        name: &key.name,
        role: key.role.as_str(),
        ends_at: visitor.ends_at(dashboard.engine().clock.wall()).to_string(),
        csrf: visitor.csrf.as_str(),
    };
    render::page(StatusCode::OK, &page)
}
