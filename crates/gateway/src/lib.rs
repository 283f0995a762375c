//! The edges of the gateway: HTTP, configuration, listeners, shutdown.
//!
//! [`app`] is the only module that knows every other; [`http`] turns requests into calls of the
//! engine and its answers into wire types.

pub mod app;
pub mod config;
pub mod http;
mod listener;
pub mod proof;
mod tls;
