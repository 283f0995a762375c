//! One Python process with the SDK.

use super::super::agents::Identity;
use super::super::campaign::{Campaign, INSTANCES_COUNT};
use super::LOOK_PAUSE;
use crate::failure::Failure;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;

/// What is read of the end of a log, and how much of that is told.
const LOG_TAIL_BYTES_MAX: i64 = 8_192;
const LOG_TAIL_LINES_MAX: usize = 12;

pub(super) struct Process {
    pub(super) id: u32,
    /// Counted from 1.
    number: usize,
    /// What it writes to its standard error.
    log: PathBuf,
    is_ready: AtomicBool,
    child: Mutex<Child>,
}

impl Process {
    /// The key travels in the environment: everybody can see the command line.
    pub(super) fn start(
        mut command: Command,
        identity: &Identity,
        number: usize,
        log: PathBuf,
    ) -> Result<Self, Failure> {
        let name = command.get_program().to_string_lossy().into_owned();
        let failed = |error| Failure::local(format_args!("cannot start {name}"), error, "");
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("AXME_") {
                command.env_remove(variable);
            }
        }
        command.env("AXME_BASE_URL", &identity.url).env("AXME_API_KEY", &identity.key);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(File::create(&log).map_err(failed)?);
        // An interrupt of the terminal comes to the demo, which ends the story in order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().map_err(failed)?;
        let (id, is_ready) = (child.id(), AtomicBool::new(false));
        Ok(Self { id, number, log, is_ready, child: Mutex::new(child) })
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::SeqCst)
    }

    /// Lets it begin its work.
    pub(super) fn begin(&self) {
        if let Some(input) = &mut self.child().stdin {
            // Of a process that has ended its follower tells.
            let _ = input.write_all(b"\n");
        }
    }

    /// Counts what it says, until it has ended.
    ///
    /// # Errors
    /// It ended before its work was done, or badly; with the last that it said.
    pub(super) fn follow(&self, campaign: &Campaign) -> Result<(), Failure> {
        let output = self.child().stdout.take();
        let instance = self.number - 1;
        let lines = output.map(|output| BufReader::new(output).lines());
        for line in lines.into_iter().flatten().map_while(Result::ok) {
            match line.as_str() {
                "ready" | "stopped" => self.is_ready.store(true, Ordering::SeqCst),
                "sent" => campaign.count_sent(instance),
                "denied" => campaign.count_denied(),
                _ => {}
            }
        }
        let ended = self.wait();
        let sent = campaign.sent().get(instance).copied().unwrap_or(0);
        let is_done = sent >= share(self.number as u64, campaign.emails_total());
        if is_done && ended.as_ref().is_ok_and(ExitStatus::success) {
            return Ok(());
        }
        let (number, id) = (self.number, self.id);
        let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
        let last = tail(&self.log);
        let what =
            format!("instance {number} (process {id}) ended with {how}, {sent} e-mails sent");
        Err(Failure::Failed {
            what: if last.is_empty() { what } else { format!("{what}. It said last:\n{last}") },
            next: "Look into its log: axme demo --keep".to_owned(),
        })
    }

    /// Ends it and waits for that. One that an interpreter has put behind itself ends when it finds
    /// its standard input closed.
    pub(super) fn end(&self) {
        let mut child = self.child();
        drop(child.stdin.take());
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Does not hold it meanwhile, so that it can be ended.
    fn wait(&self) -> std::io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.child().try_wait()? {
                return Ok(status);
            }
            sleep(LOOK_PAUSE);
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many e-mails an instance sends: its number, and every third one after it.
const fn share(number: u64, emails_total: u64) -> u64 {
    match (emails_total + 1).checked_sub(number) {
        Some(left) => left.div_ceil(INSTANCES_COUNT as u64),
        None => 0,
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let read = || {
        let mut file = File::open(log)?;
        let length = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
        file.seek(SeekFrom::End(-length.min(LOG_TAIL_BYTES_MAX)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    last_lines(&String::from_utf8_lossy(&read().unwrap_or_default()))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let told = lines.len().saturating_sub(LOG_TAIL_LINES_MAX);
    let indented = lines.iter().skip(told).map(|line| format!("  {line}"));
    indented.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_the_instances_are_all_of_the_emails() {
        for emails_total in 1..=10 {
            let all = 1..=INSTANCES_COUNT as u64;
            assert_eq!(all.map(|number| share(number, emails_total)).sum::<u64>(), emails_total);
        }
        assert_eq!([1, 2, 3].map(|number| share(number, 50_000)), [16_667, 16_667, 16_666]);
        assert_eq!([1, 2, 3].map(|number| share(number, 1)), [1, 0, 0]);
    }

    #[test]
    fn of_a_long_log_the_last_lines_are_told() {
        let text: String = (1..=30).map(|n| format!("line {n}\n\n")).collect();
        let told = last_lines(&text);
        assert_eq!(told.lines().count(), LOG_TAIL_LINES_MAX);
        assert!(told.starts_with("  line 19\n") && told.ends_with("\n  line 30"), "{told}");
        assert_eq!(last_lines("\n"), "");
    }
}
