//! The HTTP API: one file a resource, each with its handlers.
//!
//! A request passes [`envelope`] (ids, error bodies), [`compat`] (quirks of published clients),
//! [`auth`] (key, role, place in the works), and then its handler, which has four steps: extract,
//! convert, one call, convert.

pub mod access;
mod accounts;
mod agents;
mod answers;
mod audit;
mod auth;
mod body;
mod compat;
mod envelope;
mod error;
mod health;
mod idempotency;
mod intents;
mod keys;
mod mesh;
mod replicas;
mod router;
mod sign_in;
mod sse;
mod stale;
pub(crate) mod starting;
mod tenancy;
mod usage;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axme_engine::Engine;
use ipnet::IpNet;

pub use crate::edge::Peer;
pub use router::{api_document, router};

use crate::edge::{Edge, EdgeOptions};

/// How the HTTP side behaves.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Largest payload of an intent, in bytes.
    pub payload_bytes_max: usize,
    /// Requests of one agent at a time.
    pub agent_inflight_max: u32,
    /// Requests of all callers at a time.
    pub requests_max: usize,
    /// How many of them only operators and owners get.
    pub requests_reserved: usize,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Takes addresses that nobody has registered.
    pub lenient_addressing: bool,
    /// What `/health` calls the store.
    pub storage: &'static str,
    /// Where people reach this gateway, when that was said.
    pub public_url: Option<String>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            payload_bytes_max: 128 << 10,
            agent_inflight_max: 64,
            requests_max: 4_096,
            requests_reserved: 64,
            trusted_proxies: Vec::new(),
            lenient_addressing: false,
            storage: "sqlite",
            public_url: None,
        }
    }
}

/// What handlers hold on to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    edge: Edge,
    options: HttpOptions,
    draining: AtomicBool,
}

impl Api {
    #[must_use]
    pub fn new(engine: Engine, options: HttpOptions) -> Self {
        let edge = EdgeOptions {
            requests_max: options.requests_max,
            requests_reserved: options.requests_reserved,
            trusted_proxies: options.trusted_proxies.clone(),
            public_url: options.public_url.clone(),
        };
        Self(Arc::new(Inner {
            edge: Edge::new(engine, edge),
            options,
            draining: AtomicBool::new(false),
        }))
    }

    #[must_use]
    pub fn engine(&self) -> &Engine {
        self.0.edge.engine()
    }

    /// What this shares with the other edges.
    #[must_use]
    pub fn edge(&self) -> &Edge {
        &self.0.edge
    }

    #[must_use]
    pub fn options(&self) -> &HttpOptions {
        &self.0.options
    }

    /// Says from now on that this replica is not ready, so that no new work comes.
    pub fn begin_draining(&self) {
        self.0.draining.store(true, Ordering::SeqCst);
    }

    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::SeqCst)
    }
}
