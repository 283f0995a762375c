//! What travels between the gateway and its clients: requests, answers, error codes.
//!
//! One file a resource. The types carry shape and nothing else: no rule is checked here, no
//! clock is read, and no other crate of the workspace is needed, so that a client can depend on
//! this crate alone. Ids are strings, timestamps are RFC 3339 strings in UTC that end in `Z`.
//!
//! Requests tolerate unknown fields and `null` wherever a field is optional, because clients
//! that are already published send both.

pub mod accounts;
pub mod agents;
pub mod audit;
pub mod dashboard;
pub mod error;
pub mod health;
pub mod intents;
pub mod keys;
pub mod mesh;
pub mod replicas;
pub mod tenancy;
pub mod usage;

pub use error::{Category, Detail, ErrorBody, ErrorCode, FieldError};

/// A JSON object whose members this crate does not look into (payloads, metadata, details).
pub type JsonObject = serde_json::Map<String, serde_json::Value>;
