//! What a replica costs its database while nothing happens.
//!
//! Every step of the store is one statement and commits by itself, so that the database's count of
//! commits is the count of statements. The looks at that count are taken from another database.

use std::time::{Duration, Instant};

use crate::postgres::{DATABASE, DATABASE_BESIDE, Postgres};
use crate::results::Results;
use crate::server::Server;

/// A session that rests writes its counts down within ten seconds: those of the start are not
/// counted.
const SETTLE: Duration = Duration::from_secs(13);
const WATCHED: Duration = Duration::from_secs(15);
const STATEMENTS_A_SECOND_MAX: f64 = 10.0;

pub fn measure(results: &mut Results) -> anyhow::Result<()> {
    // Its own housekeeping would count as well.
    let postgres = Postgres::start_with(&["autovacuum=off"])?;
    let gateway = Server::replica(&postgres.url(), "only", None)?;
    gateway.wait_until_ready()?;
    std::thread::sleep(SETTLE);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (commits, length) = runtime.block_on(async {
        let client = postgres.connect(DATABASE_BESIDE).await?;
        let sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1";
        let look = client.prepare(sql).await?;
        let before: i64 = client.query_one(&look, &[&DATABASE]).await?.get(0);
        let began = Instant::now();
        tokio::time::sleep(WATCHED).await;
        let after: i64 = client.query_one(&look, &[&DATABASE]).await?.get(0);
        anyhow::Ok((after - before, began.elapsed()))
    })?;
    results.at_most(
        "statements a second of an idle replica",
        commits as f64 / length.as_secs_f64(),
        STATEMENTS_A_SECOND_MAX,
        "",
    );
    Ok(())
}
