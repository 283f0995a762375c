//! What waits from and to an agent, and who sends to it.

use axme_core::intent::Status;

use crate::conformance::stage::{Stage, address, at};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::ledger::{Intent, SendersQuery, Waiting};

stories![what_was_never_handed_over_waits_and_counts_once, senders_are_counted_as_far_as_is_looked,];

/// An intent that was admitted at a moment.
async fn sent_at(stage: &Stage, from: &str, to: &str, step: i64) -> Result<Intent, Broken> {
    let mut new = stage.intent(from, to)?;
    new.created_at = at(step);
    stage.admitted(new).await
}

async fn what_was_never_handed_over_waits_and_counts_once(stage: Stage) -> Result<(), Broken> {
    let nothing = stage.ledger().waiting(stage.workspace, &address("mailer")?).await?;
    ensure_eq!(nothing, Waiting::default(), "what waits at an agent without intents");
    let delivered = sent_at(&stage, "campaign", "mailer", 1).await?;
    stage.hand_over(delivered.intent_id).await?;
    let ended = sent_at(&stage, "campaign", "mailer", 2).await?;
    stage.ledger().record(stage.fact(ended.intent_id, Status::Completed)).await?;
    sent_at(&stage, "campaign", "mailer", 5).await?;
    sent_at(&stage, "campaign", "mailer", 6).await?;
    sent_at(&stage, "mailer", "campaign", 4).await?;
    sent_at(&stage, "mailer", "mailer", 7).await?;
    sent_at(&stage, "campaign", "campaign", 3).await?;
    let waiting = stage.ledger().waiting(stage.workspace, &address("mailer")?).await?;
    let wanted = Waiting { to_it: 3, from_it: 2, to_itself: 1, oldest_at: Some(at(4)) };
    ensure_eq!(waiting, wanted, "what waits");
    ensure_eq!(waiting.total(), 4, "all of it");
    Ok(())
}

async fn senders_are_counted_as_far_as_is_looked(stage: Stage) -> Result<(), Broken> {
    for step in 1..=4 {
        let intent = sent_at(&stage, "campaign", "mailer", step).await?;
        if step % 2 == 0 {
            stage.ledger().record(stage.fact(intent.intent_id, Status::Completed)).await?;
        }
    }
    sent_at(&stage, "reporter", "mailer", 5).await?;
    sent_at(&stage, "reporter", "campaign", 5).await?;
    let query = |since, intents_max| -> Result<SendersQuery, Broken> {
        let (workspace_id, receiver) = (stage.workspace, address("mailer")?);
        Ok(SendersQuery { workspace_id, receiver, since: at(since), intents_max })
    };
    let found = stage.ledger().senders(query(2, 100)?).await?;
    let wanted = [(address("campaign")?, 3), (address("reporter")?, 1)];
    ensure_eq!(found.senders, wanted, "who sent since then");
    ensure!(!found.more, "there are more than were looked at");
    let found = stage.ledger().senders(query(2, 1)?).await?;
    let wanted = [(address("campaign")?, 1), (address("reporter")?, 1)];
    ensure_eq!(found.senders, wanted, "who sent the newest");
    ensure!(found.more, "that there are more is not said");
    let found = stage.ledger().senders(query(5, 1)?).await?;
    ensure_eq!(found.senders, [(address("reporter")?, 1)], "who sent last");
    Ok(())
}
