//! The servers' side, each in its own process: says where it listens, serves until its input ends.

mod bare;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, bail};
use axme_engine::bootstrap::Begun;
use axme_gateway::app::{App, Starting};
use axme_gateway::config::{Config, Given};

use crate::server::OWNER_KEY;

/// Serves as this process was told: `--serve=KIND FOLDER [URL ID [LEASE_MS]]`.
pub fn serve(kind: &str) -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(2);
    let folder = arguments.next().context("a folder is needed")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match kind {
            "gateway" => serve_gateway(Path::new(&folder)).await,
            "replica" => serve_replica(Path::new(&folder), arguments).await,
            "bare" => bare::serve(bare::heartbeats()).await,
            "bare-streams" => bare::serve(bare::streams()?).await,
            other => bail!("no server of the kind {other}"),
        }
    })
}

async fn serve_gateway(folder: &Path) -> anyhow::Result<()> {
    let app = App::start(Config::load(given(folder))?).await?;
    let Begun::New { drawn: Some(drawn) } = app.begun() else { bail!("the store is not new") };
    tell(app.address(), &drawn.token)?;
    app.run(end_of_input()).await;
    Ok(())
}

/// Says where it listens before it is ready: whoever started it asks `/ready`, as a load balancer
/// does.
async fn serve_replica(
    folder: &Path,
    mut arguments: impl Iterator<Item = String>,
) -> anyhow::Result<()> {
    let (store, replica_id) = (arguments.next(), arguments.next());
    let lease_ms = arguments.next().map(|text| text.parse()).transpose()?;
    let given = Given { store, replica_id, lease_ms, ..given(folder) };
    let config = Config::load(given.with_owner_key(|_variable| Some(OWNER_KEY.to_owned())))?;
    let starting = Starting::listen(config).await?;
    tell(starting.address(), OWNER_KEY)?;
    let mut ended = std::pin::pin!(end_of_input());
    let app = tokio::select! {
        app = starting.serve() => app?,
        () = &mut ended => return Ok(()),
    };
    app.run(ended).await;
    Ok(())
}

fn given(folder: &Path) -> Given {
    Given {
        listen: Some("127.0.0.1:0".to_owned()),
        data_dir: Some(folder.to_owned()),
        org: Some("myorg".to_owned()),
        workspace: Some("production".to_owned()),
        drain_ms: Some(0),
        shutdown_ms: Some(1_000),
        ..Given::default()
    }
}

fn tell(address: SocketAddr, key: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{address} {key}")?;
    Ok(stdout.flush()?)
}

/// Comes when whoever started this process has closed its standard input, or has ended.
async fn end_of_input() {
    let read =
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    let _ = read.await;
}
