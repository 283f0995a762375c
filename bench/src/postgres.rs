//! A PostgreSQL server that is thrown away, as an operator has it: commits are flushed.
//!
//! It listens on a free port of this machine, keeps its data in a temporary folder, and ends with
//! this value or with this process, however that ends.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// The user that runs the server for root, which it refuses to be.
const SERVER_USER: &str = "postgres";
/// The database that the gateways use, and one beside it from which it can be watched.
pub const DATABASE: &str = "postgres";
pub const DATABASE_BESIDE: &str = "template1";
/// Attempts to reach a server that begins, 50 ms apart.
const BEGIN_TRIES_MAX: u32 = 400;
const BEGIN_TRY_EVERY: Duration = Duration::from_millis(50);
/// Three replicas take about sixty.
const CONNECTIONS_MAX: u32 = 300;

/// See the module.
pub struct Postgres {
    binaries: PathBuf,
    folder: TempDir,
    port: u16,
    running: Option<Child>,
}

impl Postgres {
    /// With the settings that an installation has, but for the number of connections.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// The same with further settings, each as `name=value`.
    pub fn start_with(settings: &[&str]) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("axme-bench-")?;
        give_to_server(folder.path())?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut server = Self { binaries: binaries()?, folder, port, running: None };
        let made = server
            .command("initdb")
            .args(["--username=axme", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .args(["--no-sync", "--pgdata"])
            .arg(server.data())
            .output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        server.run(settings)?;
        Ok(server)
    }

    /// Where gateways find their store.
    pub fn url(&self) -> String {
        url_at(self.port)
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    /// A connection of the bench's own. Ends with its client.
    pub async fn connect(&self, database: &str) -> anyhow::Result<Client> {
        Self::connect_to(self.port, database).await
    }

    /// The same from another thread.
    pub async fn connect_to(port: u16, database: &str) -> anyhow::Result<Client> {
        let url = format!("postgres://axme@127.0.0.1:{port}/{database}");
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    fn run(&mut self, settings: &[&str]) -> anyhow::Result<()> {
        // It ends when the pipe does: with this value, or with this process. What ends this process
        // from its terminal must not end the watcher first.
        const UNTIL_STDIN_ENDS: &str = "trap '' HUP INT TERM; \"$0\" \"$@\" & pid=$!; \
             cat >/dev/null; kill -QUIT $pid; wait $pid";
        let mut command = self.as_server("sh");
        command.args(["-c", UNTIL_STDIN_ENDS]).arg(self.binaries.join("postgres"));
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        let connections = format!("max_connections={CONNECTIONS_MAX}");
        let own =
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "log_min_messages=fatal"];
        for setting in own.iter().chain([&&*connections]).chain(settings) {
            command.args(["-c", setting]);
        }
        let log = std::fs::File::create(self.folder.path().join("log"))?;
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.running = Some(command.spawn()?);
        self.wait_until_it_answers()
    }

    fn wait_until_it_answers(&self) -> anyhow::Result<()> {
        for _ in 0..BEGIN_TRIES_MAX {
            let port = self.port.to_string();
            let asked =
                self.command("pg_isready").args(["-q", "-h", "127.0.0.1", "-p", &port]).status()?;
            if asked.success() {
                return Ok(());
            }
            std::thread::sleep(BEGIN_TRY_EVERY);
        }
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        bail!("PostgreSQL does not begin: {log}")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        self.as_server(self.binaries.join(name))
    }

    fn as_server(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", SERVER_USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        drop(running.stdin.take());
        let _ = running.wait();
    }
}

/// The URL of a store behind this port of this machine.
pub fn url_at(port: u16) -> String {
    format!("postgres://axme@127.0.0.1:{port}/{DATABASE}?sslmode=disable")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn give_to_server(folder: &Path) -> anyhow::Result<()> {
    if !is_root() {
        return Ok(());
    }
    let number = |flag| {
        let found = Command::new("id").args([flag, SERVER_USER]).output()?;
        let text = String::from_utf8(found.stdout)?;
        text.trim().parse::<u32>().with_context(|| format!("missing: the user {SERVER_USER}"))
    };
    Ok(std::os::unix::fs::chown(folder, Some(number("-u")?), Some(number("-g")?))?)
}

/// The folder of the newest server that is installed.
fn binaries() -> anyhow::Result<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut found: Vec<PathBuf> =
            versions.flatten().map(|version| version.path().join("bin")).collect();
        found.sort();
        folders.extend(found.into_iter().rev());
    }
    let has_all = |folder: &PathBuf| {
        ["initdb", "postgres", "pg_isready"].iter().all(|name| folder.join(name).is_file())
    };
    folders.into_iter().find(has_all).context("missing: PostgreSQL's server. Get it: make setup")
}
