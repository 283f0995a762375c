//! The page that the demo shows: what happens, and the very lines that stop it.

use super::agents::{CAMPAIGN, MAILER};
use super::campaign::INSTANCES_COUNT;
use super::gateway::{Gateway, ORGANIZATION, WORKSPACE};
use super::instances::Instances;
use super::spool::Spool;
use crate::failure::Failure;
use indicatif::HumanCount;
use std::fmt;
use std::path::Path;

pub(super) struct Page {
    url: String,
    key_file: String,
    spool: String,
    command: String,
    /// Where the instances are processes: a sentence that says which.
    processes: String,
    emails: u64,
}

impl Page {
    pub(super) fn of(
        gateway: &Gateway,
        spool: &Spool,
        instances: &Instances,
        emails: u64,
    ) -> Result<Self, Failure> {
        Ok(Self {
            url: gateway.url.clone(),
            key_file: shell_word(&gateway.key_file),
            spool: shell_word(&spool.path),
            command: command()?,
            processes: processes(instances),
            emails,
        })
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, key_file, spool, command, processes, emails } = self;
        let emails = HumanCount(*emails);
        let options = format!("--url {url} --key-file {key_file}");
        let post = format!("curl -X POST -H \"x-api-key: $(cat {key_file})\"");
        let agent = format!("{url}/v1/mesh/agents/{CAMPAIGN}");
        writeln!(f, "A gateway runs at {url} ({ORGANIZATION}, {WORKSPACE}).")?;
        writeln!(
            f,
            "{INSTANCES_COUNT} instances of the agent {CAMPAIGN} send {emails} e-mails as intents \
             to the agent {MAILER}.{processes}"
        )?;
        writeln!(f, "\nStop all of them, from another terminal:")?;
        writeln!(f, "  {post} {agent}/kill")?;
        writeln!(f, "  {command} kill {CAMPAIGN} {options}")?;
        writeln!(f, "Let them go on:")?;
        writeln!(f, "  {post} {agent}/resume")?;
        writeln!(f, "  {command} resume {CAMPAIGN} {options}")?;
        writeln!(f, "Count what has gone out:")?;
        writeln!(f, "  wc -l < {spool}")
    }
}

fn processes(instances: &Instances) -> String {
    let Instances::Processes(processes) = instances else { return String::new() };
    let ids: Vec<_> = processes.ids().iter().map(u32::to_string).collect();
    let (ids, program) = (ids.join(", "), shell_word(&processes.program));
    format!("\nEach is a process with the SDK, which runs {program}: {ids}.")
}

/// How to call this program from any folder: as it was called when that was by name alone.
fn command() -> Result<String, Failure> {
    let called = std::env::args_os().next().unwrap_or_default();
    let called = Path::new(&called);
    if called.components().count() == 1 {
        return Ok(shell_word(called));
    }
    let program = std::env::current_exe()
        .map_err(|error| Failure::local("cannot tell where this program is", error, ""))?;
    Ok(shell_word(&program))
}

/// The path as one word of a shell.
fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word_of_a_shell() {
        assert_eq!(shell_word(Path::new("/tmp/axme-demo-1/sent.tsv")), "/tmp/axme-demo-1/sent.tsv");
        assert_eq!(shell_word(Path::new("/my tmp/it's")), r"'/my tmp/it'\''s'");
    }
}
