//! The dashboard: pages that are rendered here, for people who are signed in.
//!
//! A request passes [`headers`] (ids, what browsers are told), [`guard`] (https, origin, session,
//! role, form), and then its handler: one file a page. What pages show comes from `crate::read`,
//! like the answers of the API; what they order goes to the engine.

pub mod access;
mod assets;
mod cookie;
mod csrf;
mod exchange;
mod form;
mod guard;
mod headers;
mod home;
mod next;
mod notice;
mod origin;
mod render;
mod session;
mod sessions;
mod sign_in;
mod sign_out;
pub mod view;

use std::sync::Arc;

use axme_engine::Engine;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::edge::Edge;

/// How the dashboard behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DashboardOptions {
    /// Serves it in the clear over a network too.
    pub insecure: bool,
}

/// What pages hold on to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dashboard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    edge: Edge,
    options: DashboardOptions,
}

impl Dashboard {
    #[must_use]
    pub fn new(edge: Edge, options: DashboardOptions) -> Self {
        Self(Arc::new(Inner { edge, options }))
    }

    fn edge(&self) -> &Edge {
        &self.0.edge
    }

    fn engine(&self) -> &Engine {
        self.0.edge.engine()
    }

    fn options(&self) -> DashboardOptions {
        self.0.options
    }
}

/// Every page. What is none of them is for whatever the caller makes the fallback.
pub fn router(dashboard: &Dashboard) -> Router {
    Router::new()
        .route("/", get(home::get_home))
        .route("/sign-in", get(sign_in::get_sign_in).post(sign_in::post_sign_in))
        .route("/sign-out", post(sign_out::post_sign_out))
        .route("/auth/exchange", get(exchange::get_exchange))
        .route("/sessions/{session_id}/end", post(sessions::post_end))
        .route("/assets/{hash}/{name}", get(assets::get_asset))
        .route_layer(from_fn_with_state(dashboard.clone(), guard::admit))
        .layer(from_fn_with_state(dashboard.clone(), headers::envelope))
        .with_state(dashboard.clone())
}
