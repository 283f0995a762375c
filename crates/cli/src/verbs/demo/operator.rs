//! The operator of the story: gives orders and looks, over the API like everybody.

use super::agents::CAMPAIGN;
use crate::client::{self, Client};
use crate::failure::Failure;
use crate::profiles::Profiles;
use crate::settings::{self, Environment, GlobalFlags};
use axme_api::mesh::{
    AgentDetailAnswer, KillAnswer, KillRecord, KillRecordAnswer, KillRequest, MeshAgent,
    ResumeAnswer, ResumeRequest,
};
use axme_engine::clock::Clock;
use serde::Serialize;
use serde_json::{Value, json};

pub(super) struct Operator {
    client: Client,
    clock: Clock,
}

impl Operator {
    pub(super) fn new(url: &str, key: &str) -> Result<Self, Failure> {
        Ok(Self { client: client_with(url, key)?, clock: Clock::system() })
    }

    pub(super) fn post(&self, path: &str, body: &impl Serialize) -> Result<Value, Failure> {
        self.client.post(path, body)
    }

    /// The campaign's agent as the gateway sees it now.
    pub(super) fn look(&self) -> Result<MeshAgent, Failure> {
        let answer = self.client.get(&path(""), &json!({}))?;
        Ok(client::read::<AgentDetailAnswer>(&answer)?.agent.agent)
    }

    /// Stops the campaign. Answers the kill, and the milliseconds from the order to the answer.
    pub(super) fn kill(&self, reason: &str) -> Result<(KillAnswer, f64), Failure> {
        let began = self.clock.mono();
        let order = KillRequest { reason: Some(reason.to_owned()), ..KillRequest::default() };
        let answer = self.client.post(&path("/kill"), &order)?;
        let took = self.clock.mono().since(began);
        Ok((client::read(&answer)?, took.as_secs_f64() * 1_000.0))
    }

    /// Lets the campaign go on; a kill newer than `revision` stands.
    pub(super) fn resume(&self, revision: u64) -> Result<ResumeAnswer, Failure> {
        let order = ResumeRequest { revision: Some(revision), reason: Some("demo".to_owned()) };
        client::read(&self.client.post(&path("/resume"), &order)?)
    }

    /// What the gateway has recorded of a kill; it fills as instances say that they stopped.
    pub(super) fn kill_record(&self, kill_id: &str) -> Result<KillRecord, Failure> {
        let answer = self.client.get(&format!("/v1/mesh/kills/{kill_id}"), &json!({}))?;
        Ok(client::read::<KillRecordAnswer>(&answer)?.kill)
    }
}

/// A client with one key and no regard to the profiles of this user.
pub(super) fn client_with(url: &str, key: &str) -> Result<Client, Failure> {
    let flags = GlobalFlags { url: Some(url.to_owned()), ..GlobalFlags::default() };
    let environment = Environment { key: Some(key.to_owned()), ..Environment::default() };
    Client::new(settings::resolve(&flags, &environment, &Profiles::default())?)
}

fn path(rest: &str) -> String {
    format!("/v1/mesh/agents/{CAMPAIGN}{rest}")
}
