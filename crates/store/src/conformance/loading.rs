//! Loading the control state, and what another process finds.

use axme_core::address::Address;
use axme_core::change::{Change, Entry};
use axme_core::id::{AddressId, KillId, Revision};
use axme_core::state::State;

use crate::conformance::stage::{Stage, address};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::control::{Expected, Loaded, LogEntry};

stories![
    loading_equals_folding_the_log,
    a_snapshot_and_the_tail_equal_the_whole_log,
    another_process_finds_everything,
    stops_and_resumes_are_found_among_everything_else,
];

/// Registers an address, which changes the state.
async fn register(stage: &Stage, address: Address) -> Result<(), Broken> {
    let address_id = AddressId::from_uuid(stage.uuid());
    let mut entry = stage.entry("agent.registered");
    let workspace_id = stage.workspace;
    entry.changes.push(Change::AddressRegistered { address_id, address, workspace_id });
    stage.log().append(stage.append_of(entry, Expected::Any)).await?;
    Ok(())
}

async fn folded(stage: &Stage) -> Result<State, Broken> {
    let mut state = State::default();
    for entry in stage.log().tail(Revision(0)).await? {
        state.apply(entry.revision, &entry.entry);
    }
    Ok(state)
}

async fn loading_equals_folding_the_log(stage: Stage) -> Result<(), Broken> {
    let empty = stage.log().load().await?;
    ensure_eq!((empty.state, empty.head), (State::default(), <_>::default()), "the empty state");
    for n in 0..10 {
        register(&stage, address(&format!("agent-{n}"))?).await?;
    }
    let Loaded { state, head } = stage.log().load().await?;
    ensure_eq!(state.agents().len(), 10, "the agents");
    ensure_eq!(state.revision(), head.revision, "the revision");
    ensure_eq!(state, folded(&stage).await?, "the state");
    Ok(())
}

async fn a_snapshot_and_the_tail_equal_the_whole_log(stage: Stage) -> Result<(), Broken> {
    for round in 0..4 {
        for n in 0..5 {
            register(&stage, address(&format!("agent-{round}-{n}"))?).await?;
        }
        stage.log().save_snapshot(stage.log().load().await?).await?;
    }
    register(&stage, address("the-last")?).await?;
    let stage = stage.reopen().await?;
    let loaded = stage.log().load().await?;
    ensure_eq!(loaded.state.agents().len(), 21, "the agents");
    ensure_eq!(loaded.state, folded(&stage).await?, "the state");
    Ok(())
}

async fn another_process_finds_everything(stage: Stage) -> Result<(), Broken> {
    register(&stage, address("mailer")?).await?;
    let intent = stage.sent("campaign", "mailer").await?;
    let kill = KillId::from_uuid(stage.uuid());
    stage.ledger().save_kill_record(kill, r#"{"streams_closed":1}"#.to_owned()).await?;
    stage.ledger().save_kill_record(kill, r#"{"streams_closed":2}"#.to_owned()).await?;
    let before = stage.log().load().await?;
    let epoch = stage.me.epoch;

    let stage = stage.reopen().await?;
    ensure!(stage.me.epoch > epoch, "the new epoch is not above the old one");
    let after = stage.log().load().await?;
    ensure_eq!((after.head, after.state), (before.head, before.state), "the control state");
    ensure_eq!(stage.stands(intent.intent_id).await?, intent, "the intent");
    let record = stage.ledger().kill_record(kill).await?;
    ensure_eq!(record.as_deref(), Some(r#"{"streams_closed":2}"#), "the kill's record");
    let unknown = stage.ledger().kill_record(KillId::from_uuid(stage.uuid())).await?;
    ensure!(unknown.is_none(), "a record was found that nobody kept");
    let next = stage.append("agent.killed").await?;
    ensure_eq!(next.revision, before.head.revision.next(), "the next revision");
    let later = stage.sent("campaign", "mailer").await?;
    ensure!(later.cursor > intent.cursor, "a cursor was given twice");
    Ok(())
}

async fn stops_and_resumes_are_found_among_everything_else(stage: Stage) -> Result<(), Broken> {
    let (agent, other) = (AddressId::from_uuid(stage.uuid()), AddressId::from_uuid(stage.uuid()));
    let orders = [
        ("agent.killed", agent),
        ("agent.registered", agent),
        ("agent.killed", other),
        ("agent.resumed", agent),
    ];
    for (action, address_id) in orders {
        let entry = Entry { address_id: Some(address_id), ..stage.entry(action) };
        stage.log().append(stage.append_of(entry, Expected::Any)).await?;
    }
    let revisions = |found: Vec<LogEntry>| -> Vec<u64> {
        found.into_iter().map(|logged| logged.revision.0).collect()
    };
    let all = revisions(stage.log().stops_and_resumes(Revision(0), None).await?);
    ensure_eq!(all, [1, 3, 4], "all of them");
    let of_agent = revisions(stage.log().stops_and_resumes(Revision(1), Some(agent)).await?);
    ensure_eq!(of_agent, [4], "those of an agent after a revision");
    Ok(())
}
