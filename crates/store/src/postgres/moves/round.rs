//! One round of a batch: read, decide, store.

use std::collections::{HashMap, HashSet};

use axme_core::id::IntentId;
use axme_core::time::Timestamp;

use crate::control::{Answered, ReplicaEpoch};
use crate::gate::Pass;
use crate::ledger::{Event, Fact, Handing, Intent, Patch, Patched, Recorded};
use crate::lifecycle;
use crate::postgres::advance::{self, Moving};
use crate::postgres::failure::Failure;
use crate::postgres::moves::found::{self, Found};
use crate::postgres::moves::step::{Answer, Step};
use crate::postgres::session::Session;

/// Moves what waits, and fills in the answers that are certain then. What was overtaken stays
/// without an answer. After an error nothing of the round was stored, unless the outcome is
/// unknown.
pub(super) async fn round(
    session: &Session,
    me: &ReplicaEpoch,
    (steps, answers): (&[Step<'_>], &mut [Option<Answer>]),
    passes: &mut Vec<Pass>,
) -> Result<(), Failure> {
    passes.clear();
    let waiting = next_of(steps, answers);
    let found = found::find(session, me, &waiting).await?;
    let mut deciding = Deciding { passes, rows: HashMap::new(), answers: Vec::new() };
    for ((_, step), found) in waiting.iter().zip(found) {
        deciding.decide(*step, found);
    }
    let Deciding { passes, rows, answers: decided } = deciding;
    let (mut moving, still): (Vec<_>, Vec<_>) = rows.into_values().partition(Moving::has_moved);
    let mut cursors: HashMap<IntentId, u64> =
        still.iter().map(|still| (still.intent.intent_id, still.intent.cursor)).collect();
    if !moving.is_empty() {
        let moved = advance::advance(session, me, &mut moving).await?;
        passes.clear();
        for Moving { intent, .. } in &moving {
            cursors.extend(moved.get(&intent.row_id).map(|cursor| (intent.intent_id, *cursor)));
        }
    }
    for Decided { place, of, answer } in decided {
        let answer = match of {
            None => Some(answer),
            Some(id) => cursors.get(&id).map(|cursor| answer.with_cursor(*cursor)),
        };
        if let Some(open) = answers.get_mut(place) {
            *open = answer;
        }
    }
    Ok(())
}

/// The steps that go into this round. Of two with the same key the second waits for what becomes
/// of the first.
fn next_of<'a>(steps: &[Step<'a>], answers: &[Option<Answer>]) -> Vec<(usize, Step<'a>)> {
    let (mut next, mut keys) = (Vec::new(), HashSet::new());
    for (place, (step, answer)) in steps.iter().zip(answers).enumerate() {
        let is_next = answer.is_none()
            && step.key().is_none_or(|key| keys.insert((&*key.sender, &*key.endpoint, &*key.key)));
        if is_next {
            next.push((place, *step));
        }
    }
    next
}

/// The intents of a round as they are after the steps so far, and the answers that hold once they
/// are stored so.
struct Deciding<'a, 'p> {
    passes: &'p mut Vec<Pass>,
    rows: HashMap<IntentId, Moving<'a>>,
    answers: Vec<Decided>,
}

struct Decided {
    place: usize,
    /// The intent on whose storing the answer hangs.
    of: Option<IntentId>,
    answer: Answer,
}

impl<'a> Deciding<'a, '_> {
    fn decide(&mut self, step: Step<'a>, found: Found) {
        let Found { place, intent, used } = found;
        let id = step.intent_id();
        let is_there = intent.is_some();
        if let Some(intent) = intent {
            self.rows.entry(id).or_insert_with(|| Moving::new(intent));
        }
        let answer = match step {
            Step::HandOver(handing, at) => self.hand_over(handing, at),
            Step::TakeBack(id) => self.take_back(id),
            Step::Record(fact) => match used {
                Some((answered, last)) => self.recorded_before(fact, &answered, last),
                None => self.record(fact),
            },
            Step::Patch(patch) => self.patch(patch),
        };
        self.answers.push(Decided { place, of: is_there.then_some(id), answer });
    }

    fn hand_over(&mut self, handing: &Handing, at: Timestamp) -> Answer {
        let row = self.rows.get_mut(&handing.intent_id);
        let Some(row) = row.filter(|row| lifecycle::can_be_handed_over(row.intent.status)) else {
            return Answer::HandedOver(None);
        };
        let Ok(pass) = handing.gate.decide_again() else { return Answer::HandedOver(None) };
        self.passes.push(pass);
        let handed = lifecycle::hand_over(&mut row.intent, at);
        let answer = handed.answer(row.intent.clone());
        row.events.extend(handed.event);
        Answer::HandedOver(Some(answer))
    }

    fn take_back(&mut self, id: IntentId) -> Answer {
        if let Some(row) = self.rows.get_mut(&id) {
            lifecycle::take_back(&mut row.intent);
        }
        Answer::TakenBack
    }

    fn record(&mut self, fact: &'a Fact) -> Answer {
        let recorded = match lifecycle::record(self.intent(fact.intent_id), fact) {
            Ok(recorded) => recorded,
            Err(refused) => return Answer::Refused(refused),
        };
        if let (Recorded::Done { intent, event }, Some(row)) =
            (&recorded, self.rows.get_mut(&fact.intent_id))
        {
            row.intent = intent.clone();
            row.events.push(event.clone());
            row.keys.extend(&fact.idempotency);
        }
        Answer::Recorded(recorded)
    }

    fn recorded_before(&self, fact: &Fact, answered: &Answered, last: Option<Event>) -> Answer {
        if let Err(refused) = lifecycle::require_same(fact, answered) {
            return Answer::Refused(refused);
        }
        // Retention may have taken the intent before the key.
        let Some(row) = self.rows.get(&fact.intent_id) else {
            return Answer::Recorded(Recorded::NotFound);
        };
        let stored = last.into_iter().chain(row.events.iter().cloned()).collect();
        let event = lifecycle::last_event(&row.intent, stored);
        Answer::Recorded(Recorded::Before { intent: row.intent.clone(), event })
    }

    fn patch(&mut self, patch: &Patch) -> Answer {
        let patched = match lifecycle::patch(self.intent(patch.intent_id), patch) {
            Ok(patched) => patched,
            Err(refused) => return Answer::Refused(refused),
        };
        if let (Patched::Applied(intent), Some(row)) =
            (&patched, self.rows.get_mut(&patch.intent_id))
        {
            row.intent = intent.clone();
        }
        Answer::Patched(patched)
    }

    fn intent(&self, id: IntentId) -> Option<Intent> {
        self.rows.get(&id).map(|row| row.intent.clone())
    }
}
