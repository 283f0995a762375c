//! What other replicas have written: heard of at once by hints, and found without them.

use std::collections::HashMap;
use std::sync::Arc;

use axme_core::lease::Lease;
use axme_store::hint::Hint;
use axme_store::ledger::{Positions, Watched};
use axme_store::{Ledger, StoreError};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::enforcer::{Enforcer, Topic};
use crate::instances::Instances;

/// Queues and intents that are asked about in one statement.
const WATCHED_MAX: usize = 1_000;

/// Folds what others append to the log as soon as they tell.
pub(crate) async fn follow_the_log(control: Arc<Control>, stop: CancellationToken) {
    let mut hints = control.log().hints();
    loop {
        let hint = tokio::select! {
            hint = hints.recv() => hint,
            () = stop.cancelled() => return,
        };
        match hint {
            Ok(Hint::Log | Hint::Everything) | Err(RecvError::Lagged(_)) => {
                // One reading answers every hint that waits.
                hints = hints.resubscribe();
                control.fold_hinted().await;
            }
            Ok(Hint::Reported | Hint::Queue(..) | Hint::Intent(_) | Hint::Kill(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Wakes whoever waits here for what others have written.
pub(crate) async fn pass_on(
    control: Arc<Control>,
    enforcer: Arc<Enforcer>,
    instances: Arc<Instances>,
    stop: CancellationToken,
) {
    let mut hints = control.log().hints();
    loop {
        let hint = tokio::select! {
            hint = hints.recv() => hint,
            () = stop.cancelled() => return,
        };
        match hint {
            Ok(Hint::Log) => {}
            Ok(Hint::Reported) => control.hear_reports(),
            Ok(Hint::Queue(workspace, address)) => {
                enforcer.wake(&Topic::Queue((workspace, address)));
            }
            Ok(Hint::Intent(intent)) => enforcer.wake(&Topic::Intent(intent)),
            Ok(Hint::Kill(kill)) => instances.hear_word(kill),
            Ok(Hint::Everything) | Err(RecvError::Lagged(_)) => {
                control.hear_reports();
                instances.hear_words();
                enforcer.wake_all();
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Where the queues and intents stood that streams wait for, at the last look.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    seen: HashMap<Topic, u64>,
}

impl Missed {
    /// How often to look: a stream that no hint reaches waits no longer.
    pub(crate) const fn look_every(lease: Lease) -> std::time::Duration {
        lease.length()
    }

    /// Looks whether anything has moved that a stream waits for, and wakes it.
    pub(crate) async fn look(
        &mut self,
        enforcer: &Enforcer,
        ledger: &dyn Ledger,
    ) -> Result<(), StoreError> {
        let topics = enforcer.topics();
        let mut seen = HashMap::with_capacity(topics.len());
        for some in topics.chunks(WATCHED_MAX) {
            let Positions { queues, intents } = ledger.positions(watched(some)).await?;
            let queues = queues.into_iter().map(|(queue, at)| (Topic::Queue(queue), at));
            let intents = intents.into_iter().map(|(intent, at)| (Topic::Intent(intent), at));
            for (topic, at) in queues.chain(intents) {
                if self.seen.get(&topic) != Some(&at) {
                    enforcer.wake(&topic);
                }
                seen.insert(topic, at);
            }
        }
        self.seen = seen;
        Ok(())
    }
}

fn watched(topics: &[Topic]) -> Watched {
    let mut watched = Watched::default();
    for topic in topics {
        match topic {
            Topic::Queue(queue) => watched.queues.push(queue.clone()),
            Topic::Intent(intent) => watched.intents.push(*intent),
            // Told by the fold of the log; and read again and again.
            Topic::Control(_) | Topic::Kill(_) => {}
        }
    }
    watched
}
