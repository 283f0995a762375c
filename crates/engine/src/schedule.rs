//! What happens by itself: each task is one function, run on a timer until the shutdown.

use std::future::Future;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Runs periodic tasks on one tracker and ends them with one token.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// Whether a task has more to do right away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    Done,
    More,
}

impl Schedule {
    /// Runs `task` every `period`, at once again while it has more to do, and a last time when the
    /// shutdown begins. A task that fails is tried again at its next turn.
    pub fn every<F, E>(
        &self,
        name: &'static str,
        period: Duration,
        mut task: impl FnMut() -> F + Send + 'static,
    ) where
        F: Future<Output = Result<Tick, E>> + Send,
        E: std::fmt::Display + Send,
    {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let mut timer = tokio::time::interval(period);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let last = tokio::select! {
                    _ = timer.tick() => false,
                    () = stop.cancelled() => true,
                };
                loop {
                    match task().await {
                        Ok(Tick::More) if !last => tokio::task::yield_now().await,
                        Ok(Tick::More | Tick::Done) => break,
                        Err(error) => {
                            tracing::warn!(task = name, %error, "failed; tried again later");
                            break;
                        }
                    }
                }
                if last {
                    return;
                }
            }
        });
    }
}
