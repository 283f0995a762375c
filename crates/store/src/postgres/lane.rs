//! A lane: writes that wait in a bounded queue, and one worker that sends them in batches, one
//! batch at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::control::ReplicaEpoch;
use crate::error::{StoreError, WriteError};
use crate::gate::Pass;
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;
use crate::postgres::settled::Settled;
use crate::postgres::slot::Slot;
use crate::postgres::standing::Standing;

/// Writes that wait in one lane.
pub(super) const BULK_WAITING_MAX: usize = 16_384;
/// Bytes that wait in one lane.
const BULK_WAITING_BYTES_MAX: usize = 64 << 20;
/// Items of one batch.
pub(super) const BATCH_ITEMS_MAX: usize = 512;
/// Bytes of one batch; a single item may be larger.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// A batch that has no answer by then has an unknown outcome.
const BATCH_ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What a write takes of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

impl Size {
    /// One row or a few, of this many bytes.
    pub(super) const fn of(bytes: usize) -> Self {
        Self { items: 1, bytes }
    }

    /// So many rows that nothing else goes into the same batch.
    pub(super) const SLICE: Self = Self { items: BATCH_ITEMS_MAX, bytes: 0 };
}

/// What a lane writes.
#[async_trait]
pub(super) trait Work: Send + 'static {
    type Item: Send + Sync + 'static;
    type Answer: Send + 'static;

    fn size(item: &Self::Item) -> Size;

    /// Writes a batch. `passes` holds what was let through and has no known outcome yet, also when
    /// this is dropped before it ends.
    async fn write(
        session: &Session,
        me: &ReplicaEpoch,
        items: &[Self::Item],
        passes: &mut Vec<Pass>,
    ) -> Settled<Self::Answer>;
}

/// The end of a lane at which callers wait.
#[derive(Debug)]
pub(super) struct Lane<W: Work> {
    waiting: mpsc::Sender<Queued<W>>,
    bytes: Arc<AtomicUsize>,
}

/// The end of a lane that writes.
#[derive(Debug)]
pub(super) struct Worker<W: Work> {
    waiting: mpsc::Receiver<Queued<W>>,
    bytes: Arc<AtomicUsize>,
    slot: Slot,
    standing: Arc<Standing>,
}

#[derive(Debug)]
struct Queued<W: Work> {
    item: W::Item,
    reply: oneshot::Sender<Result<W::Answer, WriteError>>,
}

/// A lane of at most `waiting_max` waiting writes.
pub(super) fn lane<W: Work>(
    slot: Slot,
    standing: &Arc<Standing>,
    waiting_max: usize,
) -> (Lane<W>, Worker<W>) {
    let (sender, receiver) = mpsc::channel(waiting_max.max(1));
    let bytes = Arc::new(AtomicUsize::new(0));
    let worker = Worker {
        waiting: receiver,
        bytes: Arc::clone(&bytes),
        slot,
        standing: Arc::clone(standing),
    };
    (Lane { waiting: sender, bytes }, worker)
}

impl<W: Work> Lane<W> {
    /// Waits until one item is written, or refused.
    pub(super) async fn write(&self, item: W::Item) -> Result<W::Answer, WriteError> {
        let bytes = W::size(&item).bytes;
        let waiting = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        let pushed = if waiting.saturating_add(bytes) > BULK_WAITING_BYTES_MAX {
            Err(WriteError::Busy)
        } else {
            self.waiting.try_send(Queued { item, reply }).map_err(|turned| match turned {
                mpsc::error::TrySendError::Full(_) => WriteError::Busy,
                mpsc::error::TrySendError::Closed(_) => {
                    WriteError::Store(crate::postgres::closed().into())
                }
            })
        };
        if let Err(refused) = pushed {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(refused);
        }
        let lost =
            |_gone| WriteError::Store(StoreError::OutcomeUnknown("the store has ended".to_owned()));
        answer.await.map_err(lost)?
    }
}

impl<W: Work> Worker<W> {
    /// Writes until the lane is closed and empty, or `closing` comes; then what waits is written.
    pub(super) async fn run(mut self, closing: tokio_util::sync::CancellationToken) {
        let mut left = VecDeque::new();
        loop {
            let first = match left.pop_front() {
                Some(first) => first,
                None => match self.next(&closing).await {
                    Some(first) => first,
                    None => break,
                },
            };
            let batch = self.gather(first, &mut left);
            self.write(batch).await;
        }
        self.slot.empty().await;
    }

    async fn next(&mut self, closing: &tokio_util::sync::CancellationToken) -> Option<Queued<W>> {
        if !closing.is_cancelled() {
            tokio::select! {
                next = self.waiting.recv() => return next,
                () = closing.cancelled() => {}
            }
        }
        self.waiting.close();
        self.waiting.recv().await
    }

    /// What waits already and fits into one batch; nothing is waited for.
    fn gather(&mut self, first: Queued<W>, left: &mut VecDeque<Queued<W>>) -> Vec<Queued<W>> {
        let Size { mut items, mut bytes } = W::size(&first.item);
        let mut batch = vec![first];
        while items < BATCH_ITEMS_MAX && bytes < BATCH_BYTES_MAX {
            let Ok(next) = self.waiting.try_recv() else { break };
            let size = W::size(&next.item);
            items = items.saturating_add(size.items);
            bytes = bytes.saturating_add(size.bytes);
            if items > BATCH_ITEMS_MAX || bytes > BATCH_BYTES_MAX {
                left.push_back(next);
                break;
            }
            batch.push(next);
        }
        let taken = batch.iter().map(|queued| W::size(&queued.item).bytes).sum();
        self.bytes.fetch_sub(taken, Ordering::Relaxed);
        batch
    }

    async fn write(&self, batch: Vec<Queued<W>>) {
        let (items, replies): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|queued| (queued.item, queued.reply)).unzip();
        let Settled { answers, failed } = self.attempt(&items).await;
        // The items, and with them their gates, are gone before anybody is answered.
        drop(items);
        let fate = failed.map_or_else(
            || StoreError::Unavailable("the write was not begun".to_owned()),
            StoreError::from,
        );
        let mut answers = answers.into_iter();
        for reply in replies {
            let answer = answers.next().flatten();
            let answer = answer.unwrap_or_else(|| Err(WriteError::Store(fate.clone())));
            // A caller that has gone does not want its answer any more.
            drop(reply.send(answer));
        }
    }

    async fn attempt(&self, items: &[W::Item]) -> Settled<W::Answer> {
        let none = |failed| Settled { answers: Vec::new(), failed: Some(failed) };
        let Ok(me) = self.standing.own() else { return none(Failure::Fenced) };
        let session = match self.slot.session_of(Some(me.epoch)).await {
            Ok(session) => session,
            Err(failure) => return none(failure),
        };
        let mut passes = Vec::new();
        let writing = W::write(&session, &me, items, &mut passes);
        let settled = tokio::time::timeout(BATCH_ANSWER_WITHIN, writing).await;
        let settled = settled.unwrap_or_else(|_late| {
            none(Failure::Lost("PostgreSQL did not answer in time".to_owned()))
        });
        if let Some(Failure::Lost(_)) = &settled.failed {
            session.cut();
            self.standing.lose(&me, passes);
        }
        settled
    }
}
