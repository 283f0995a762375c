//! Instances with the SDK: three Python processes, each with a part of the e-mails.
//!
//! They are stopped by what the SDK tells them. Here they are started, listened to and ended: none
//! outlives the demo, which holds their standard input.

use super::agents::Identity;
use super::campaign::{Campaign, INSTANCES_COUNT};
use super::ending::Ending;
use super::interpreter::Interpreter;
use crate::failure::Failure;
use process::Process;
use std::path::{Path, PathBuf};
use std::thread::{Scope, ScopedJoinHandle, sleep};
use std::time::Duration;

mod process;

/// The program that each of them runs.
const AGENT: &str = include_str!("agent.py");
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// Looks after which instances that are not ready are given up: a minute.
const START_LOOKS_MAX: u32 = 6_000;
/// Looks after which instances that have sent everything and do not end are given up: 20 seconds.
const END_LOOKS_MAX: u32 = 2_000;

pub(super) struct Processes {
    pub(super) program: PathBuf,
    running: Vec<Process>,
}

impl Processes {
    /// Starts them. They wait until [`Processes::begin`].
    pub(super) fn start(
        interpreter: &Interpreter,
        folder: &Path,
        identity: &Identity,
        emails_total: u64,
    ) -> Result<Self, Failure> {
        let program = folder.join("agent.py");
        std::fs::write(&program, AGENT).map_err(|error| {
            Failure::local(format_args!("cannot write {}", program.display()), error, "")
        })?;
        // Each is in the list as soon as it runs, so that it ends with it whatever comes then.
        let mut started = Self { program, running: Vec::new() };
        for number in 1..=INSTANCES_COUNT {
            let mut command = std::process::Command::new(&interpreter.0);
            command.arg(&started.program);
            command
                .args([number as u64, emails_total, INSTANCES_COUNT as u64].map(|n| n.to_string()));
            let log = folder.join(format!("instance-{number}.log"));
            started.running.push(Process::start(command, identity, number, log)?);
        }
        Ok(started)
    }

    pub(super) fn ids(&self) -> Vec<u32> {
        self.running.iter().map(|process| process.id).collect()
    }

    /// Listens to what they say, each on a thread that ends with the process.
    pub(super) fn follow<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        (campaign, ending): (&'scope Campaign, &'scope Ending),
    ) -> Vec<ScopedJoinHandle<'scope, ()>> {
        let follow = |process: &'scope Process| {
            scope.spawn(move || {
                if let Err(failure) = process.follow(campaign) {
                    // Of those that the demo ends it knows why.
                    if !ending.is_asked() {
                        ending.fail(failure);
                    }
                }
            })
        };
        self.running.iter().map(follow).collect()
    }

    /// Lets them begin together, once all of them are known to the gateway.
    pub(super) fn begin(&self, ending: &Ending) -> Result<(), Failure> {
        for _ in 0..START_LOOKS_MAX {
            if ending.is_asked() {
                return Ok(());
            }
            if self.running.iter().all(Process::is_ready) {
                self.running.iter().for_each(Process::begin);
                return Ok(());
            }
            sleep(LOOK_PAUSE);
        }
        let what = "the instances did not come to work".to_owned();
        Err(Failure::Failed { what, next: "Look into their logs: axme demo --keep".to_owned() })
    }

    /// Waits until they have ended by themselves, with everything sent.
    pub(super) fn finish(
        followers: &[ScopedJoinHandle<'_, ()>],
        ending: &Ending,
    ) -> Result<(), Failure> {
        for _ in 0..END_LOOKS_MAX {
            if let Some(fault) = ending.take_fault() {
                return Err(fault);
            }
            if followers.iter().all(ScopedJoinHandle::is_finished) {
                return ending.take_fault().map_or(Ok(()), Err);
            }
            sleep(LOOK_PAUSE);
        }
        let what = "everything was sent, and an instance does not end".to_owned();
        Err(Failure::Failed { what, next: "Look into their logs: axme demo --keep".to_owned() })
    }

    /// Ends whatever still runs.
    pub(super) fn end(&self) {
        self.running.iter().for_each(Process::end);
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.end();
    }
}
