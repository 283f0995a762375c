//! How the threads of the demo learn that it is over, and tell why.

use crate::failure::Failure;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once: by a person, by a signal, by the first thread that fails, or at the end of the story.
#[derive(Default)]
pub(super) struct Ending {
    asked: AtomicBool,
    fault: Mutex<Option<Failure>>,
}

impl Ending {
    pub(super) fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Ends the demo because of a failure; the first one is told.
    pub(super) fn fail(&self, failure: Failure) {
        if let Ok(mut fault) = self.fault.lock() {
            fault.get_or_insert(failure);
        }
        self.ask();
    }

    pub(super) fn take_fault(&self) -> Option<Failure> {
        self.fault.lock().ok()?.take()
    }

    /// Asks for the end when the guard is dropped, on every way out of a scope.
    pub(super) fn on_drop(&self) -> impl Drop {
        EndOnDrop(self)
    }
}

struct EndOnDrop<'a>(&'a Ending);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.ask();
    }
}
