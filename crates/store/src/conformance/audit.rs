//! The audit: chains of observations, and the events of all chains.

use axme_core::audit::{OBSERVATION_FORMAT, Observation};
use axme_core::chain::{Head, Link};
use axme_core::change::{ActorKind, ActorName};
use axme_core::id::{AddressId, KeyId, OrgId, WorkspaceId};
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use uuid::Uuid;

use crate::conformance::stage::{Stage, at};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::control::Expected;
use crate::ledger::{AuditQuery, AuditRow, ChainId};

stories![
    observations_are_a_chain_of_their_epoch,
    audit_events_are_newest_first_and_go_on,
    audit_filters_leave_only_what_they_name,
    a_scope_sees_only_what_it_covers,
];

fn seen(action: &str, at: Timestamp, scope: Scope) -> Observation {
    Observation {
        format: OBSERVATION_FORMAT,
        action: action.into(),
        at,
        scope,
        actor: None,
        client_address: None,
        request_id: None,
        target: None,
        address_id: None,
        result: "refused".into(),
        count: 1,
        details: None,
    }
}

fn everything() -> AuditQuery {
    AuditQuery {
        scope: Scope::Installation,
        action_prefixes: Vec::new(),
        actor: None,
        address_id: None,
        since: None,
        until: None,
        after: None,
        rows_max: 100,
    }
}

async fn events(stage: &Stage, query: AuditQuery) -> Result<Vec<AuditRow>, Broken> {
    Ok(stage.ledger().audit_events(query).await?)
}

async fn observations_are_a_chain_of_their_epoch(stage: Stage) -> Result<(), Broken> {
    let epoch = stage.me.epoch;
    let see = |n| seen("agent.denied", at(n), stage.scope());
    stage.ledger().observe(epoch, vec![see(1), see(2)]).await?;
    stage.ledger().observe(epoch, vec![see(3)]).await?;
    let mut head = Head::default();
    for link in stage.ledger().chain(ChainId::Epoch(epoch), 0).await? {
        ensure_eq!(link.scope, stage.scope(), "the scope");
        let (position, hash, body_hash) = (link.position, link.hash, link.body_hash);
        let link = Link { position, hash, body_hash, body: Some(&link.body) };
        head = head.verify(&link).map_err(|fault| Broken(fault.to_string()))?;
    }
    ensure_eq!(head.position, 3, "the links");
    let heads = stage.ledger().chains().await?;
    ensure!(heads.contains(&(ChainId::Epoch(epoch), head)), "the head is another: {heads:?}");

    let stage = stage.reopen().await?;
    let late =
        stage.ledger().observe(epoch, vec![seen("agent.denied", at(4), stage.scope())]).await;
    ensure!(late.is_err(), "an epoch that is over was continued");
    let see = seen("agent.denied", at(4), stage.scope());
    stage.ledger().observe(stage.me.epoch, vec![see]).await?;
    let first = stage.ledger().chain(ChainId::Epoch(stage.me.epoch), 0).await?;
    ensure_eq!(first.first().map(|link| link.position), Some(1), "the new chain begins");
    Ok(())
}

async fn audit_events_are_newest_first_and_go_on(stage: Stage) -> Result<(), Broken> {
    // Two of each moment in each chain, so that a page may end between equals.
    for n in [1, 1, 2, 2, 3] {
        let mut entry = stage.entry("agent.killed");
        entry.at = at(n);
        stage.log().append(stage.append_of(entry, Expected::Any)).await?;
        let see = seen("agent.denied", at(n), stage.scope());
        stage.ledger().observe(stage.me.epoch, vec![see]).await?;
    }
    let all = events(&stage, everything()).await?;
    ensure_eq!(all.len(), 10, "the events");
    ensure!(all.is_sorted_by(|newer, older| newer.at >= older.at), "they are out of order");
    for rows_max in 1..5 {
        let (mut query, mut found) = (AuditQuery { rows_max, ..everything() }, Vec::new());
        loop {
            let page = events(&stage, query.clone()).await?;
            ensure!(page.len() <= rows_max, "a page is too long");
            let Some(last) = page.last() else { break };
            query.after = Some((last.at, last.chain, last.position));
            found.extend(page);
            ensure!(found.len() <= 10, "the pages do not end");
        }
        ensure_eq!(found, all, "pages of {rows_max}");
    }
    Ok(())
}

async fn audit_filters_leave_only_what_they_name(stage: Stage) -> Result<(), Broken> {
    let agent = AddressId::from_uuid(stage.uuid());
    let key_id = KeyId::from_uuid(stage.uuid());
    let actor = ActorName { kind: ActorKind::Key, name: "alice".into(), key_id: Some(key_id) };
    for (n, action) in [(1, "agent.killed"), (2, "agent.resumed"), (3, "key.created")] {
        let mut entry = stage.entry(action);
        entry.at = at(n);
        if n == 1 {
            (entry.address_id, entry.actor) = (Some(agent), actor.clone());
        }
        stage.log().append(stage.append_of(entry, Expected::Any)).await?;
    }
    let mut see = seen("agent.denied", at(4), stage.scope());
    (see.address_id, see.actor) = (Some(agent), Some(actor));
    stage.ledger().observe(stage.me.epoch, vec![see]).await?;

    let prefixes = |prefixes: &[&str]| AuditQuery {
        action_prefixes: prefixes.iter().map(|prefix| (*prefix).into()).collect(),
        ..everything()
    };
    let queries = [
        ("agent.", prefixes(&["agent."]), 3),
        ("one of two", prefixes(&["agent.k", "key."]), 2),
        ("no pattern", prefixes(&["agent_", "%"]), 0),
        ("of the agent", AuditQuery { address_id: Some(agent), ..everything() }, 2),
        ("by alice", AuditQuery { actor: Some("alice".into()), ..everything() }, 2),
        ("by her key", AuditQuery { actor: Some(key_id.to_string().into()), ..everything() }, 2),
        ("since", AuditQuery { since: Some(at(2)), ..everything() }, 3),
        ("until", AuditQuery { until: Some(at(2)), ..everything() }, 1),
    ];
    for (name, query, count) in queries {
        ensure_eq!(events(&stage, query).await?.len(), count, "{name}");
    }
    Ok(())
}

async fn a_scope_sees_only_what_it_covers(stage: Stage) -> Result<(), Broken> {
    let other_org = OrgId::from_uuid(Uuid::from_u128(11));
    let other = WorkspaceId::from_uuid(Uuid::from_u128(12));
    let scopes = [
        (Scope::Installation, 5),
        (Scope::Organization { org: stage.org }, 3),
        (stage.scope(), 1),
        (Scope::Workspace { org: stage.org, workspace: other }, 1),
        (Scope::Organization { org: other_org }, 1),
    ];
    for (scope, _) in scopes {
        let mut entry = stage.entry("key.created");
        entry.scope = scope;
        stage.log().append(stage.append_of(entry, Expected::Any)).await?;
        stage.ledger().observe(stage.me.epoch, vec![seen("agent.denied", at(9), scope)]).await?;
    }
    for (scope, covered) in scopes {
        let found = events(&stage, AuditQuery { scope, ..everything() }).await?;
        ensure_eq!(found.len(), covered * 2, "what {scope:?} sees");
    }
    let links = stage.ledger().chain(ChainId::Control, 0).await?;
    let found: Vec<_> = links.iter().map(|link| link.scope).collect();
    ensure_eq!(found, scopes.iter().map(|(scope, _)| *scope).collect::<Vec<_>>(), "the links");
    Ok(())
}
