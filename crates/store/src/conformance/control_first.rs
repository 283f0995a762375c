//! Control goes ahead of bulk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use crate::conformance::gates::CountingGate;
use crate::conformance::stage::{Stage, address};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::error::WriteError;
use crate::ledger::Admitted;

stories![a_control_change_overtakes_the_flood_that_waits];

/// Intents that are sent at once.
const FLOOD: usize = 5_000;

async fn a_control_change_overtakes_the_flood_that_waits(stage: Stage) -> Result<(), Broken> {
    let decided = Arc::new(AtomicUsize::new(0));
    let mut flood: JoinSet<Result<Admitted, WriteError>> = JoinSet::new();
    let sent = Arc::new(AtomicUsize::new(0));
    for _ in 0..FLOOD {
        let (ledger, intent) = (stage.ledger(), stage.intent("campaign", "mailer")?);
        let (gate, sent) = (Box::new(CountingGate(Arc::clone(&decided))), Arc::clone(&sent));
        flood.spawn(async move {
            sent.fetch_add(1, Ordering::SeqCst);
            ledger.admit(intent, gate).await
        });
    }
    while sent.load(Ordering::SeqCst) < FLOOD {
        tokio::task::yield_now().await;
    }
    let waiting = FLOOD - decided.load(Ordering::SeqCst);
    stage.append("agent.killed").await?;
    let left = FLOOD - decided.load(Ordering::SeqCst);
    // Where the engine was quicker than the flood there was nothing to overtake.
    ensure!(
        left > 0 || waiting < FLOOD / 4,
        "the kill came last: {waiting} intents waited before it and {left} after it"
    );
    let mut admitted = 0;
    while let Some(answer) = flood.join_next().await {
        let answer = answer.map_err(|error| Broken(error.to_string()))?;
        match answer {
            Ok(_) => admitted += 1,
            Err(error) => return Err(error.into()),
        }
    }
    ensure_eq!(admitted, FLOOD, "the flood");
    let sender = address("campaign")?;
    let tally = stage.ledger().tally(stage.workspace, &sender).await?;
    ensure_eq!(tally.sent, FLOOD as u64, "the rows");
    Ok(())
}
