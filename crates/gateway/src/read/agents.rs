//! The agents of a workspace: searched, filtered, sorted, in pages, and all of them counted.
//!
//! By address, a page is read without looking at the rest. Searched or sorted otherwise, every
//! agent is looked at in memory; the store is read once for each page.

mod asked;
mod order;
mod page;
mod scan;
mod summary;

use std::collections::{BTreeMap, HashMap};

use axme_api::mesh::{AgentListAnswer, AgentListQuery};
use axme_core::id::AddressId;
use axme_core::period::Period;
use axme_engine::{Caller, Engine};
use axme_store::ledger::Usage;

use super::mesh_agent::{Kept, instances_of, mesh_agent};
use super::{Found, Page, Place, ReadError, asked_workspace, finding, unless_stale};
use asked::{Asked, Filter, SortBy, Start};
pub(super) use page::is_listed;
use scan::Candidate;

/// What agents reported in a period. In an order, so that the same sums come out each time.
type Reported = BTreeMap<AddressId, Usage>;

/// A page of the agents of a workspace, and all that the search matches counted. `query.health` is
/// one of our own words.
pub(crate) async fn list(
    engine: &Engine,
    caller: &Caller,
    place: Place<'_>,
    query: &AgentListQuery,
) -> Result<AgentListAnswer, ReadError> {
    let workspace = asked_workspace(engine, caller, place)?;
    let asked = Asked::read(query, workspace, caller)?;
    let since = asked_period(query.window.as_deref())?.start(engine.clock.wall());
    let only = finding::only(caller)?;
    let usage = unless_stale(engine, engine.ledger.usage(workspace, only, since)).await?;
    let usage: Reported = usage.into_iter().collect();
    let (page, summary) = match asked.by_address() {
        Some(after) => {
            let summary = summary::of_all(engine, &asked, &usage);
            (page::read(engine, &asked, after).await, summary)
        }
        None => {
            let scanned = scan::all(engine, &asked, &usage).await?;
            let found = sorted(engine, &asked, scanned.candidates).await?;
            (cut(engine, &asked, found), scanned.summary)
        }
    };
    let shown_ids: Vec<AddressId> = page.rows.iter().map(|found| found.agent.address_id).collect();
    let kept = Kept::of(engine, workspace, &shown_ids).await?;
    let show = |found: &Found| {
        mesh_agent(engine, found, usage.get(&found.agent.address_id).copied(), &kept)
    };
    let agents = page.rows.iter().map(show).collect();
    Ok(AgentListAnswer { ok: true, agents, summary, next_cursor: page.next_cursor })
}

/// The period that a query names; a day when it names none.
pub(super) fn asked_period(window: Option<&str>) -> Result<Period, ReadError> {
    match window {
        None | Some("") => Ok(Period::Day),
        Some(word) => Period::parse(word)
            .ok_or_else(|| ReadError::query("window", "must be day, week or month")),
    }
}

/// Puts candidates, which come by address, into the order that is asked for.
async fn sorted(
    engine: &Engine,
    asked: &Asked,
    mut candidates: Vec<Candidate>,
) -> Result<Vec<Candidate>, ReadError> {
    let ids: Vec<AddressId> = match asked.order.by {
        SortBy::Instances => candidates.iter().map(|candidate| candidate.address_id).collect(),
        SortBy::Address
        | SortBy::Trouble
        | SortBy::Name
        | SortBy::Health
        | SortBy::LastHeartbeat
        | SortBy::Intents
        | SortBy::Cost => Vec::new(),
    };
    let instances =
        if ids.is_empty() { HashMap::new() } else { instances_of(engine, &ids).await? };
    order::sort(&mut candidates, asked.order, &instances);
    Ok(candidates)
}

/// The page of sorted candidates that is asked for, each as the control state has it now.
fn cut(engine: &Engine, asked: &Asked, candidates: Vec<Candidate>) -> Page<Found> {
    let skipped = match &asked.start {
        Start::After(address) => {
            candidates.iter().take_while(|candidate| candidate.address <= *address).count()
        }
        Start::Offset(rows) => *rows,
    };
    let rest: Vec<Candidate> = candidates.into_iter().skip(skipped).collect();
    let next = |last: &Candidate| {
        if asked.order.is_plain() {
            last.address.to_string()
        } else {
            asked::offset_cursor(skipped.saturating_add(asked.limit))
        }
    };
    let page = Page::take(rest.into_iter(), asked.limit, next);
    let rows = engine.control.read(|state| {
        let found =
            |candidate: Candidate| Some(Found::of(state, state.agent(candidate.address_id)?));
        page.rows.into_iter().filter_map(found).collect()
    });
    Page { rows, next_cursor: page.next_cursor }
}
