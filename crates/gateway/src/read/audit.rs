//! The audit: what was done and seen, and the chains that prove it.

mod chain;
mod csv;
mod cursor;
mod shown;
mod verified;

use axme_api::audit::{AuditEventsAnswer, AuditQuery, ChainAnswer, ChainQuery};
use axme_api::error::ErrorCode;
use axme_core::time::Timestamp;
use axme_engine::{Caller, Engine};
use axme_store::ledger;
use axme_store::ledger::{AuditRow, ChainId};

use super::{ReadError, list_limit, with_agent};
pub(crate) use csv::csv;
pub(crate) use verified::verified;

/// Entries of a chain that are answered at most, and when the caller names no limit.
const CHAIN_ENTRIES_MAX: usize = ledger::LIST_ROWS_MAX;

/// A page of the audit within the scope of the caller's key, newest first.
pub(crate) async fn events(
    engine: &Engine,
    caller: &Caller,
    query: &AuditQuery,
) -> Result<AuditEventsAnswer, ReadError> {
    let limit = list_limit(query.limit)?;
    let Rows { rows, next_cursor } = rows(engine, caller, query, limit).await?;
    let events = rows.iter().map(shown::event).collect();
    Ok(AuditEventsAnswer { ok: true, events, next_cursor })
}

/// Some rows of the audit, and where to go on.
struct Rows {
    rows: Vec<AuditRow>,
    next_cursor: Option<String>,
}

async fn rows(
    engine: &Engine,
    caller: &Caller,
    query: &AuditQuery,
    limit: usize,
) -> Result<Rows, ReadError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let agent = given(&query.agent);
    let agent = agent.map(|named| with_agent(engine, caller, &named, |_, found| found.address_id));
    let mut rows = engine
        .ledger
        .audit_events(ledger::AuditQuery {
            scope: caller.key.scope,
            action_prefixes: given(&query.action_prefix).into_iter().map(Box::from).collect(),
            actor: given(&query.actor).map(String::into_boxed_str),
            address_id: agent.transpose()?,
            since: moment("since", query.since.as_deref())?,
            until: moment("until", query.until.as_deref())?,
            after: cursor::read(query.cursor.as_deref())?,
            // That there is one more is how a page knows that the list goes on.
            rows_max: limit + 1,
        })
        .await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(cursor::write);
    Ok(Rows { rows, next_cursor })
}

/// A piece of one chain, oldest first, with the bodies that the caller may read.
pub(crate) async fn chain(
    engine: &Engine,
    caller: &Caller,
    query: &ChainQuery,
) -> Result<ChainAnswer, ReadError> {
    let limit = entries_limit(query.limit)?;
    let named = query.chain.as_deref().filter(|named| !named.is_empty()).unwrap_or("control");
    let missing = || ReadError::not_found(ErrorCode::ChainNotFound, named);
    let chain: ChainId = cursor::chain_id(named).ok_or_else(missing)?;
    let ledger = &engine.ledger;
    // The head is read after the entries: it is never behind them.
    let links = ledger.chain(chain, query.after.unwrap_or(0)).await?;
    let heads = ledger.chains().await?;
    let head = heads.iter().find(|(id, _)| *id == chain).ok_or_else(missing)?.1;
    let entries = links.into_iter().take(limit).map(|link| chain::entry(caller, chain, link));
    Ok(ChainAnswer {
        ok: true,
        chain: cursor::chain_name(chain),
        entries: entries.collect(),
        head: chain::head(head),
        chains: heads.iter().map(|(id, _)| cursor::chain_name(*id)).collect(),
    })
}

fn entries_limit(asked: Option<u32>) -> Result<usize, ReadError> {
    match asked {
        None => Ok(CHAIN_ENTRIES_MAX),
        Some(0) => Err(ReadError::query("limit", "must be at least 1")),
        Some(limit) => {
            Ok(usize::try_from(limit)
                .map_or(CHAIN_ENTRIES_MAX, |limit| limit.min(CHAIN_ENTRIES_MAX)))
        }
    }
}

fn moment(name: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, ReadError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse::<Timestamp>() {
        Ok(at) => Ok(Some(at)),
        Err(problem) => Err(ReadError::query(name, problem.to_string())),
    }
}
