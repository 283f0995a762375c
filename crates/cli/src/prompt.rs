//! Reading from the person (or pipe) at standard input.

use crate::failure::Failure;
use std::io::{BufRead, IsTerminal, Read};

/// Longer input is not a key.
const KEY_BYTES_MAX: u64 = 4096;

pub(crate) fn stdin_is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Reads a key: unseen from a terminal, else the first line of standard input.
pub(crate) fn read_key() -> Result<String, Failure> {
    let read = if stdin_is_terminal() {
        rpassword::prompt_password("Key (not shown): ")
    } else {
        let mut line = String::new();
        let stdin = std::io::stdin().lock().take(KEY_BYTES_MAX);
        std::io::BufReader::new(stdin).read_line(&mut line).map(|_| line)
    };
    let key = read.map_err(|source| {
        Failure::local("Cannot read the key", source, "Give it in a file: --key-file PATH")
    })?;
    let key = key.trim().to_owned();
    if key.is_empty() {
        return Err(Failure::Usage(
            "No key was given. Type it at the prompt, pipe it in, or use --key-file PATH."
                .to_owned(),
        ));
    }
    Ok(key)
}

/// Whether the answer to a question was yes.
pub(crate) fn read_yes() -> Result<bool, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|source| Failure::local("Cannot read the answer", source, "Use --yes"))?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
