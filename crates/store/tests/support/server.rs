//! A PostgreSQL server of its own for a test: on a free port, with its data in a folder that goes
//! with it. It ends with the test process, however that ends.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use axme_store::postgres::{PgOptions, PgStore};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// The user that runs the server when the tests run as root, which it refuses to be.
const SERVER_USER: &str = "postgres";
/// Attempts to reach a server that begins, 50 ms apart.
const BEGIN_TRIES_MAX: u32 = 400;

/// See the module.
pub(crate) struct Server {
    binaries: PathBuf,
    folder: TempDir,
    port: u16,
    running: Mutex<Option<Child>>,
    schemas: AtomicU32,
}

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());

impl Server {
    /// The server that the stories of this binary share, each in a schema of its own.
    pub(crate) fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap();
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::new());
        server.start();
        *shared = Arc::downgrade(&server);
        server
    }

    /// A server with a database that holds nothing. It does not run yet.
    pub(crate) fn new() -> Self {
        let folder = TempDir::with_prefix("axme-postgres-").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        give_to_server(folder.path());
        let running = Mutex::new(None);
        let server =
            Self { binaries: binaries(), folder, port, running, schemas: AtomicU32::new(0) };
        let made = server
            .command("initdb")
            .args(["--username=axme", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .args(["--no-sync", "--pgdata"])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server
    }

    pub(crate) fn start(&self) {
        // It ends when the pipe does: with this value, or with the process of the tests.
        const UNTIL_STDIN_ENDS: &str =
            "\"$0\" \"$@\" & pid=$!; cat >/dev/null; kill -QUIT $pid; wait $pid";
        let mut command = self.as_server("sh");
        command.args(["-c", UNTIL_STDIN_ENDS]).arg(self.binaries.join("postgres"));
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            // The data is thrown away; a store has to be told so.
            "fsync=off",
            "max_connections=400",
            "log_min_messages=fatal",
            "deadlock_timeout=200ms",
        ] {
            command.args(["-c", setting]);
        }
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        *self.running.lock().unwrap() = Some(command.spawn().unwrap());
        self.wait_until_it_answers();
    }

    pub(crate) fn stop(&self) {
        let Some(mut running) = self.running.lock().unwrap().take() else { return };
        if let Some(mut stdin) = running.stdin.take() {
            drop(stdin.flush());
        }
        running.wait().unwrap();
        // Else the next start finds the file of a process that is gone, and may take its number
        // for another's.
        drop(std::fs::remove_file(self.data().join("postmaster.pid")));
    }

    /// A schema that no story has used.
    pub(crate) fn new_schema(&self) -> String {
        format!("story_{}", self.schemas.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn url(&self, schema: &str) -> String {
        format!("postgres://axme@127.0.0.1:{}/postgres?sslmode=disable&schema={schema}", self.port)
    }

    pub(crate) fn options(&self, schema: &str) -> PgOptions {
        let mut options = PgOptions::parse(&self.url(schema)).unwrap();
        options.allow_unsafe = true;
        options
    }

    pub(crate) fn open(&self, schema: &str) -> Arc<PgStore> {
        Arc::new(PgStore::open(self.options(schema)))
    }

    /// A connection beside every store's, for what a story does behind their backs.
    pub(crate) async fn connect(&self, schema: &str) -> Client {
        let url = format!("postgres://axme@127.0.0.1:{}/postgres", self.port);
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "it ends with the client")]
        tokio::spawn(connection);
        client.batch_execute(&format!("SET search_path = {schema}")).await.unwrap();
        client
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

    fn wait_until_it_answers(&self) {
        for _ in 0..BEGIN_TRIES_MAX {
            let asked = self
                .command("pg_isready")
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status();
            if asked.is_ok_and(|answer| answer.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        panic!("PostgreSQL does not begin: {log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn give_to_server(folder: &Path) {
    if !is_root() {
        return;
    }
    let number = |flag| {
        let found = Command::new("id").args([flag, SERVER_USER]).output().unwrap();
        let text = String::from_utf8(found.stdout).unwrap();
        text.trim().parse::<u32>().unwrap_or_else(|_| panic!("missing: the user {SERVER_USER}"))
    };
    std::os::unix::fs::chown(folder, Some(number("-u")), Some(number("-g"))).unwrap();
}

/// The folder of the newest server that is installed.
fn binaries() -> PathBuf {
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
    folders
        .into_iter()
        .find(has_all)
        .unwrap_or_else(|| panic!("missing: PostgreSQL's server. Get it: make setup"))
}
