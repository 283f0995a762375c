//! What verbs need that run a gateway in this process.

use crate::failure::Failure;
use std::future::Future;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Stack of a worker; handlers keep large things on the heap.
const STACK_BYTES: usize = 2 << 20;

/// Runs a future on a runtime of its own, to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Failure::local("cannot start the runtime", error, "Try again."))?;
    Ok(runtime.block_on(future))
}

/// Logs to standard error what `AXME_LOG` asks for: warnings and milestones when it is not set.
pub(crate) fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("AXME_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second gateway in the same process logs through the first one's subscriber.
    let _ = logging.try_init();
}

/// Lets this process have as many connections as the system allows: the usual 1,024 are fewer than
/// the streams of one busy agent.
pub(crate) fn raise_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        // Without it the bound on connections is reached earlier; nothing else changes.
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

/// Listens, from this call on, for the wish that the process stops (SIGTERM or an interrupt), and
/// answers a future that comes with it. Called before anything is served: a gateway that is asked
/// to stop the moment it is ready must end in good order too.
#[cfg(unix)]
pub(crate) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Comes when the process is interrupted.
#[cfg(not(unix))]
pub(crate) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// A failure with all of its causes, outermost first.
pub(crate) fn failure(what: &str, error: &anyhow::Error) -> Failure {
    Failure::Failed { what: format!("{what}: {error:#}"), next: String::new() }
}
