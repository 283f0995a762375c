//! Durability behind narrow traits.
//!
//! * [`ControlLog`]: the ordered log of control changes with its epochs and receipts. Small,
//!   written seldom, always ahead of everything else.
//! * [`Ledger`]: the bulk data that passes through (intents, deliveries, beats, observations),
//!   written in group commits that decide each item again before they store it.
//! * [`Instances`]: what each running copy of an agent has said last. Part of the ledger.
//!
//! An engine implements all over one database, and passes [`conformance`].

pub mod conformance;
pub mod control;
pub mod error;
pub mod faults;
pub mod gate;
pub mod hint;
pub mod instances;
pub mod ledger;
mod lifecycle;
mod log_row;
pub mod postgres;
pub mod sqlite;

pub use control::ControlLog;
pub use error::{AppendError, StoreError, WriteError};
pub use gate::{Gate, Pass};
pub use hint::Hint;
pub use instances::Instances;
pub use ledger::Ledger;
