//! What is allowed, as pure functions.
//!
//! Everything here takes its time and its chance as arguments and does no I/O, so that every
//! decision of the gateway can be replayed from values:
//!
//! * control state is an ordered log: [`plan::plan`] turns an [`command::Order`] into an
//!   [`change::Entry`], and [`state::State::apply`] folds entries into the [`state::State`] that
//!   every replica holds;
//! * [`decide::decide`] says whether one action may happen, from the run states of its two ends;
//! * [`lease`] says until when a replica may trust its view, and for whom a kill waits;
//! * [`word::Word`] is the atomic word in which work registers before it is checked.

pub mod address;
pub mod audit;
pub mod chain;
pub mod change;
pub mod command;
pub mod decide;
pub mod health;
pub mod hold;
pub mod id;
pub mod intent;
pub mod invariants;
pub mod key;
pub mod lease;
pub mod period;
pub mod plan;
pub mod policy;
pub mod refusal;
pub mod replica;
pub mod role;
pub mod session;
pub mod state;
pub mod tenancy;
pub mod time;
pub mod word;
