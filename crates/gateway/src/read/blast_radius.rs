//! What a kill of an agent would hit.

use std::time::Duration;

use axme_api::mesh::{BlastRadiusAnswer, CountSource, Sender, Senders};
use axme_core::time::Timestamp;
use axme_engine::{Caller, Engine};
use axme_store::ledger::{self, SendersQuery};

use super::instances::sources;
use super::mesh_agent::{instances_of, shown_instances};
use super::{Found, ReadError, unless_stale, with_agent};

/// How far back senders are looked for.
const SENT_WITHIN: Duration = Duration::from_secs(60 * 60);
/// Intents that are looked at for them, twice: of those that have ended and of those that have not.
const INTENTS_LOOKED_AT_MAX: usize = 5_000;
/// Senders that are named.
const SENDERS_NAMED_MAX: usize = 20;

/// See the module.
pub(crate) async fn of(
    engine: &Engine,
    caller: &Caller,
    named: &str,
) -> Result<BlastRadiusAnswer, ReadError> {
    let found = with_agent(engine, caller, named, Found::of)?;
    let agent = &found.agent;
    let (workspace, address_id) = (agent.workspace_id, agent.address_id);
    // Those that were heard a moment ago count too; nobody waits for a store that is gone.
    if engine.control.stale_since().is_none()
        && let Err(error) = engine.instances.save_of(address_id).await
    {
        tracing::debug!(%error, "instances are counted as they are stored");
    }
    let instances = instances_of(engine, &[address_id]).await?.remove(&address_id);
    let ledger = &engine.ledger;
    let waiting = unless_stale(engine, ledger.waiting(workspace, &agent.address)).await?;
    let unfinished = ledger.delivered_unfinished(workspace, &agent.address);
    let unfinished = unless_stale(engine, unfinished).await?;
    let since = engine.clock.wall().minus(SENT_WITHIN);
    let senders = ledger.senders(SendersQuery {
        workspace_id: workspace,
        receiver: agent.address.clone(),
        since,
        intents_max: INTENTS_LOOKED_AT_MAX,
    });
    let senders = unless_stale(engine, senders).await?;
    Ok(BlastRadiusAnswer {
        ok: true,
        address_id: address_id.to_string(),
        address: agent.address.to_string(),
        display_name: agent.display_name().to_owned(),
        run_state: found.standing(engine).1.as_str().to_owned(),
        revision: found.revision.0,
        instances: shown_instances(instances.unwrap_or_default()),
        open_streams: engine.enforcer.open_streams(workspace, &agent.address) as u64,
        queued_to: waiting.to_it,
        queued_from: waiting.from_it,
        delivered_unfinished: unfinished,
        senders: others(senders, &found, since),
        sources: sources([
            ("instances", CountSource::Gateway),
            ("open_streams", CountSource::Gateway),
            ("queued_to", CountSource::Ledger),
            ("queued_from", CountSource::Ledger),
            ("delivered_unfinished", CountSource::Ledger),
            ("senders", CountSource::Ledger),
        ]),
    })
}

/// Everybody who sent but the agent itself, those that sent most first.
fn others(found: ledger::Senders, to: &Found, since: Timestamp) -> Senders {
    let mut senders = found.senders;
    senders.retain(|(address, _)| *address != to.agent.address);
    senders.sort_by(|(one, sent), (other, others)| others.cmp(sent).then_with(|| one.cmp(other)));
    let agents = senders.len() as u64;
    let name = |(address, intents): (axme_core::address::Address, u64)| Sender {
        address: address.to_string(),
        intents,
    };
    Senders {
        agents,
        at_least: found.more,
        since: since.to_string(),
        most: senders.into_iter().take(SENDERS_NAMED_MAX).map(name).collect(),
    }
}
