//! The atomic word of an agent: run state, generation and work in flight.
//!
//! Work *registers first and is checked then*: [`Word::register`] counts it and tells the run
//! state in one atomic step. A kill *swaps and then drains*: [`Word::set`] stores the new run
//! state, and once [`Word::in_flight`] has been seen at zero, everything that was let through
//! before has ended and everything after it is refused. `tests/word_loom.rs` proves it over all
//! interleavings.
//!
//! Layout: bits 0–39 work in flight, bits 40–41 run state, bits 42–63 generation.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::hold::RunState;

const IN_FLIGHT_BITS: u32 = 40;
const IN_FLIGHT_MASK: u64 = (1 << IN_FLIGHT_BITS) - 1;
const STATE_BITS: u32 = 2;
const STATE_MASK: u64 = (1 << STATE_BITS) - 1;
const GENERATION_SHIFT: u32 = IN_FLIGHT_BITS + STATE_BITS;

/// What the word needs of an atomic integer; the proof runs the same code on loom's.
pub trait Atomic {
    fn holding(value: u64) -> Self;
    fn load(&self) -> u64;
    fn add(&self, amount: u64) -> u64;
    fn subtract(&self, amount: u64) -> u64;
    fn exchange(&self, current: u64, new: u64) -> Result<u64, u64>;
}

impl Atomic for AtomicU64 {
    fn holding(value: u64) -> Self {
        Self::new(value)
    }

    fn load(&self) -> u64 {
        self.load(Ordering::SeqCst)
    }

    fn add(&self, amount: u64) -> u64 {
        self.fetch_add(amount, Ordering::SeqCst)
    }

    fn subtract(&self, amount: u64) -> u64 {
        self.fetch_sub(amount, Ordering::SeqCst)
    }

    fn exchange(&self, current: u64, new: u64) -> Result<u64, u64> {
        self.compare_exchange(current, new, Ordering::SeqCst, Ordering::SeqCst)
    }
}

/// What work learns when it registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub run_state: RunState,
    /// Changes with every [`Word::set`]; wraps after four million.
    pub generation: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Word<A = AtomicU64>(A);

impl<A: Atomic> Word<A> {
    #[must_use]
    pub fn new(run_state: RunState) -> Self {
        Self(A::holding(encode(run_state) << IN_FLIGHT_BITS))
    }

    /// Counts a piece of work and tells what it must be checked against. Whoever registers calls
    /// [`Word::leave`] once, also when the check refuses it.
    pub fn register(&self) -> Seen {
        seen(self.0.add(1))
    }

    /// Ends a registered piece of work.
    pub fn leave(&self) {
        self.0.subtract(1);
    }

    /// What work would see now, without registering.
    pub fn peek(&self) -> Seen {
        seen(self.0.load())
    }

    /// Stores a run state; work in flight stays counted.
    pub fn set(&self, run_state: RunState) {
        let mut current = self.0.load();
        loop {
            let generation = (current >> GENERATION_SHIFT).wrapping_add(1) << GENERATION_SHIFT;
            let new =
                generation | (encode(run_state) << IN_FLIGHT_BITS) | (current & IN_FLIGHT_MASK);
            match self.0.exchange(current, new) {
                Ok(_) => return,
                Err(changed) => current = changed,
            }
        }
    }

    /// How many pieces of work are registered.
    pub fn in_flight(&self) -> u64 {
        self.0.load() & IN_FLIGHT_MASK
    }
}

fn seen(word: u64) -> Seen {
    let run_state = match (word >> IN_FLIGHT_BITS) & STATE_MASK {
        0 => RunState::Active,
        1 => RunState::Paused,
        2 => RunState::Quarantined,
        _ => RunState::Killed,
    };
    let generation = u32::try_from(word >> GENERATION_SHIFT).unwrap_or(u32::MAX);
    Seen { run_state, generation }
}

const fn encode(run_state: RunState) -> u64 {
    match run_state {
        RunState::Active => 0,
        RunState::Paused => 1,
        RunState::Quarantined => 2,
        RunState::Killed => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_state_changes_under_work_in_flight_without_losing_it() {
        let word: Word = Word::new(RunState::Active);
        assert_eq!(word.register().run_state, RunState::Active);
        for state in RunState::ALL {
            word.set(state);
            assert_eq!(word.peek().run_state, state);
            assert_eq!(word.in_flight(), 1);
        }
        assert_eq!(word.peek().generation, 4);
        word.leave();
        assert_eq!(word.in_flight(), 0);
    }

    #[test]
    fn the_generation_wraps_and_leaves_the_rest_alone() {
        let word: Word = Word(AtomicU64::new(u64::MAX << GENERATION_SHIFT));
        word.register();
        word.set(RunState::Killed);
        assert_eq!(word.peek(), Seen { run_state: RunState::Killed, generation: 0 });
        assert_eq!(word.in_flight(), 1);
    }
}
