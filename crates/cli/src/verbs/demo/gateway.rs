//! The gateway of the demo: the real one, on a free port, in a thread of its own.

use super::ending::Ending;
use crate::failure::Failure;
use crate::runtime;
use axme_engine::bootstrap::Begun;
use axme_gateway::app::{App, owner_key_path};
use axme_gateway::config::{Config, Given};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// How long requests in flight have to finish at the end.
const SHUTDOWN_MS: u64 = 2_000;

pub(super) const ORGANIZATION: &str = "myorg";
pub(super) const WORKSPACE: &str = "production";

pub(super) struct Gateway {
    pub(super) url: String,
    pub(super) owner_key: String,
    /// Holds the owner key, for commands of another terminal.
    pub(super) key_file: PathBuf,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// What a gateway says once it listens.
type Started = Result<(String, String), Failure>;

impl Gateway {
    pub(super) fn start(folder: &Path, ending: Arc<Ending>) -> Result<Self, Failure> {
        let data_dir = folder.join("data");
        let key_file = owner_key_path(&data_dir);
        let config = Config::load(Given {
            listen: Some("127.0.0.1:0".to_owned()),
            data_dir: Some(data_dir),
            org: Some(ORGANIZATION.to_owned()),
            workspace: Some(WORKSPACE.to_owned()),
            // Nobody balances load to this one: there is nothing to wait for.
            drain_ms: Some(0),
            shutdown_ms: Some(SHUTDOWN_MS),
            ..Given::default()
        });
        let config = config.map_err(|error| Failure::local("cannot run a gateway", error, ""))?;
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = sync_channel(1);
        let thread = std::thread::spawn(move || run(config, &tell, stopped, &ending));
        let (url, owner_key) = told.recv().unwrap_or_else(|_gone| {
            Err(Failure::Failed { what: "the gateway did not start".into(), next: String::new() })
        })?;
        crate::owner_key::write_secret(&key_file, &owner_key)
            .map_err(|error| Failure::local("cannot write the owner key", error, ""))?;
        Ok(Self { url, owner_key, key_file, stop, thread })
    }

    /// Takes it down in order and waits for that.
    pub(super) fn stop(self) {
        // It may have ended by itself; then nobody listens.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

fn run(config: Config, tell: &SyncSender<Started>, stopped: oneshot::Receiver<()>, end: &Ending) {
    let served = runtime::block_on(async {
        let app = match App::start(config).await {
            Ok(app) => app,
            Err(error) => {
                let _ = tell.send(Err(runtime::failure("cannot start the gateway", &error)));
                return;
            }
        };
        let interrupted = match runtime::stop_signal() {
            Ok(interrupted) => interrupted,
            Err(error) => {
                let _ = tell.send(Err(Failure::local("cannot listen for signals", error, "")));
                return;
            }
        };
        let Begun::New { drawn: Some(drawn) } = app.begun() else { return };
        let started = (format!("http://{}", app.address()), drawn.token.clone());
        if tell.send(Ok(started)).is_err() {
            return;
        }
        app.run(async {
            let mut stopped = stopped;
            tokio::select! {
                _ = &mut stopped => {}
                () = interrupted => {
                    // The story ends first and takes the gateway down itself.
                    end.ask();
                    let _ = stopped.await;
                }
            }
        })
        .await;
    });
    if let Err(failure) = served {
        let _ = tell.send(Err(failure));
    }
}
