//! The running core: everything that decides, writes and wakes, and no HTTP.
//!
//! * [`enforcer`]: asked on every request, in memory; permits and denials.
//! * [`control`]: the one write path; kills and their receipts.
//! * [`intents`]: the work that passes through: admitted, delivered, watched, ended.
//! * [`instances`]: the running copies of agents: what they say, and what they are told.
//! * [`heartbeats`], [`observer`]: what is known of agents and kept for the audit.
//! * [`rates`], [`verifier`]: how much is admitted at the moment, and how far the audit is checked.
//! * [`sessions`]: who is signed in to the dashboard.
//! * [`schedule`]: what happens by itself.

pub mod bootstrap;
pub mod caller;
pub mod chance;
pub mod clock;
pub mod control;
pub mod enforcer;
pub mod engine;
pub mod heartbeats;
pub mod holding;
pub mod instances;
pub mod intents;
mod missed;
pub mod observer;
pub mod rates;
pub mod schedule;
pub mod sessions;
pub mod verifier;

pub use caller::Caller;
pub use engine::{Engine, EngineOptions, EngineParts};
