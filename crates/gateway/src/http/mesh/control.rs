//! What instances are told of their agent's run state, and what they answer.

mod ack;
mod frame;
mod stream;

pub(super) use ack::*;
pub(super) use stream::*;

use axme_api::mesh::HeartbeatKill;
use axme_core::hold::Hold;

/// A hold, as the agent that it stops is told of it.
pub(super) fn shown_hold(hold: Hold) -> HeartbeatKill {
    HeartbeatKill {
        kill_id: hold.kill_id.to_string(),
        mode: hold.mode.as_str().to_owned(),
        reason: hold.reason.map(String::from),
        by: hold.by.name.into(),
        at: hold.at.to_string(),
        revision: hold.revision.0,
    }
}
