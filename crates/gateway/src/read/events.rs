//! What happened to agents: control changes, and what the gateway saw.

mod shown;

use axme_api::mesh::{EventsAnswer, EventsQuery, MeshEvent};
use axme_core::id::{AddressId, Epoch};
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use axme_engine::{Caller, Engine};
use axme_store::ledger::{AuditQuery, AuditRow, ChainId};

use super::{ReadError, finding, list_limit};

/// Events when the caller names no limit.
const EVENTS_DEFAULT: u32 = 50;
/// What the mesh tells about; other control changes are the audit's.
const SUBJECTS: [&str; 4] = ["agent.", "policy.", "key.", "dashboard."];

/// A page of what happened to the agents that the caller sees, newest first.
pub(crate) async fn list(
    engine: &Engine,
    caller: &Caller,
    query: EventsQuery,
) -> Result<EventsAnswer, ReadError> {
    let rows_max = list_limit(query.limit.or(Some(EVENTS_DEFAULT)))?;
    let after = match query.cursor.as_deref() {
        None | Some("") => None,
        Some(cursor) => Some(
            parse_cursor(cursor)
                .ok_or_else(|| ReadError::query("cursor", "take it from next_cursor"))?,
        ),
    };
    let asked = Asked {
        address_id: finding::only(caller)?,
        event_type: query.event_type.filter(|word| !word.is_empty()),
        after,
        ..Asked::everything(caller.key.scope, rows_max)
    };
    let page = read(engine, asked).await?;
    Ok(EventsAnswer { ok: true, events: page.events, next_cursor: page.next_cursor })
}

/// Which events to read.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) scope: Scope,
    pub(super) address_id: Option<AddressId>,
    /// A type such as `agent.killed`, or its last word alone.
    pub(super) event_type: Option<String>,
    pub(super) after: Option<Place>,
    pub(super) rows_max: usize,
}

/// Where an event stands in the answer.
pub(super) type Place = (Timestamp, ChainId, u64);

impl Asked {
    pub(super) const fn everything(scope: Scope, rows_max: usize) -> Self {
        Self { scope, address_id: None, event_type: None, after: None, rows_max }
    }
}

/// Some events, newest first.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) events: Vec<MeshEvent>,
    next_cursor: Option<String>,
}

pub(super) async fn read(engine: &Engine, asked: Asked) -> Result<Page, ReadError> {
    let wanted = actions(asked.event_type.as_deref());
    if wanted.is_empty() {
        return Ok(Page { events: Vec::new(), next_cursor: None });
    }
    let query = AuditQuery {
        scope: asked.scope,
        action_prefixes: wanted.clone(),
        actor: None,
        address_id: asked.address_id,
        since: None,
        until: None,
        after: asked.after,
        rows_max: asked.rows_max,
    };
    let rows = engine.ledger.audit_events(query).await?;
    let full = rows.len() >= asked.rows_max;
    let next_cursor = rows.last().filter(|_| full).map(cursor_after);
    // The store finds actions by how they begin.
    let exact = asked.event_type.is_some();
    let is_wanted =
        |event: &MeshEvent| !exact || wanted.iter().any(|action| **action == *event.event_type);
    let seen = rows.iter().filter_map(shown::Seen::read).collect();
    let events = shown::events(engine, seen).into_iter().filter(is_wanted).collect();
    Ok(Page { events, next_cursor })
}

/// Rows of the audit as events, each with its moment; those that this version cannot read are left
/// out.
pub(super) fn of_rows(engine: &Engine, rows: &[AuditRow]) -> Vec<(Timestamp, MeshEvent)> {
    let seen = rows.iter().filter_map(|row| Some((row.at, shown::Seen::read(row)?)));
    let (moments, seen): (Vec<Timestamp>, Vec<shown::Seen>) = seen.unzip();
    moments.into_iter().zip(shown::events(engine, seen)).collect()
}

/// The actions that a filter asks for; all of the mesh's when there is none.
fn actions(event_type: Option<&str>) -> Vec<Box<str>> {
    match event_type {
        None => SUBJECTS.iter().map(|subject| Box::from(*subject)).collect(),
        Some(dotted) if dotted.contains('.') => {
            let ours = SUBJECTS.iter().any(|subject| dotted.starts_with(subject));
            ours.then(|| Box::from(dotted)).into_iter().collect()
        }
        Some(bare) => SUBJECTS.iter().map(|subject| format!("{subject}{bare}").into()).collect(),
    }
}

fn cursor_after(row: &AuditRow) -> String {
    let micros = row.at.as_micros();
    match row.chain {
        ChainId::Control => format!("{micros}.c.{}", row.position),
        ChainId::Epoch(epoch) => format!("{micros}.e{epoch}.{}", row.position),
    }
}

fn parse_cursor(text: &str) -> Option<Place> {
    let mut parts = text.splitn(3, '.');
    let (at, chain, position) = (parts.next()?, parts.next()?, parts.next()?);
    let chain = match chain.strip_prefix('e') {
        Some(epoch) => ChainId::Epoch(Epoch(epoch.parse().ok()?)),
        None if chain == "c" => ChainId::Control,
        None => return None,
    };
    Some((Timestamp::from_micros(at.parse().ok()?), chain, position.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axme_core::chain::Hash;

    #[test]
    fn a_cursor_leads_back_to_its_row() {
        for chain in [ChainId::Control, ChainId::Epoch(Epoch(7))] {
            let at = Timestamp::from_micros(1_772_355_612_000_041);
            let row = AuditRow { chain, position: 12, hash: Hash::START, at, body: Vec::new() };
            assert_eq!(parse_cursor(&cursor_after(&row)), Some((at, chain, 12)));
        }
        for bad in ["", "12", "1.x.2", "1.e.2", "1.c.-2", "1.c.2.3"] {
            assert_eq!(parse_cursor(bad), None, "{bad}");
        }
    }

    #[test]
    fn types_filter_dotted_and_bare() {
        assert_eq!(actions(Some("agent.killed")), [Box::from("agent.killed")]);
        assert!(actions(Some("killed")).contains(&Box::from("agent.killed")));
        assert!(actions(Some("sign_in.failed")).is_empty(), "that is the audit's");
        assert_eq!(actions(None).len(), SUBJECTS.len());
    }
}
