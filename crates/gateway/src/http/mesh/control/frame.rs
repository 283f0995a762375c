//! A run state as a frame.

use axme_api::mesh::{ControlChangeEvent, ControlState, ControlStateEvent};
use axme_engine::instances::{RunStateChange, RunStateNow};
use bytes::Bytes;
use serde::Serialize;

use super::shown_hold;
use crate::http::sse;

/// How often an instance that holds a stream is asked to beat.
pub(super) const NEXT_BEAT_SECONDS: u32 = 10;

pub(super) fn of_state(now: RunStateNow, instance_id: &str, server_time: String) -> Bytes {
    let revision = now.revision.0;
    let event = ControlStateEvent {
        control: shown(now),
        instance_id: instance_id.to_owned(),
        server_time,
        next_heartbeat_seconds: NEXT_BEAT_SECONDS,
    };
    frame(revision, "control.state", &event)
}

/// Made once for all streams that tell it.
pub(super) fn of_change(change: &RunStateChange) -> Bytes {
    let make = || {
        let event = ControlChangeEvent {
            control: shown(change.now.clone()),
            change: change.name().to_owned(),
            at: change.at.to_string(),
        };
        frame(change.now.revision.0, "control.changed", &event)
    };
    change.frame.get_or_init(make).clone()
}

fn shown(now: RunStateNow) -> ControlState {
    ControlState {
        run_state: now.run_state.as_str().to_owned(),
        revision: now.revision.0,
        kill: now.hold.map(shown_hold),
    }
}

fn frame(revision: u64, name: &str, event: &impl Serialize) -> Bytes {
    // Texts and numbers alone: writing them does not fail.
    let json = serde_json::to_string(event).unwrap_or_default();
    sse::event(revision, name, &json)
}
