//! The two bounded queues in front of the writer: control first, then bulk.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sqlite::job::Job;

/// Control changes that may wait.
pub(super) const CONTROL_WAITING_MAX: usize = 1_024;
/// Bulk writes that may wait.
pub(super) const BULK_WAITING_MAX: usize = 16_384;
/// Bytes of payload that may wait.
const BULK_WAITING_BYTES_MAX: usize = 64 << 20;
/// Items of one bulk transaction.
pub(super) const BATCH_ITEMS_MAX: usize = 512;
/// Bytes of payload in one bulk transaction, unless a single item has more.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    Full,
    Closed,
}

/// What the writer does next.
pub(super) enum Next {
    Control(Box<dyn Job>),
    Bulk(VecDeque<Box<dyn Job>>),
    /// Nothing came for as long as the writer had patience.
    Idle,
    /// Closed, and everything that was taken has been handed out.
    Closed,
}

/// See the module.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    /// Asked between the items of a batch, without the lock.
    control_waits: AtomicBool,
    bulk_max: usize,
}

#[derive(Default)]
struct Waiting {
    control: VecDeque<Box<dyn Job>>,
    bulk: VecDeque<Box<dyn Job>>,
    bulk_bytes: usize,
    /// The writer sleeps: only then a wake-up costs a system call.
    sleeping: bool,
    closed: bool,
}

impl Queue {
    pub(super) fn new(bulk_max: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            control_waits: AtomicBool::new(false),
            bulk_max,
        }
    }

    pub(super) fn push_control(&self, job: Box<dyn Job>) -> Result<(), Turned> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Turned::Closed);
        }
        if waiting.control.len() >= CONTROL_WAITING_MAX {
            return Err(Turned::Full);
        }
        waiting.control.push_back(job);
        self.control_waits.store(true, Ordering::Release);
        self.wake(waiting);
        Ok(())
    }

    pub(super) fn push_bulk(&self, job: Box<dyn Job>) -> Result<(), Turned> {
        let bytes = job.size().bytes;
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Turned::Closed);
        }
        let too_many = waiting.bulk.len() >= self.bulk_max;
        if too_many || waiting.bulk_bytes.saturating_add(bytes) > BULK_WAITING_BYTES_MAX {
            return Err(Turned::Full);
        }
        waiting.bulk_bytes += bytes;
        waiting.bulk.push_back(job);
        self.wake(waiting);
        Ok(())
    }

    /// Waits for something to do, at most for `patience`.
    pub(super) fn next(&self, patience: Option<Duration>) -> Next {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.control.pop_front() {
                self.control_waits.store(!waiting.control.is_empty(), Ordering::Release);
                return Next::Control(job);
            }
            if !waiting.bulk.is_empty() {
                return Next::Bulk(waiting.take_batch());
            }
            if waiting.closed {
                return Next::Closed;
            }
            waiting.sleeping = true;
            let timed_out;
            (waiting, timed_out) = self.sleep(waiting, patience);
            waiting.sleeping = false;
            if timed_out && waiting.is_empty() && !waiting.closed {
                return Next::Idle;
            }
        }
    }

    /// Puts back, in front, what a batch had no time for.
    pub(super) fn give_back(&self, jobs: VecDeque<Box<dyn Job>>) {
        if jobs.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        for job in jobs.into_iter().rev() {
            waiting.bulk_bytes += job.size().bytes;
            waiting.bulk.push_front(job);
        }
    }

    /// Whether a control change waits for the batch to end.
    pub(super) fn control_waits(&self) -> bool {
        self.control_waits.load(Ordering::Acquire)
    }

    /// Takes nothing more. What was taken is still written.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        self.wake(waiting);
    }

    /// Drops what waits; its callers learn that no answer comes.
    pub(super) fn clear(&self) {
        let mut waiting = self.lock();
        waiting.control.clear();
        waiting.bulk.clear();
        waiting.bulk_bytes = 0;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, waiting: MutexGuard<'_, Waiting>) {
        let sleeping = waiting.sleeping;
        drop(waiting);
        if sleeping {
            self.wake.notify_one();
        }
    }

    fn sleep<'a>(
        &self,
        waiting: MutexGuard<'a, Waiting>,
        patience: Option<Duration>,
    ) -> (MutexGuard<'a, Waiting>, bool) {
        match patience {
            None => (self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner), false),
            Some(patience) => {
                let woken = self.wake.wait_timeout(waiting, patience);
                let (waiting, result) = woken.unwrap_or_else(PoisonError::into_inner);
                (waiting, result.timed_out())
            }
        }
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.control.is_empty() && self.bulk.is_empty()
    }

    /// What is there, up to the size of a batch, in order; one item at least.
    fn take_batch(&mut self) -> VecDeque<Box<dyn Job>> {
        let (mut items, mut bytes) = (0_usize, 0_usize);
        let mut fits = 0;
        for job in &self.bulk {
            let size = job.size();
            (items, bytes) = (items.saturating_add(size.items), bytes.saturating_add(size.bytes));
            if fits > 0 && (items > BATCH_ITEMS_MAX || bytes > BATCH_BYTES_MAX) {
                break;
            }
            fits += 1;
            self.bulk_bytes = self.bulk_bytes.saturating_sub(size.bytes);
        }
        self.bulk.drain(..fits).collect()
    }
}
