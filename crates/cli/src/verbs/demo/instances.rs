//! The instances of the campaign: threads of this process, or processes with the SDK.

use super::agents::Identity;
use super::campaign::{Campaign, INSTANCES_COUNT};
use super::ending::Ending;
use super::interpreter::Interpreter;
use super::processes::Processes;
use super::threads::Threads;
use crate::failure::Failure;
use std::path::Path;
use std::thread::{Scope, ScopedJoinHandle};

pub(super) enum Instances {
    Threads(Threads),
    Processes(Processes),
}

impl Instances {
    pub(super) fn prepare(
        interpreter: Option<&Interpreter>,
        folder: &Path,
        identity: &Identity,
        emails_total: u64,
    ) -> Result<Self, Failure> {
        Ok(match interpreter {
            None => Self::Threads(Threads::new(emails_total)),
            Some(python) => {
                Self::Processes(Processes::start(python, folder, identity, emails_total)?)
            }
        })
    }

    /// Lets them work. The threads that are answered end with them.
    pub(super) fn begin<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        identity: &Identity,
        (campaign, ending): (&'scope Campaign, &'scope Ending),
    ) -> Result<Vec<ScopedJoinHandle<'scope, ()>>, Failure> {
        match self {
            Self::Threads(threads) => threads.spawn(scope, identity, (campaign, ending)),
            Self::Processes(processes) => {
                let followers = processes.follow(scope, (campaign, ending));
                processes.begin(ending)?;
                Ok(followers)
            }
        }
    }

    /// Waits for their end, once everything was sent.
    pub(super) fn finish(
        &self,
        threads: Vec<ScopedJoinHandle<'_, ()>>,
        ending: &Ending,
    ) -> Result<(), Failure> {
        if let Self::Processes(_) = self {
            Processes::finish(&threads, ending)?;
        }
        threads.into_iter().for_each(|thread| drop(thread.join()));
        Ok(())
    }

    /// What each is called where its progress is shown.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Threads(_) => (1..=INSTANCES_COUNT).map(|n| format!("instance {n}")).collect(),
            Self::Processes(processes) => {
                processes.ids().iter().map(|id| format!("process {id}")).collect()
            }
        }
    }

    /// Ends those that are processes when the guard is dropped, on every way out of a scope.
    pub(super) fn on_drop(&self) -> impl Drop {
        EndOnDrop(self)
    }
}

struct EndOnDrop<'a>(&'a Instances);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        if let Instances::Processes(processes) = self.0 {
            processes.end();
        }
    }
}
