//! What the control log says of one agent's kills and resumes.

use axme_core::change::{Change, Entry};
use axme_core::id::{AddressId, KillId, Revision};
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use axme_store::StoreError;
use axme_store::ledger::{AuditQuery, AuditRow, ChainId, LIST_ROWS_MAX};

use axme_engine::Engine;

/// Pages of an agent's history that one request reads at most.
const PAGES_MAX: usize = 100;

const RESUMED: &str = "agent.resumed";
const STOPPED: [&str; 3] = ["agent.killed", "agent.paused", "agent.quarantined"];

/// The resume that ended a kill: the first one after it, since a resume lifts every hold that is
/// older than itself.
pub(crate) async fn resume_after(
    engine: &Engine,
    agent: AddressId,
    kill: Revision,
) -> Result<Option<Entry>, StoreError> {
    let mut first = None;
    let visit = |revision: Revision, entry: Entry| {
        let later = revision > kill;
        if later {
            first = Some(entry);
        }
        later
    };
    visit_newest_first(engine, agent, &[RESUMED], visit).await?;
    Ok(first)
}

/// The kills that a resume ended, oldest first: those that it had seen, back to the resume before.
pub(crate) async fn kills_before(
    engine: &Engine,
    agent: AddressId,
    resume: Revision,
    seen: Revision,
) -> Result<Vec<KillId>, StoreError> {
    let mut kills = Vec::new();
    let visit = |revision: Revision, entry: Entry| {
        if revision >= resume {
            return true;
        }
        if &*entry.action == RESUMED {
            return false;
        }
        if revision <= seen {
            kills.extend(entry.changes.iter().filter_map(added_kill));
        }
        true
    };
    let [killed, paused, quarantined] = STOPPED;
    visit_newest_first(engine, agent, &[RESUMED, killed, paused, quarantined], visit).await?;
    kills.reverse();
    Ok(kills)
}

fn added_kill(change: &Change) -> Option<KillId> {
    change.added_hold().map(|(_, hold)| hold.kill_id)
}

/// Visits control changes of one agent, newest first, until `visit` says that it has seen enough.
async fn visit_newest_first(
    engine: &Engine,
    agent: AddressId,
    actions: &[&str],
    mut visit: impl FnMut(Revision, Entry) -> bool,
) -> Result<(), StoreError> {
    let mut after: Option<(Timestamp, ChainId, u64)> = None;
    for _page in 0..PAGES_MAX {
        let query = AuditQuery {
            // What the caller may see was asked before.
            scope: Scope::Installation,
            action_prefixes: actions.iter().map(|action| Box::from(*action)).collect(),
            actor: None,
            address_id: Some(agent),
            since: None,
            until: None,
            after,
            rows_max: LIST_ROWS_MAX,
        };
        let rows = engine.ledger.audit_events(query).await?;
        for row in &rows {
            if let Some((revision, entry)) = control_entry(row)
                && !visit(revision, entry)
            {
                return Ok(());
            }
        }
        match rows.last() {
            Some(last) if rows.len() == LIST_ROWS_MAX => {
                after = Some((last.at, last.chain, last.position));
            }
            Some(_) | None => return Ok(()),
        }
    }
    Ok(())
}

fn control_entry(row: &AuditRow) -> Option<(Revision, Entry)> {
    match row.chain {
        ChainId::Control => Some((Revision(row.position), Entry::decode(&row.body).ok()?)),
        ChainId::Epoch(_) => None,
    }
}
