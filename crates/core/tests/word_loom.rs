//! Register first, then check; swap, then drain: proved over every interleaving.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use axme_core::hold::RunState;
use axme_core::word::{Atomic, Word};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use loom::thread;

/// Loom's integer behind the trait that the word is written against.
struct Loom(AtomicU64);

impl Atomic for Loom {
    fn holding(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    fn load(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn add(&self, amount: u64) -> u64 {
        self.0.fetch_add(amount, Ordering::SeqCst)
    }

    fn subtract(&self, amount: u64) -> u64 {
        self.0.fetch_sub(amount, Ordering::SeqCst)
    }

    fn exchange(&self, current: u64, new: u64) -> Result<u64, u64> {
        self.0.compare_exchange(current, new, Ordering::SeqCst, Ordering::SeqCst)
    }
}

/// Does one piece of work if the word lets it.
fn work(word: &Word<Loom>, done: &AtomicUsize) {
    if word.register().run_state == RunState::Active {
        done.fetch_add(1, Ordering::SeqCst);
    }
    word.leave();
}

/// Stops the word, waits until it has drained, and tells what had been done by then.
fn kill(word: &Word<Loom>, done: &AtomicUsize) -> usize {
    word.set(RunState::Killed);
    while word.in_flight() > 0 {
        thread::yield_now();
    }
    done.load(Ordering::SeqCst)
}

/// Workers and one kill; whatever was done by the time the kill has drained is all there ever is.
fn nothing_is_done_after_the_kill(workers: usize) {
    let word = Arc::new(Word::<Loom>::new(RunState::Active));
    let done = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..workers)
        .map(|_| {
            let (word, done) = (Arc::clone(&word), Arc::clone(&done));
            thread::spawn(move || work(&word, &done))
        })
        .collect();
    let done_at_return = kill(&word, &done);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    assert_eq!(done.load(Ordering::SeqCst), done_at_return);
}

#[test]
fn nothing_is_done_after_a_kill_has_drained() {
    loom::model(|| nothing_is_done_after_the_kill(1));
}

/// Two workers have too many interleavings to try all in a test run: all with up to three
/// preemptions are tried.
#[test]
fn nothing_is_done_after_a_kill_among_several_workers() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| nothing_is_done_after_the_kill(2));
}

#[test]
fn of_two_changes_at_once_neither_loses_work_in_flight() {
    loom::model(|| {
        let word = Arc::new(Word::<Loom>::new(RunState::Active));
        word.register();
        let other = Arc::clone(&word);
        let setter = thread::spawn(move || other.set(RunState::Paused));
        word.set(RunState::Killed);
        setter.join().unwrap();
        assert_eq!(word.in_flight(), 1);
        assert_eq!(word.peek().generation, 2);
    });
}
