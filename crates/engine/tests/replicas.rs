//! Several engines at one control log, with the failures that a real database does not give on
//! demand: a failover that loses entries, a replica that cannot reach it, one that does not hear.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[path = "replicas/shared_log.rs"]
mod shared_log;
#[path = "replicas/world.rs"]
mod world;

#[path = "replicas/signed_in.rs"]
mod signed_in;
#[path = "replicas/stories.rs"]
mod stories;
