//! What the lanes write.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::control::ReplicaEpoch;
use crate::error::{StoreError, WriteError};
use crate::gate::Pass;
use crate::ledger::{Admitted, MetricsAdded, NewMetrics};
use crate::postgres::admit::{self, Admitting};
use crate::postgres::failure::Failure;
use crate::postgres::lane::{Lane, Size, Work};
use crate::postgres::moves::{self, Move, Moved};
use crate::postgres::session::Session;
use crate::postgres::settled::Settled;
use crate::postgres::usage;

/// New intents.
#[derive(Debug)]
pub(super) struct Admits;

/// What moves intents that are there.
#[derive(Debug)]
pub(super) struct Moves;

/// The metrics of beats.
#[derive(Debug)]
pub(super) struct Metrics;

/// Everything else, one job at a time.
#[derive(Debug)]
pub(super) struct Jobs;

#[async_trait]
impl Work for Admits {
    type Item = Admitting;
    type Answer = Admitted;

    fn size(item: &Admitting) -> Size {
        Size::of(item.intent.payload.len() + item.intent.extras.len())
    }

    async fn write(
        session: &Session,
        me: &ReplicaEpoch,
        items: &[Admitting],
        passes: &mut Vec<Pass>,
    ) -> Settled<Admitted> {
        admit::admit(session, me, items, passes).await
    }
}

#[async_trait]
impl Work for Moves {
    type Item = Move;
    type Answer = Moved;

    fn size(item: &Move) -> Size {
        match item {
            Move::HandOver(handings, _) => Size { items: handings.len(), bytes: 0 },
            Move::TakeBack(intents) => Size { items: intents.len(), bytes: 0 },
            Move::Record(fact) => {
                Size::of(fact.outcome.as_ref().map_or(0, |outcome| outcome.len()))
            }
            Move::Patch(patch) => Size::of(patch.merge.len()),
        }
    }

    async fn write(
        session: &Session,
        me: &ReplicaEpoch,
        items: &[Move],
        passes: &mut Vec<Pass>,
    ) -> Settled<Moved> {
        moves::run(session, me, items, passes).await
    }
}

#[async_trait]
impl Work for Metrics {
    type Item = NewMetrics;
    type Answer = MetricsAdded;

    fn size(_item: &NewMetrics) -> Size {
        Size::of(0)
    }

    async fn write(
        session: &Session,
        me: &ReplicaEpoch,
        items: &[NewMetrics],
        _passes: &mut Vec<Pass>,
    ) -> Settled<MetricsAdded> {
        match usage::add(session, me, items).await {
            Ok(added) => Settled {
                answers: added.into_iter().map(|one| Some(Ok(one))).collect(),
                failed: None,
            },
            Err(failure) => Settled { answers: Vec::new(), failed: Some(failure) },
        }
    }
}

/// A job with its arguments. Where its answer goes is its own affair.
pub(super) type Job =
    Box<dyn for<'a> Fn(&'a Session, &'a ReplicaEpoch) -> Running<'a> + Send + Sync>;

/// A job under way.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

#[async_trait]
impl Work for Jobs {
    type Item = Job;
    type Answer = ();

    fn size(_item: &Job) -> Size {
        Size::SLICE
    }

    async fn write(
        session: &Session,
        me: &ReplicaEpoch,
        items: &[Job],
        _passes: &mut Vec<Pass>,
    ) -> Settled<()> {
        let mut answers = Vec::new();
        for job in items {
            match job(session, me).await {
                Ok(()) => answers.push(Some(Ok(()))),
                Err(failure) => return Settled { answers, failed: Some(failure) },
            }
        }
        Settled { answers, failed: None }
    }
}

/// Where a job leaves its answer until it is settled.
pub(super) struct Kept<T>(Arc<Mutex<Option<T>>>);

impl<T> Kept<T> {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    pub(super) fn put(&self, answer: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Waits for a job that leaves its answer in `kept`.
pub(super) async fn run<T>(jobs: &Lane<Jobs>, kept: Kept<T>, job: Job) -> Result<T, WriteError> {
    jobs.write(job).await?;
    let lost = || StoreError::Unavailable("a job left no answer".to_owned());
    kept.take().ok_or_else(|| WriteError::Store(lost()))
}

/// Makes a [`Job`] of a call that is given the session and the epoch, and waits for its answer.
macro_rules! job {
    ($jobs:expr, |$session:ident, $me:ident| [$($held:ident),*] $call:expr) => {{
        let kept = crate::postgres::work::Kept::new();
        let held = std::sync::Arc::new(($($held,)*));
        let keep = kept.clone();
        let job: crate::postgres::work::Job = Box::new(move |$session, $me| {
            let (keep, held) = (keep.clone(), std::sync::Arc::clone(&held));
            Box::pin(async move {
                let ($($held,)*) = &*held;
                keep.put($call.await?);
                Ok(())
            })
        });
        crate::postgres::work::run($jobs, kept, job).await
    }};
}
pub(super) use job;
