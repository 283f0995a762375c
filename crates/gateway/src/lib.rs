//! The edges of the gateway: HTTP, configuration, listeners, shutdown.
//!
//! [`app`] is the only module that knows every other; [`http`] turns requests into calls of the
//! engine and its answers into wire types; what is only shown comes from the read models.

pub mod app;
pub mod config;
pub mod dashboard;
pub mod edge;
pub mod http;
mod listener;
mod orders;
pub mod proof;
mod read;
mod tls;
