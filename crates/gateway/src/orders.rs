//! What operators order of agents, as every edge of the gateway does it: the order, and the answer
//! with what came of it.
//!
//! An edge reads what its caller wants, and words the refusals. What is ordered, what the answer
//! waits for, and that a kill's record is kept, is the same for all of them.

mod error;
mod kill;
mod policy;
mod record;
mod resume;

use axme_core::command::Target;
use axme_core::id::AddressId;
use axme_engine::{Caller, Engine};

pub(crate) use error::OrderError;
pub(crate) use kill::{KillOrder, kill};
pub(crate) use policy::{PolicyOrder, set_policy};
pub(crate) use resume::{ResumeOrder, resume};

use crate::read::{ReadError, parse_reference};

/// The agent that a caller names, as orders name it.
fn target(
    engine: &Engine,
    caller: &Caller,
    named: &str,
    register_as: Option<AddressId>,
) -> Result<Target, ReadError> {
    let reference = parse_reference(engine, named)?;
    Ok(Target::Agent { reference, home: caller.key.home, register_as })
}
