//! Everything that moves an intent by its id: handovers, facts and patches, a batch at a time.
//!
//! A round reads the intents of the batch, decides one after the other what becomes of them, and
//! stores what has moved in one statement. Whoever was overtaken by another replica is read and
//! decided again in the next round.

mod found;
mod round;
mod step;

use axme_core::id::IntentId;
use axme_core::time::Timestamp;

use crate::control::ReplicaEpoch;
use crate::error::{StoreError, WriteError};
use crate::gate::Pass;
use crate::ledger::{Fact, HandedOver, Handing, Patch, Patched, Recorded};
use crate::postgres::session::Session;
use crate::postgres::settled::Settled;
use step::{Answer, Step};

/// Rounds in a row that answer nobody, before the rest is told to come again.
const IDLE_ROUNDS_MAX: usize = 8;

/// One call that moves intents.
#[derive(Debug)]
pub(super) enum Move {
    HandOver(Vec<Handing>, Timestamp),
    TakeBack(Vec<IntentId>),
    Record(Fact),
    Patch(Patch),
}

/// What became of a [`Move`].
#[derive(Debug)]
pub(super) enum Moved {
    HandedOver(Vec<HandedOver>),
    TakenBack,
    Recorded(Recorded),
    Patched(Patched),
}

/// Makes all moves that can be made. `passes` holds what was let through by the statement that was
/// sent last.
pub(super) async fn run(
    session: &Session,
    me: &ReplicaEpoch,
    moves: &[Move],
    passes: &mut Vec<Pass>,
) -> Settled<Moved> {
    let steps = step::steps(moves);
    let mut answers: Vec<_> = steps.iter().map(Step::unstorable).collect();
    let (mut waiting, mut idle) = (count_waiting(&answers), 0);
    let mut failed = None;
    while waiting > 0 {
        let round = round::round(session, me, (&steps, &mut answers), passes).await;
        // A key that is in use now is found by the next round.
        if let Err(failure) = round
            && !failure.is_passing()
            && !failure.is_taken("idempotency_key")
        {
            failed = Some(failure);
            break;
        }
        idle = if count_waiting(&answers) == waiting { idle + 1 } else { 0 };
        waiting = count_waiting(&answers);
        if idle == IDLE_ROUNDS_MAX {
            give_up(&mut answers);
            break;
        }
    }
    Settled { answers: of_calls(moves, answers), failed }
}

fn count_waiting(answers: &[Option<Answer>]) -> usize {
    answers.iter().filter(|answer| answer.is_none()).count()
}

fn give_up(answers: &mut [Option<Answer>]) {
    for answer in answers.iter_mut().filter(|answer| answer.is_none()) {
        let text = "others were always first: try again".to_owned();
        *answer = Some(Answer::Refused(StoreError::Unavailable(text).into()));
    }
}

/// Puts the answers of the steps together again. A call is answered when all of its steps are.
fn of_calls(
    moves: &[Move],
    answers: Vec<Option<Answer>>,
) -> Vec<Option<Result<Moved, WriteError>>> {
    let mut answers = answers.into_iter();
    let mut of_call = |call: &Move| {
        let own: Vec<_> = answers.by_ref().take(step::count(call)).collect();
        let own = own.into_iter().collect::<Option<Vec<_>>>()?;
        Some(of_call(call, own))
    };
    moves.iter().map(&mut of_call).collect()
}

fn of_call(call: &Move, answers: Vec<Answer>) -> Result<Moved, WriteError> {
    let mut handed = Vec::new();
    for answer in answers {
        match answer {
            Answer::HandedOver(one) => handed.extend(one),
            Answer::TakenBack => {}
            Answer::Recorded(recorded) => return Ok(Moved::Recorded(recorded)),
            Answer::Patched(patched) => return Ok(Moved::Patched(patched)),
            Answer::Refused(refused) => return Err(refused),
        }
    }
    match call {
        Move::TakeBack(_) => Ok(Moved::TakenBack),
        Move::HandOver(..) | Move::Record(_) | Move::Patch(_) => Ok(Moved::HandedOver(handed)),
    }
}
