//! Handing out the first owner key: once, and in one place only.

use crate::failure::Failure;
use crate::output::Output;
use axme_engine::bootstrap::Begun;
use axme_gateway::app::{App, owner_key_path};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

/// Shows a drawn owner key on a terminal; where nobody looks it is written to a file that only its
/// owner reads, and the path is shown.
pub(crate) fn hand_out(app: &App, output: &mut Output<'_>) -> Result<(), Failure> {
    let Begun::New { drawn: Some(drawn) } = app.begun() else { return Ok(()) };
    if std::io::stdout().is_terminal() {
        output.line("Your owner key, shown now and never again:")?;
        output.line(format_args!("  {}", drawn.token))?;
        return output.line(format_args!("Use it: axme login --url {}", app.config().public_url));
    }
    let path = owner_key_path(&app.config().data_dir);
    // A store elsewhere needs no folder, so that there may be none yet.
    make_folder(&app.config().data_dir).map_err(|error| {
        let folder = app.config().data_dir.display();
        Failure::local(format_args!("cannot make {folder} for the owner key"), error, "")
    })?;
    write_secret(&path, &drawn.token).map_err(|error| {
        let next = "Make another one, with the gateway stopped: axme keys create owner --role owner \
                    --scope installation --offline --data-dir <its data folder>";
        Failure::local(format_args!("cannot write the owner key to {}", path.display()), error, next)
    })?;
    output.line(format_args!("Your owner key is in {}", path.display()))
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a secret into a file that only its owner reads.
pub(crate) fn write_secret(path: &Path, secret: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(secret.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}
