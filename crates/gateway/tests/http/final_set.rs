//! When a kill has answered, what the agent has admitted is final: in the middle of a flood too.

use std::cell::Cell;
use std::time::Duration;

use axme_core::address::Address;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::world::Agent;

/// Callers that send as fast as they can.
const SENDERS: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_admitted_after_a_kill_has_answered() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    for round in 0..5 {
        let acknowledged = Cell::new(0_usize);
        let flood = join_all((0..SENDERS).map(|_| async {
            loop {
                let answer = campaign.send(&mailer.address).await;
                if answer.status == 403 {
                    return answer.refused(403, "agent_killed");
                }
                answer.ok();
                acknowledged.set(acknowledged.get() + 1);
            }
        }));
        let before = rows(&gateway, &campaign).await;
        let killing = async {
            tokio::time::sleep(Duration::from_millis(30 * (round + 1))).await;
            let killed = owner.post_nothing(&campaign.path("kill")).await.ok();
            (killed, rows(&gateway, &campaign).await)
        };
        let (refused, (killed, at_kill)) = tokio::join!(flood, killing);
        assert_eq!(refused.len(), SENDERS, "each of them was told");
        let after = rows(&gateway, &campaign).await;
        assert_eq!(after, at_kill, "round {round}");
        assert_eq!(usize::try_from(after - before).unwrap(), acknowledged.get(), "round {round}");
        assert!(killed["receipt"]["enforced_in_ms"].as_f64().unwrap() < 800.0, "{killed}");
        owner.post_nothing(&campaign.path("resume")).await.ok();
    }
    let counts = counts(&gateway, &campaign).await;
    assert_eq!(counts["admitted"], json!(rows(&gateway, &campaign).await));
    assert_eq!(counts["denied"], json!(5 * SENDERS));
}

/// How many intents of this agent the store holds.
async fn rows(gateway: &Gateway, agent: &Agent<'_>) -> u64 {
    let address = Address::parse(&agent.address).unwrap();
    let home =
        gateway.engine().control.read(|state| state.workspaces().next().unwrap().workspace_id);
    gateway.engine().ledger.tally(home, &address).await.unwrap().sent
}

async fn counts(gateway: &Gateway, agent: &Agent<'_>) -> Value {
    let path = format!("/v1/mesh/agents/{}", agent.address_id);
    gateway.owner().get(&path).await.ok()["agent"]["counts"].clone()
}
