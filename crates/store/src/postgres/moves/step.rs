//! One intent of one call, and its answer.

use axme_core::id::IntentId;
use axme_core::time::Timestamp;

use crate::control::IdempotencyKey;
use crate::error::WriteError;
use crate::ledger::{Fact, HandedOver, Handing, Intent, Patch, Patched, Recorded};
use crate::postgres::columns::{storable, storable_key};
use crate::postgres::failure::Failure;
use crate::postgres::moves::Move;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    HandOver(&'a Handing, Timestamp),
    TakeBack(IntentId),
    Record(&'a Fact),
    Patch(&'a Patch),
}

/// What became of a step.
#[derive(Debug)]
pub(super) enum Answer {
    /// None when it was refused, had ended or was not there.
    HandedOver(Option<HandedOver>),
    TakenBack,
    Recorded(Recorded),
    Patched(Patched),
    Refused(WriteError),
}

/// The steps of all calls, in their order.
pub(super) fn steps(moves: &[Move]) -> Vec<Step<'_>> {
    let mut steps = Vec::with_capacity(moves.iter().map(count).sum());
    for call in moves {
        match call {
            Move::HandOver(handovers, at) => {
                steps.extend(handovers.iter().map(|handing| Step::HandOver(handing, *at)));
            }
            Move::TakeBack(intents) => steps.extend(intents.iter().copied().map(Step::TakeBack)),
            Move::Record(fact) => steps.push(Step::Record(fact)),
            Move::Patch(patch) => steps.push(Step::Patch(patch)),
        }
    }
    steps
}

/// How many steps a call has.
pub(super) fn count(call: &Move) -> usize {
    match call {
        Move::HandOver(handovers, _) => handovers.len(),
        Move::TakeBack(intents) => intents.len(),
        Move::Record(_) | Move::Patch(_) => 1,
    }
}

impl<'a> Step<'a> {
    pub(super) const fn intent_id(&self) -> IntentId {
        match self {
            Self::HandOver(handing, _) => handing.intent_id,
            Self::TakeBack(intent_id) => *intent_id,
            Self::Record(fact) => fact.intent_id,
            Self::Patch(patch) => patch.intent_id,
        }
    }

    pub(super) const fn key(&self) -> Option<&'a IdempotencyKey> {
        match self {
            Self::Record(fact) => fact.idempotency.as_ref(),
            Self::HandOver(..) | Self::TakeBack(_) | Self::Patch(_) => None,
        }
    }

    /// The refusal of a step whose text cannot be stored.
    pub(super) fn unstorable(&self) -> Option<Answer> {
        let refused = match self {
            Self::HandOver(..) | Self::TakeBack(_) => Ok(()),
            Self::Record(fact) => storable_fact(fact),
            Self::Patch(patch) => storable(&patch.merge),
        };
        refused.err().map(|failure| Answer::Refused(failure.into()))
    }
}

impl Answer {
    /// Corrects the cursor of the intent that is answered: a requeue between reading and storing
    /// gives a new one.
    pub(super) fn with_cursor(mut self, cursor: u64) -> Self {
        let intent: Option<&mut Intent> = match &mut self {
            Self::HandedOver(Some(HandedOver::Deliver(intent) | HandedOver::Exhausted(intent)))
            | Self::Recorded(
                Recorded::Done { intent, .. }
                | Recorded::Before { intent, .. }
                | Recorded::Ended(intent)
                | Recorded::Impossible(intent),
            )
            | Self::Patched(
                Patched::Applied(intent) | Patched::Stale(intent) | Patched::Ended(intent),
            ) => Some(intent),
            Self::HandedOver(None)
            | Self::TakenBack
            | Self::Recorded(Recorded::NotFound)
            | Self::Patched(Patched::NotFound)
            | Self::Refused(_) => None,
        };
        if let Some(intent) = intent {
            intent.cursor = cursor;
        }
        self
    }
}

fn storable_fact(fact: &Fact) -> Result<(), Failure> {
    storable(&fact.actor)?;
    fact.outcome.iter().try_for_each(|outcome| storable(outcome))?;
    fact.idempotency.iter().try_for_each(storable_key)
}
