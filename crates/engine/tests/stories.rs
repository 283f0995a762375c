//! The engine on a real store, with the faults that reality does not give on demand.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[path = "stories/world.rs"]
mod world;

#[path = "stories/faults.rs"]
mod faults;
#[path = "stories/holding.rs"]
mod holding;
