//! Admitting intents: the hot path. A whole batch is one statement.

mod columns;
mod used;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axme_core::decide::Admission;
use axme_core::id::{IntentId, Revision};
use axme_core::intent::Status;
use axme_core::policy::{Breach, CostLimits};
use tokio_postgres::Row;

pub use columns::STORE as ADMIT;

use crate::control::ReplicaEpoch;
use crate::error::{StoreError, WriteError};
use crate::gate::{Gate, Pass};
use crate::ledger::{Admitted, NewIntent};
use crate::lifecycle::{self, Meter};
use crate::postgres::columns::{Columns as _, storable, storable_key};
use crate::postgres::failure::Failure;
use crate::postgres::rows;
use crate::postgres::session::Session;
use crate::postgres::settled::Settled;
use crate::postgres::traffic;

/// Statements in a row that answer nobody, before the rest is told to come again.
const IDLE_ROUNDS_MAX: usize = 8;

/// An intent that waits for its batch.
#[derive(Debug)]
pub(super) struct Admitting {
    pub(super) intent: NewIntent,
    pub(super) gate: Box<dyn Gate>,
}

/// Decides each item again, and stores those that are admitted. `passes` holds what was let through
/// by the statement that was sent last.
pub(super) async fn admit(
    session: &Session,
    me: &ReplicaEpoch,
    items: &[Admitting],
    passes: &mut Vec<Pass>,
) -> Settled<Admitted> {
    let mut batch = Batch { items, answers: items.iter().map(unstorable).collect() };
    let (mut waiting, mut idle) = (batch.waiting(), 0);
    let mut failed = None;
    while waiting > 0 {
        if let Err(failure) = batch.round(session, me, passes).await
            && !failure.is_passing()
        {
            failed = Some(failure);
            break;
        }
        idle = if batch.waiting() == waiting { idle + 1 } else { 0 };
        waiting = batch.waiting();
        if idle == IDLE_ROUNDS_MAX {
            batch.give_up();
            break;
        }
    }
    Settled { answers: batch.answers, failed }
}

/// The items of a call, and their answers as far as they are certain.
struct Batch<'a> {
    items: &'a [Admitting],
    answers: Vec<Option<Result<Admitted, WriteError>>>,
}

/// An item that was decided again, and goes into the statement.
struct Decided<'a> {
    /// Its place in the batch.
    place: usize,
    intent: &'a NewIntent,
    revision: Revision,
    status: Status,
    breach: Option<Breach>,
}

/// An item that its gate let through, and its limits.
struct Passed<'a> {
    place: usize,
    intent: &'a NewIntent,
    revision: Revision,
    admission: Admission,
    limits: Option<Arc<CostLimits>>,
}

impl<'a> Batch<'a> {
    fn waiting(&self) -> usize {
        self.answers.iter().filter(|answer| answer.is_none()).count()
    }

    /// Sends what waits in one statement. An error answers nobody; whom it leaves without an
    /// answer was not stored, unless the outcome is unknown.
    async fn round(
        &mut self,
        session: &Session,
        me: &ReplicaEpoch,
        passes: &mut Vec<Pass>,
    ) -> Result<(), Failure> {
        let passed = self.decide_again(passes);
        let decided = self.judge(session, passed).await?;
        if decided.is_empty() {
            return Ok(());
        }
        let stored = match store(session, me, &decided).await {
            Ok(stored) => stored,
            Err(failure) if failure.is_taken("intents_intent_id_key") => {
                passes.clear();
                return self.refuse_taken(session, &decided).await;
            }
            Err(failure) => return Err(failure),
        };
        passes.clear();
        let mut used = Vec::new();
        for Decided { place, intent, revision, status, breach } in decided {
            match stored.get(&intent.intent_id) {
                Some(&cursor) => {
                    self.answer(place, Ok(Admitted::New { cursor, revision, status, breach }));
                }
                // Its idempotency key was there.
                None => used.extend(intent.idempotency.as_ref().map(|key| (place, key))),
            }
        }
        for (place, answered) in used::find(session, &used).await? {
            self.answer(place, lifecycle::before(&answered));
        }
        Ok(())
    }

    /// Asks the gates of those that go next. Of two with the same key the second waits for what
    /// becomes of the first.
    fn decide_again(&mut self, passes: &mut Vec<Pass>) -> Vec<Passed<'a>> {
        passes.clear();
        let (mut passed, mut keys) = (Vec::new(), HashSet::new());
        for (place, Admitting { intent, gate }) in self.items.iter().enumerate() {
            let is_next = matches!(self.answers.get(place), Some(None))
                && intent
                    .idempotency
                    .as_ref()
                    .is_none_or(|key| keys.insert((&*key.sender, &*key.endpoint, &*key.key)));
            if !is_next {
                continue;
            }
            match gate.decide_again() {
                Ok(pass) => {
                    let limits = pass.limits.clone();
                    let (revision, admission) = (pass.revision, pass.admission);
                    passed.push(Passed { place, intent, revision, admission, limits });
                    passes.push(pass);
                }
                Err(denial) => self.answer(place, Err(denial.into())),
            }
        }
        passed
    }

    /// Judges by the limits of the senders. The lane sends one batch at a time, so that nothing of
    /// this replica is counted in between; what others count is seen with the next batch.
    async fn judge(
        &mut self,
        session: &Session,
        passed: Vec<Passed<'a>>,
    ) -> Result<Vec<Decided<'a>>, Failure> {
        let mut meter = Meter::default();
        let mut decided = Vec::with_capacity(passed.len());
        for Passed { place, intent, revision, admission, limits } in passed {
            if let Some((sender, day)) = meter.lacks(intent, limits.as_deref()) {
                meter.learn((sender, day), traffic::day_of(session, sender, day).await?);
            }
            match meter.judge(intent, limits.as_deref()) {
                Ok(judged) => {
                    meter.add(intent);
                    let status = lifecycle::first_status(admission, judged);
                    let breach = judged.breach;
                    decided.push(Decided { place, intent, revision, status, breach });
                }
                Err(refused) => self.answer(place, Err(refused)),
            }
        }
        Ok(decided)
    }

    /// Refuses those whose id another intent has, so that the others can go.
    async fn refuse_taken(
        &mut self,
        session: &Session,
        decided: &[Decided<'_>],
    ) -> Result<(), Failure> {
        let ids: Vec<_> = decided.iter().map(|item| *item.intent.intent_id.as_uuid()).collect();
        let sql = "SELECT intent_id FROM intents WHERE intent_id = ANY($1)";
        let mut taken = HashSet::new();
        for row in session.read(sql, &[&ids]).await? {
            taken.insert(IntentId::from_bytes(row.id(0)?));
        }
        for item in decided {
            // The first of the batch with an id that is free takes it.
            if !taken.insert(item.intent.intent_id) {
                let text = format!("there is an intent {} already", item.intent.intent_id);
                self.answer(item.place, Err(StoreError::Unusable(text).into()));
            }
        }
        Ok(())
    }

    fn give_up(&mut self) {
        for answer in self.answers.iter_mut().filter(|answer| answer.is_none()) {
            let text = "others were always first: try again".to_owned();
            *answer = Some(Err(StoreError::Unavailable(text).into()));
        }
    }

    fn answer(&mut self, place: usize, answer: Result<Admitted, WriteError>) {
        if let Some(open) = self.answers.get_mut(place) {
            *open = Some(answer);
        }
    }
}

/// Stores what was decided, and answers the cursors of those whose key was new.
async fn store(
    session: &Session,
    me: &ReplicaEpoch,
    decided: &[Decided<'_>],
) -> Result<HashMap<IntentId, u64>, Failure> {
    let columns = columns::Columns::of(me, decided);
    let rows = session.write(columns::STORE, &columns.parameters(me)).await?;
    rows::require_open(&rows)?;
    rows.iter().filter_map(|row| cursor(row).transpose()).collect()
}

fn cursor(row: &Row) -> Result<Option<(IntentId, u64)>, Failure> {
    let Some(id) = row.optional_id(1)? else { return Ok(None) };
    Ok(Some((IntentId::from_bytes(id), row.number(2)?)))
}

/// The refusal of an item that cannot be stored.
fn unstorable(item: &Admitting) -> Option<Result<Admitted, WriteError>> {
    let NewIntent { intent_type, correlation_id, payload, extras, idempotency, .. } = &item.intent;
    let mut texts = [intent_type, correlation_id, payload, extras].into_iter();
    let storable = texts
        .try_for_each(|text| storable(text))
        .and_then(|()| idempotency.iter().try_for_each(storable_key));
    storable.err().map(|failure| Err(failure.into()))
}
