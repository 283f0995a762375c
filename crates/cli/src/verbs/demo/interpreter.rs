//! The interpreter of `--python`, and whether it has the SDK.

use crate::failure::Failure;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Says which SDK there is.
const PROBE: &str = include_str!("probe.py");
const PROBE_PAUSE: Duration = Duration::from_millis(20);
/// Looks at a probe that does not end after which it is given up: half a minute.
const PROBE_LOOKS_MAX: u32 = 1_500;
/// The oldest Python that the SDK runs with.
const PYTHON_MIN: (u32, u32) = (3, 10);
const ANOTHER: &str = "name another interpreter: axme demo --python /path/to/python3";
const USUAL: &str = if cfg!(windows) { "python" } else { "python3" };
const IN_ENVIRONMENT: &str = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };

#[derive(Debug)]
pub(super) struct Interpreter(pub(super) PathBuf);

impl Interpreter {
    /// The one that was named, else that of the virtual environment that is active, else the usual
    /// one. It runs, and has the SDK.
    pub(super) fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let found = Self(choose(named, std::env::var_os("VIRTUAL_ENV")));
        found.check()?;
        Ok(found)
    }

    fn check(&self) -> Result<(), Failure> {
        let name = self.0.display();
        let said = self
            .probe()
            .map_err(|error| Failure::local(format_args!("cannot run {name}"), error, ANOTHER))?;
        let Err(wrong) = verdict(&String::from_utf8_lossy(&said.stdout)) else { return Ok(()) };
        let last = String::from_utf8_lossy(&said.stderr);
        let last = last.trim().lines().last().map(|line| format!(" ({line})")).unwrap_or_default();
        let what = format!("{name} cannot run the demo's agents: {wrong}{last}");
        let next = match wrong {
            Wrong::NoPython | Wrong::Old(_) => ANOTHER.to_owned(),
            Wrong::NoSdk(_) => format!(
                "{name} -m pip install axme-sdk\n  in a checkout: {name} -m pip install \
                 ./sdk/python\n  or {ANOTHER}"
            ),
        };
        Err(Failure::Failed { what, next })
    }

    fn probe(&self) -> std::io::Result<Output> {
        let mut asked = Command::new(&self.0)
            .args(["-c", PROBE])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        for _ in 0..PROBE_LOOKS_MAX {
            if asked.try_wait()?.is_some() {
                return asked.wait_with_output();
            }
            sleep(PROBE_PAUSE);
        }
        asked.kill()?;
        asked.wait()?;
        Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "it does not say what it is"))
    }
}

fn choose(named: Option<&Path>, virtual_environment: Option<OsString>) -> PathBuf {
    let active = || virtual_environment.filter(|folder| !folder.is_empty());
    named.map(Path::to_path_buf).unwrap_or_else(|| {
        active().map_or_else(|| PathBuf::from(USUAL), |at| Path::new(&at).join(IN_ENVIRONMENT))
    })
}

/// Why an interpreter cannot run the agents.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    NoPython,
    /// Its version.
    Old(String),
    /// In the words of the probe.
    NoSdk(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = PYTHON_MIN;
        match self {
            Self::NoPython => write!(f, "it is no Python"),
            Self::Old(version) => {
                write!(f, "it is Python {version}, and the SDK needs {major}.{minor} or newer")
            }
            Self::NoSdk(why) => write!(f, "{why}"),
        }
    }
}

/// Reads what the probe said: its version, then what is wrong.
fn verdict(said: &str) -> Result<(), Wrong> {
    let mut lines = said.lines();
    let version = lines.next().unwrap_or_default();
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let (Some(Some(major)), Some(Some(minor))) = (parts.next(), parts.next()) else {
        return Err(Wrong::NoPython);
    };
    if (major, minor) < PYTHON_MIN {
        return Err(Wrong::Old(version.to_owned()));
    }
    lines.next().map_or(Ok(()), |why| Err(Wrong::NoSdk(why.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_interpreter_comes_before_that_of_the_environment_and_the_usual_one() {
        let environment = || Some(OsString::from("/venv"));
        assert_eq!(choose(Some(Path::new("mine")), environment()), Path::new("mine"));
        assert_eq!(choose(None, environment()), Path::new("/venv").join(IN_ENVIRONMENT));
        assert_eq!(choose(None, Some(OsString::new())), Path::new(USUAL));
        assert_eq!(choose(None, None), Path::new(USUAL));
    }

    #[test]
    fn an_interpreter_is_taken_when_nothing_is_said_against_it() {
        assert_eq!(verdict("3.10.0\n"), Ok(()));
        assert_eq!(verdict("3.14.1\r\n"), Ok(()));
        let missing = "it cannot import axme: No module named 'axme'";
        let told = verdict(&format!("3.12.1\n{missing}\n"));
        assert_eq!(told, Err(Wrong::NoSdk(missing.to_owned())));
    }

    #[test]
    fn other_programs_and_old_pythons_are_told_apart() {
        assert_eq!(verdict("usage: cat\n"), Err(Wrong::NoPython));
        assert_eq!(verdict(""), Err(Wrong::NoPython));
        let told = verdict("3.9.18\nit cannot import axme: no\n").unwrap_err();
        assert_eq!(told.to_string(), "it is Python 3.9.18, and the SDK needs 3.10 or newer");
    }
}
