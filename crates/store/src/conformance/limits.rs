//! What the gateway counts of each agent, and the limits that are judged by it.

use std::sync::Arc;
use std::time::Duration;

use axme_core::audit::{OBSERVATION_FORMAT, Observation};
use axme_core::id::AddressId;
use axme_core::intent::Status;
use axme_core::period::{day_start, hour_start};
use axme_core::policy::{Breach, CostLimits, Dimension, Money, OnBreach};
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use tokio::task::JoinSet;

use crate::conformance::gates::{LimitedGate, open_gate};
use crate::conformance::stage::Stage;
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::error::WriteError;
use crate::ledger::{Admitted, NewIntent, NewMetrics, Per, Traffic, TrafficQuery, Usage};

stories![
    what_is_admitted_is_counted_by_hour_and_day,
    a_limit_is_never_exceeded_by_one,
    a_new_hour_begins_at_zero,
    a_limit_holds_in_another_process,
    reported_cost_stops_what_comes_after,
    beyond_a_limit_that_alerts_everything_is_admitted,
    beyond_a_limit_that_asks_an_intent_waits,
    a_replayed_intent_is_not_counted_again,
    denials_are_counted_with_their_audit,
];

const HOUR: Duration = Duration::from_secs(60 * 60);
/// The full hour at which the stories begin: eight in the morning.
const MORNING: Timestamp = Timestamp::from_micros(8 * 3_600_000_000);

fn intent(stage: &Stage, sender: AddressId, at: Timestamp) -> Result<NewIntent, Broken> {
    let new = stage.intent("campaign", "mailer")?;
    Ok(NewIntent { sender_id: Some(sender), created_at: at, ..new })
}

fn agent(stage: &Stage) -> AddressId {
    AddressId::from_uuid(stage.uuid())
}

fn per_hour(intents: u64) -> CostLimits {
    CostLimits { intents_per_hour: Some(intents), ..CostLimits::default() }
}

async fn send(
    stage: &Stage,
    sender: AddressId,
    at: Timestamp,
    limits: &CostLimits,
) -> Result<Result<Admitted, WriteError>, Broken> {
    let gate = Box::new(LimitedGate(Arc::new(limits.clone())));
    Ok(stage.ledger().admit(intent(stage, sender, at)?, gate).await)
}

fn breach<T>(answer: &Result<T, WriteError>) -> Option<Breach> {
    match answer {
        Err(WriteError::OverLimit(breach)) => Some(*breach),
        Ok(_) | Err(_) => None,
    }
}

async fn traffic(
    stage: &Stage,
    agents: Vec<AddressId>,
    per: Per,
) -> Result<Vec<(AddressId, Timestamp, Traffic)>, Broken> {
    let query =
        TrafficQuery { workspace_id: stage.workspace, agents, since: day_start(MORNING), per };
    Ok(stage.ledger().traffic(query).await?)
}

async fn what_is_admitted_is_counted_by_hour_and_day(stage: Stage) -> Result<(), Broken> {
    let (one, other) = (agent(&stage), agent(&stage));
    for (sender, hours) in [(one, 0), (one, 0), (one, 3), (one, 20), (other, 0)] {
        let new = intent(&stage, sender, MORNING.plus(HOUR * hours))?;
        stage.ledger().admit(new, open_gate()).await?;
    }
    let unnamed = NewIntent { sender_id: None, ..intent(&stage, one, MORNING)? };
    stage.ledger().admit(unnamed, open_gate()).await?;
    let counts = |found: Vec<(AddressId, Timestamp, Traffic)>| -> Vec<_> {
        found.into_iter().map(|(of, start, traffic)| (of, start, traffic.admitted)).collect()
    };
    let hours = counts(traffic(&stage, vec![one], Per::Hour).await?);
    let at = |hours: u32| MORNING.plus(HOUR * hours);
    ensure_eq!(hours, [(one, at(0), 2), (one, at(3), 1), (one, at(20), 1)], "by hour");
    let days = counts(traffic(&stage, vec![one], Per::Day).await?);
    let day = day_start(MORNING);
    ensure_eq!(days, [(one, day, 3), (one, day.plus(HOUR * 24), 1)], "by day");
    let mut all = counts(traffic(&stage, Vec::new(), Per::Query).await?);
    all.sort_unstable();
    let mut wanted = [(one, day, 4), (other, day, 1)];
    wanted.sort_unstable();
    ensure_eq!(all, wanted, "of everybody");
    Ok(())
}

async fn a_limit_is_never_exceeded_by_one(stage: Stage) -> Result<(), Broken> {
    let sender = agent(&stage);
    let (stage, limits) = (Arc::new(stage), per_hour(25));
    let mut sending = JoinSet::new();
    for _ in 0..100 {
        let (stage, limits) = (Arc::clone(&stage), limits.clone());
        sending.spawn(async move { send(&stage, sender, MORNING, &limits).await });
    }
    let (mut admitted, mut refused) = (0, 0);
    while let Some(sent) = sending.join_next().await {
        let sent = sent.map_err(|error| Broken(error.to_string()))??;
        match breach(&sent) {
            Some(breach) => {
                ensure_eq!((breach.used, breach.limit), (25, 25), "what the refusal says");
                refused += 1;
            }
            None => {
                sent?;
                admitted += 1;
            }
        }
    }
    ensure_eq!((admitted, refused), (25, 75), "admitted and refused");
    let counted = traffic(&stage, vec![sender], Per::Query).await?;
    ensure_eq!(counted.first().map(|(.., traffic)| traffic.admitted), Some(25), "the count");
    Ok(())
}

async fn a_new_hour_begins_at_zero(stage: Stage) -> Result<(), Broken> {
    let (sender, limits) = (agent(&stage), per_hour(1));
    send(&stage, sender, MORNING, &limits).await??;
    let refused = breach(&send(&stage, sender, MORNING.plus(HOUR / 2), &limits).await?);
    ensure_eq!(refused.map(|breach| breach.dimension), Some(Dimension::IntentsPerHour), "refused");
    send(&stage, sender, MORNING.plus(HOUR), &limits).await??;
    let both = CostLimits { intents_per_day: Some(2), ..per_hour(1) };
    let refused = breach(&send(&stage, sender, MORNING.plus(HOUR * 2), &both).await?);
    ensure_eq!(refused.map(|breach| breach.dimension), Some(Dimension::IntentsPerDay), "the day");
    send(&stage, sender, MORNING.plus(HOUR * 24), &both).await??;
    Ok(())
}

async fn a_limit_holds_in_another_process(stage: Stage) -> Result<(), Broken> {
    let (sender, limits) = (agent(&stage), per_hour(2));
    send(&stage, sender, MORNING, &limits).await??;
    let stage = stage.reopen().await?;
    send(&stage, sender, MORNING, &limits).await??;
    let refused = breach(&send(&stage, sender, MORNING, &limits).await?);
    ensure_eq!(refused.map(|breach| breach.used), Some(2), "what was used by both");
    Ok(())
}

async fn reported_cost_stops_what_comes_after(stage: Stage) -> Result<(), Broken> {
    let sender = agent(&stage);
    let limits = CostLimits { cost_per_day: Money::from_usd(1.0), ..CostLimits::default() };
    for (beat, cost_usd) in [("one", 0.75), ("two", 0.5)] {
        send(&stage, sender, MORNING, &limits).await??;
        let usage = Usage { cost_usd, ..Usage::default() };
        let metrics = NewMetrics {
            address_id: sender,
            workspace_id: stage.workspace,
            beat_id: beat.into(),
            usage,
            at: MORNING,
        };
        stage.ledger().add_metrics(metrics).await?;
    }
    let refused = breach(&send(&stage, sender, MORNING, &limits).await?);
    let amounts = refused.map(|breach| breach.amounts());
    ensure_eq!(amounts, Some((1.25.into(), 1.0.into())), "used and limit");
    send(&stage, sender, MORNING.plus(HOUR * 24), &limits).await??;
    Ok(())
}

async fn beyond_a_limit_that_alerts_everything_is_admitted(stage: Stage) -> Result<(), Broken> {
    let sender = agent(&stage);
    let limits = CostLimits { on_breach: OnBreach::Alert, ..per_hour(1) };
    for nth in 0..3 {
        let Admitted::New { status, breach, .. } = send(&stage, sender, MORNING, &limits).await??
        else {
            return Err(Broken("a new intent was taken for a replay".to_owned()));
        };
        ensure_eq!(status, Status::Submitted, "the status");
        ensure_eq!(breach.map(|breach| breach.used), (nth > 0).then_some(nth), "what is told");
    }
    Ok(())
}

async fn beyond_a_limit_that_asks_an_intent_waits(stage: Stage) -> Result<(), Broken> {
    let sender = agent(&stage);
    let limits = CostLimits { on_breach: OnBreach::RequireApproval, ..per_hour(1) };
    let mut statuses = Vec::new();
    for _ in 0..2 {
        match send(&stage, sender, MORNING, &limits).await?? {
            Admitted::New { status, .. } => statuses.push(status),
            Admitted::Before { .. } => return Err(Broken("taken for a replay".to_owned())),
        }
    }
    ensure_eq!(statuses, [Status::Submitted, Status::Waiting], "the statuses");
    Ok(())
}

async fn a_replayed_intent_is_not_counted_again(stage: Stage) -> Result<(), Broken> {
    let (sender, limits) = (agent(&stage), per_hour(2));
    let key = crate::conformance::stage::key("once", "request");
    for _ in 0..3 {
        let new = NewIntent { idempotency: Some(key.clone()), ..intent(&stage, sender, MORNING)? };
        let gate = Box::new(LimitedGate(Arc::new(limits.clone())));
        stage.ledger().admit(new, gate).await?;
    }
    let answer = send(&stage, sender, MORNING, &limits).await?;
    ensure!(answer.is_ok(), "a replay was counted: {answer:?}");
    Ok(())
}

async fn denials_are_counted_with_their_audit(stage: Stage) -> Result<(), Broken> {
    let denied = agent(&stage);
    let seen = |action: &str, at: Timestamp, count| Observation {
        format: OBSERVATION_FORMAT,
        action: action.into(),
        at,
        scope: Scope::Workspace { org: stage.org, workspace: stage.workspace },
        actor: None,
        client_address: None,
        request_id: None,
        target: None,
        address_id: Some(denied),
        result: "refused".into(),
        count,
        details: None,
    };
    let minute = Duration::from_secs(60);
    let all = vec![
        seen("agent.denied", MORNING, 40),
        seen("agent.denied", MORNING.plus(minute), 2),
        seen("sign_in.failed", MORNING, 7),
    ];
    stage.ledger().observe(stage.me.epoch, all).await?;
    let counted = traffic(&stage, vec![denied], Per::Hour).await?;
    let wanted = Traffic { admitted: 0, denied: 42 };
    ensure_eq!(counted, [(denied, hour_start(MORNING), wanted)], "what was counted");
    Ok(())
}
