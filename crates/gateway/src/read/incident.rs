//! A kill told from before it until after it: what happened, what was refused, how it ended.

mod denials;
mod timeline;

use std::time::Duration;

use axme_api::mesh::{CountSource, IncidentAnswer};
use axme_core::id::{AddressId, KillId};
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use axme_engine::{Caller, Engine};
use axme_store::StoreError;
use axme_store::ledger::{AuditQuery, AuditRow, LIST_ROWS_MAX};

use super::instances::sources;
use super::{ReadError, kill_record};

/// How long before a kill it is begun to be told.
const TOLD_BEFORE: Duration = Duration::from_secs(15 * 60);
/// Pages of the audit that are read for one incident at most, of each kind.
const PAGES_MAX: usize = 10;

/// See the module.
pub(crate) async fn of(
    engine: &Engine,
    caller: &Caller,
    id: KillId,
) -> Result<IncidentAnswer, ReadError> {
    let logged = kill_record::logged(engine, caller, id).await?;
    let resumed = kill_record::resume_of(engine, &logged).await?;
    let kill = kill_record::filled(engine, &logged, id, resumed.as_ref()).await?;
    let killed_at = logged.entry.at;
    let told = Told {
        scope: caller.key.scope,
        agent: kill_record::ordered(&logged).map(|(_, agent)| agent),
        since: killed_at.minus(TOLD_BEFORE),
        until: resumed.as_ref().map_or_else(|| engine.clock.wall(), |entry| entry.at),
    };
    let ends = timeline::Ends { kill: &kill.kill.event_id, killed_at };
    let (timeline, more) = timeline::read(engine, &told, ends).await?;
    let denials = denials::read(engine, &told, killed_at, resumed.is_none()).await?;
    Ok(IncidentAnswer {
        ok: true,
        since: told.since.to_string(),
        until: told.until.to_string(),
        kill,
        timeline,
        more,
        denials,
        sources: sources([
            ("timeline", CountSource::Ledger),
            ("denials", CountSource::Gateway),
            ("kill.receipt", CountSource::Gateway),
            ("kill.instance_totals.stopped", CountSource::Reported),
        ]),
    })
}

/// About whom and when an incident is.
#[derive(Debug)]
struct Told {
    scope: Scope,
    agent: Option<AddressId>,
    since: Timestamp,
    /// The last moment of it.
    until: Timestamp,
}

impl Told {
    /// The audit's rows of these actions since a moment, newest first, and whether there are more.
    async fn rows(
        &self,
        engine: &Engine,
        actions: &[&str],
        since: Timestamp,
    ) -> Result<(Vec<AuditRow>, bool), StoreError> {
        let Some(agent) = self.agent else { return Ok((Vec::new(), false)) };
        let mut rows: Vec<AuditRow> = Vec::new();
        for _page in 0..PAGES_MAX {
            let query = AuditQuery {
                scope: self.scope,
                action_prefixes: actions.iter().map(|action| Box::from(*action)).collect(),
                actor: None,
                address_id: Some(agent),
                since: Some(since),
                // What happened at the last moment itself belongs to it.
                until: Some(self.until.plus(Duration::from_micros(1))),
                after: rows.last().map(|last| (last.at, last.chain, last.position)),
                rows_max: LIST_ROWS_MAX,
            };
            let page = engine.ledger.audit_events(query).await?;
            let is_last = page.len() < LIST_ROWS_MAX;
            rows.extend(page);
            if is_last {
                return Ok((rows, false));
            }
        }
        Ok((rows, true))
    }
}
