//! Three gateways at one PostgreSQL server.

use anyhow::Context as _;

use crate::client::Blocking;
use crate::load::{Agent, create_agents};
use crate::postgres::Postgres;
use crate::server::Server;

pub const REPLICAS_COUNT: usize = 3;

/// See the module. Everything in it ends with it: the gateways before their store.
pub struct Cluster {
    pub replicas: Vec<Server>,
    /// One for each replica.
    pub operators: Vec<Blocking>,
    /// Who send, and whom everybody kills.
    pub agents: Vec<Agent>,
    pub postgres: Postgres,
}

impl Cluster {
    /// Starts everything, with the default lease, and waits until all are ready.
    pub fn start(agents_count: usize) -> anyhow::Result<Self> {
        let postgres = Postgres::start()?;
        let urls = vec![postgres.url(); REPLICAS_COUNT];
        Self::start_at(postgres, &urls, None, agents_count)
    }

    /// The same with a way to the store and a lease of the caller's choice.
    pub fn start_at(
        postgres: Postgres,
        urls: &[String],
        lease_ms: Option<u64>,
        agents_count: usize,
    ) -> anyhow::Result<Self> {
        let mut replicas = Vec::new();
        for (number, url) in urls.iter().enumerate() {
            let replica = Server::replica(url, &format!("replica-{number}"), lease_ms)?;
            replica.wait_until_ready()?;
            replicas.push(replica);
        }
        let mut operators: Vec<_> =
            replicas.iter().map(Server::operator).collect::<Result<_, _>>()?;
        let first = operators.first_mut().context("a replica")?;
        let agents = create_agents(first, "sender", agents_count)?;
        Ok(Self { replicas, operators, agents, postgres })
    }
}
