//! The whole HTTP side, over a real store, without a socket.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "http/browser.rs"]
mod browser;
#[path = "http/caller.rs"]
mod caller;
#[path = "http/frames.rs"]
mod frames;
#[path = "http/gateway.rs"]
mod gateway;
#[path = "http/world.rs"]
mod world;

#[path = "http/access.rs"]
mod access;
#[path = "http/audit.rs"]
mod audit;
#[path = "http/bad_input.rs"]
mod bad_input;
#[path = "http/contract.rs"]
mod contract;
#[path = "http/dashboard.rs"]
mod dashboard;
#[path = "http/dashboard_guard.rs"]
mod dashboard_guard;
#[path = "http/failing.rs"]
mod failing;
#[path = "http/final_set.rs"]
mod final_set;
#[path = "http/foreign.rs"]
mod foreign;
#[path = "http/health.rs"]
mod health;
#[path = "http/held.rs"]
mod held;
#[path = "http/identity.rs"]
mod identity;
#[path = "http/instances.rs"]
mod instances;
#[path = "http/keys.rs"]
mod keys;
#[path = "http/kill.rs"]
mod kill;
#[path = "http/openapi.rs"]
mod openapi;
#[path = "http/policies.rs"]
mod policies;
#[path = "http/reading.rs"]
mod reading;
#[path = "http/replay.rs"]
mod replay;
#[path = "http/sheets.rs"]
mod sheets;
#[path = "http/sign_ins.rs"]
mod sign_ins;
#[path = "http/tenancy.rs"]
mod tenancy;
#[path = "http/usage.rs"]
mod usage;
