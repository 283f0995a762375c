//! What the gateway's pages and its API show: from the engine and a caller to wire types.
//!
//! Every read model takes the engine, whoever asks, and what they ask for, and answers the wire
//! type that the API sends; or a [`ReadError`], of which each edge makes its own refusal. So a page
//! and its endpoint cannot show different figures. What a caller's key does not cover is not
//! there.

pub(crate) mod agent;
pub(crate) mod agents;
pub(crate) mod audit;
pub(crate) mod blast_radius;
mod error;
pub(crate) mod events;
mod finding;
mod found;
pub(crate) mod history;
pub(crate) mod incident;
pub(crate) mod instances;
pub(crate) mod keys;
pub(crate) mod kill_record;
pub(crate) mod killed_instances;
pub(crate) mod last_state;
mod mesh_agent;
pub(crate) mod overview;
mod paging;
pub(crate) mod policies;
pub(crate) mod replicas;
pub(crate) mod resume_preview;
pub(crate) mod sessions;
pub(crate) mod usage;
mod wording;

use axme_core::id::Revision;

pub(crate) use error::{ReadError, unless_stale};
pub(crate) use finding::{Place, asked_workspace, parse_reference, scope_of, with_agent};
pub(crate) use found::Found;
pub(crate) use paging::{Page, cursor, list_limit};

/// The event id of an entry of the control log.
pub(crate) fn control_event_id(revision: Revision) -> String {
    format!("evt_c{revision}")
}
