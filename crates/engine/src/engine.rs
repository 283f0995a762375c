//! The running core, put together: what the edges hold on to.

mod requeues;

use std::sync::Arc;
use std::time::Duration;

use axme_core::id::Revision;
use axme_store::control::ReplicaProfile;
use axme_store::ledger::Retention;
use axme_store::{ControlLog, Ledger, StoreError, WriteError};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::control::{Control, ControlParts};
use crate::enforcer::{Enforcer, Topic};
use crate::heartbeats::Heartbeats;
use crate::instances::Instances;
use crate::intents::{IntentOptions, Intents};
use crate::missed::{self, Missed};
use crate::observer::{FLUSH_EVERY, Observer};
use crate::rates::Rates;
use crate::schedule::{Schedule, Tick};
use crate::sessions::Sessions;
use crate::verifier::Verifier;
use requeues::Requeues;

/// How often epochs are looked after that have gone silent.
const ROLL_EVERY: Duration = Duration::from_secs(2);
/// How often the signs of life are read that other replicas have written.
const SIGNS_EVERY: Duration = Duration::from_secs(5);
/// Intents that are timed out together.
const TIME_OUT_BATCH_MAX: usize = 256;
/// How long idempotency keys and beat ids are remembered.
const KEYS_KEPT_FOR: Duration = Duration::from_secs(48 * 60 * 60);
/// How long an instance is remembered that is not heard any more.
const INSTANCES_KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How long sums of single hours are kept: as far back as usage can be asked for.
const HOURS_KEPT_FOR: Duration = Duration::from_secs(92 * 24 * 60 * 60);
/// How long sums of days are kept.
const DAYS_KEPT_FOR: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// What an engine is made of.
#[derive(Debug)]
pub struct EngineParts {
    pub log: Arc<dyn ControlLog>,
    pub ledger: Arc<dyn Ledger>,
    pub clock: Clock,
    pub replica: ReplicaProfile,
    pub options: EngineOptions,
}

/// How an engine behaves.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    pub lenient_addressing: bool,
    /// How long ended intents are kept.
    pub retain_intents: Duration,
    /// Free bytes below which no bulk data is taken.
    pub reserve_bytes: u64,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            lenient_addressing: false,
            retain_intents: Duration::from_secs(30 * 24 * 60 * 60),
            reserve_bytes: 64 << 20,
        }
    }
}

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    pub clock: Clock,
    pub enforcer: Arc<Enforcer>,
    pub control: Arc<Control>,
    pub intents: Intents,
    pub heartbeats: Heartbeats,
    pub instances: Arc<Instances>,
    pub observer: Arc<Observer>,
    pub rates: Arc<Rates>,
    pub verifier: Arc<Verifier>,
    pub sessions: Sessions,
    pub ledger: Arc<dyn Ledger>,
    pub options: EngineOptions,
    requeues: Arc<Requeues>,
    schedule: Schedule,
}

impl Engine {
    /// Joins the store, folds the log, and begins what happens by itself.
    pub async fn start(parts: EngineParts) -> Result<Self, StoreError> {
        let EngineParts { log, ledger, clock, replica, options } = parts;
        let schedule = Schedule { tasks: TaskTracker::new(), stop: CancellationToken::new() };
        let enforcer = Enforcer::new(clock.clone());
        let requeues = Arc::<Requeues>::default();
        let instances = Instances::new(&enforcer, &ledger, &clock);
        let control = Control::start(ControlParts {
            log,
            enforcer: Arc::clone(&enforcer),
            clock: clock.clone(),
            tasks: schedule.tasks.clone(),
            profile: replica,
            followers: vec![Arc::<Requeues>::clone(&requeues), Arc::<Instances>::clone(&instances)],
        })
        .await?;
        let observer = Arc::new(Observer::default());
        let rates = Arc::new(Rates::default());
        let intents = Intents::new(
            Arc::clone(&control),
            Arc::clone(&enforcer),
            Arc::clone(&ledger),
            Arc::clone(&observer),
            Arc::clone(&rates),
            clock.clone(),
            IntentOptions { lenient_addressing: options.lenient_addressing },
        );
        let sessions = Sessions::new(Arc::clone(&control), Arc::clone(&enforcer), clock.clone());
        let heartbeats = Heartbeats::new(
            Arc::clone(&control),
            Arc::clone(&enforcer),
            Arc::clone(&ledger),
            Arc::clone(&observer),
            Arc::clone(&instances),
            sessions.clone(),
            clock.clone(),
        );
        heartbeats.restore().await?;
        let engine = Self {
            clock,
            enforcer,
            control,
            intents,
            heartbeats,
            instances,
            observer,
            rates,
            verifier: Arc::default(),
            sessions,
            ledger,
            options,
            requeues,
            schedule,
        };
        engine.begin_schedule();
        if engine.control.log().is_shared() {
            engine.begin_sharing();
        }
        Ok(engine)
    }

    /// The tracker on which everything that outlives a request runs.
    #[must_use]
    pub const fn tasks(&self) -> &TaskTracker {
        &self.schedule.tasks
    }

    /// Admits nothing more, writes what is still in memory, and waits for everything under way.
    pub async fn stop(&self) {
        self.enforcer.end_streams();
        self.schedule.stop.cancel();
        self.schedule.tasks.close();
        self.schedule.tasks.wait().await;
        let me = [self.control.me()];
        let left = async {
            self.control.log().close(&me, self.clock.wall()).await?;
            self.control.log().retire(&me, self.clock.wall()).await
        };
        if let Err(error) = left.await {
            tracing::warn!(%error, "could not say goodbye to the store");
        }
    }

    /// Begins what a replica does because there may be others.
    fn begin_sharing(&self) {
        let stop = || self.schedule.stop.clone();
        let (control, enforcer) = (&self.control, &self.enforcer);
        let tasks = &self.schedule.tasks;
        tasks.spawn(Arc::clone(control).keep_renewing(stop()));
        tasks.spawn(missed::follow_the_log(Arc::clone(control), stop()));
        tasks.spawn(missed::pass_on(
            Arc::clone(control),
            Arc::clone(enforcer),
            Arc::clone(&self.instances),
            stop(),
        ));
        let control = Arc::clone(control);
        self.schedule.every("roll", ROLL_EVERY, move || {
            let control = Arc::clone(&control);
            async move { control.look_after_the_roll().await.map(|()| Tick::Done) }
        });
        let beats = self.heartbeats.clone();
        self.schedule.every("others' signs of life", SIGNS_EVERY, move || {
            let beats = beats.clone();
            async move { beats.read_others().await.map(|()| Tick::Done) }
        });
        let (engine, missed) = (self.clone(), Arc::new(Mutex::new(Missed::default())));
        let period = Missed::look_every(self.control.lease());
        self.schedule.every("missed hints", period, move || {
            let (engine, missed) = (engine.clone(), Arc::clone(&missed));
            async move {
                let mut missed = missed.lock().await;
                missed.look(&engine.enforcer, &*engine.ledger).await.map(|()| Tick::Done)
            }
        });
    }

    fn begin_schedule(&self) {
        let engine = self.clone();
        self.schedule.every("deadlines", Duration::from_millis(500), move || {
            let engine = engine.clone();
            async move { engine.time_out().await }
        });
        let beats = self.heartbeats.clone();
        self.schedule.every("signs of life", Duration::from_secs(1), move || {
            let beats = beats.clone();
            async move { beats.save().await.map(|()| Tick::Done) }
        });
        let instances = Arc::clone(&self.instances);
        self.schedule.every("instances", Duration::from_secs(1), move || {
            let instances = Arc::clone(&instances);
            async move { instances.save().await.map(|()| Tick::Done) }
        });
        let instances = Arc::clone(&self.instances);
        self.schedule.tasks.spawn(instances.keep_freezing(self.schedule.stop.clone()));
        let engine = self.clone();
        self.schedule.every("requeues", Duration::from_secs(1), move || {
            let engine = engine.clone();
            async move { engine.look_after_requeues().await.map(|()| Tick::Done) }
        });
        let (beats, control) = (self.heartbeats.clone(), Arc::clone(&self.control));
        self.schedule.every("health", Duration::from_secs(5), move || {
            let beats = beats.clone();
            let control = Arc::clone(&control);
            async move {
                // One replica tells of them: all see the same.
                if control.is_eldest() {
                    beats.look_for_changes().await;
                }
                Ok::<_, WriteError>(Tick::Done)
            }
        });
        let engine = self.clone();
        self.schedule.every("observations", FLUSH_EVERY, move || {
            let engine = engine.clone();
            async move { engine.write_observations().await }
        });
        let engine = self.clone();
        self.schedule.every("retention", Duration::from_secs(60), move || {
            let engine = engine.clone();
            async move { engine.retain().await }
        });
        let engine = self.clone();
        self.schedule.every("room", Duration::from_secs(1), move || {
            let engine = engine.clone();
            async move { engine.look_for_room().await }
        });
        let (control, last) =
            (Arc::clone(&self.control), Arc::new(Mutex::new(Revision::default())));
        self.schedule.every("snapshots", Duration::from_secs(10), move || {
            let (control, last) = (Arc::clone(&control), Arc::clone(&last));
            async move {
                if !control.is_eldest() {
                    return Ok(Tick::Done);
                }
                let mut last = last.lock().await;
                *last = control.keep_snapshot(*last).await?;
                Ok::<_, StoreError>(Tick::Done)
            }
        });
    }

    async fn time_out(&self) -> Result<Tick, WriteError> {
        let ended = self.ledger.time_out(self.clock.wall(), TIME_OUT_BATCH_MAX).await?;
        for intent in &ended {
            self.enforcer.wake(&Topic::Intent(intent.intent_id));
        }
        Ok(if ended.len() == TIME_OUT_BATCH_MAX { Tick::More } else { Tick::Done })
    }

    /// Writes what was seen to the audit chain of this epoch.
    pub async fn write_observations(&self) -> Result<Tick, WriteError> {
        let seen = self.observer.take();
        if !seen.is_empty() {
            self.ledger.observe(self.control.me().epoch, seen).await?;
        }
        Ok(Tick::Done)
    }

    async fn retain(&self) -> Result<Tick, WriteError> {
        if !self.control.is_eldest() {
            return Ok(Tick::Done);
        }
        let now = self.clock.wall();
        let retention = Retention {
            intents_ended_before: now.minus(self.options.retain_intents),
            keys_used_before: now.minus(KEYS_KEPT_FOR),
            instances_seen_before: now.minus(INSTANCES_KEPT_FOR),
            hours_before: now.minus(HOURS_KEPT_FOR),
            days_before: now.minus(DAYS_KEPT_FOR),
        };
        let more = self.ledger.retain(retention).await?;
        Ok(if more { Tick::More } else { Tick::Done })
    }

    async fn look_for_room(&self) -> Result<Tick, StoreError> {
        if let Some(free) = self.ledger.free_bytes().await? {
            self.enforcer.set_room(free >= self.options.reserve_bytes);
        }
        Ok(Tick::Done)
    }
}
