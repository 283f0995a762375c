//! What most stories begin with: agents, and callers of every kind.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::caller::{Answer, Caller};
use crate::gateway::Gateway;

/// An agent with its first key.
pub(crate) struct Agent<'a> {
    pub(crate) address: String,
    pub(crate) address_id: String,
    pub(crate) account_id: String,
    pub(crate) key_id: String,
    pub(crate) caller: Caller<'a>,
}

impl<'a> Agent<'a> {
    /// Makes an agent in the workspace of `maker`.
    pub(crate) async fn make(gateway: &'a Gateway, maker: &Caller<'a>, name: &str) -> Self {
        let made = maker.post("/v1/service-accounts", json!({ "name": name })).await.ok();
        let account = &made["service_account"];
        let text = |field: &str| account[field].as_str().unwrap().to_owned();
        let account_id = text("service_account_id");
        let keys = format!("/v1/service-accounts/{account_id}/keys");
        let key = maker.post_nothing(&keys).await.ok()["key"].clone();
        Self {
            address: text("agent_address"),
            address_id: text("address_id"),
            account_id,
            key_id: key["key_id"].as_str().unwrap().to_owned(),
            caller: gateway.with_key(key["token"].as_str().unwrap()),
        }
    }

    /// Sends an intent as this agent.
    pub(crate) async fn send(&self, to: &str) -> Answer {
        self.caller.post("/v1/intents", intent(to)).await
    }

    pub(crate) fn path(&self, order: &str) -> String {
        format!("/v1/mesh/agents/{}/{order}", self.address_id)
    }

    pub(crate) fn stream_path(&self) -> String {
        let address = self.address.trim_start_matches("agent://");
        format!("/v1/agents/{address}/intents/stream?wait_seconds=30")
    }
}

/// The body of a new intent.
pub(crate) fn intent(to: &str) -> Value {
    json!({
        "intent_type": "intent.demo.v1",
        "correlation_id": "0190c0de-0000-7000-8000-000000000001",
        "to_agent": to,
        "payload": { "secret": "sesame" },
    })
}

/// Another organization with one workspace; an owner's key of it, and the two ids.
pub(crate) async fn make_tenant<'a>(
    gateway: &'a Gateway,
    name: &str,
) -> (Caller<'a>, String, String) {
    let owner = gateway.owner();
    let made = owner.post("/v1/organizations", json!({ "name": name })).await.ok();
    let org = made["organization"]["org_id"].as_str().unwrap().to_owned();
    let workspace = make_workspace(&owner, &org, "Main").await;
    let place = json!({ "scope": "organization", "org_id": org, "workspace_id": workspace });
    (owner.make_key("owner", place).await, org, workspace)
}

/// Another workspace of an organization.
pub(crate) async fn make_workspace(owner: &Caller<'_>, org: &str, name: &str) -> String {
    let path = format!("/v1/organizations/{org}/workspaces");
    let made = owner.post(&path, json!({ "name": name })).await.ok();
    made["workspace"]["workspace_id"].as_str().unwrap().to_owned()
}

/// The organization and workspace in which a key acts.
pub(crate) async fn home(caller: &Caller<'_>) -> (String, String) {
    let own = caller.get("/v1/keys/self").await.ok();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&own["organization"]["org_id"]), text(&own["workspace"]["workspace_id"]))
}

/// One id for each parameter that a path can have.
#[derive(Clone)]
pub(crate) struct Ids {
    pub(crate) agent: String,
    pub(crate) account_id: String,
    pub(crate) key_id: String,
    pub(crate) kill_id: String,
    pub(crate) intent_id: String,
    pub(crate) org_id: String,
    pub(crate) workspace_id: String,
    pub(crate) session_id: String,
}

impl Ids {
    /// Ids that look right and that nobody has.
    pub(crate) fn unknown() -> Self {
        let hex = "0190c0de00007000800000000000dead";
        let uuid = "0190c0de-0000-7000-8000-00000000dead";
        Self {
            agent: format!("addr_{hex}"),
            account_id: format!("sa_{hex}"),
            key_id: format!("sak_{hex}"),
            kill_id: format!("kill_{hex}"),
            intent_id: uuid.to_owned(),
            org_id: uuid.replace("dead", "beef"),
            workspace_id: uuid.replace("dead", "cafe"),
            session_id: format!("ses_{hex}"),
        }
    }

    /// Those of an agent of the first workspace, which has sent itself an intent and was killed
    /// and resumed.
    pub(crate) async fn of(gateway: &Gateway, agent: &Agent<'_>) -> Self {
        let owner = gateway.owner();
        let sent = agent.send(&agent.address).await.ok();
        let killed = owner.post_nothing(&agent.path("kill")).await.ok();
        owner.post_nothing(&agent.path("resume")).await.ok();
        let (org_id, workspace_id) = home(&owner).await;
        Self {
            agent: agent.address_id.clone(),
            account_id: agent.account_id.clone(),
            key_id: agent.key_id.clone(),
            kill_id: killed["kill_id"].as_str().unwrap().to_owned(),
            intent_id: sent["intent_id"].as_str().unwrap().to_owned(),
            org_id,
            workspace_id,
            session_id: Browser::signed_in(gateway, &owner).await.session_id(&owner).await,
        }
    }

    pub(crate) fn by_address(&self, agent: &Agent<'_>) -> Self {
        Self { agent: agent.address.clone(), ..self.clone() }
    }

    /// A path with its parameters filled in.
    pub(crate) fn fill(&self, path: &str) -> String {
        let filled = path
            .replace("{agent}", &self.agent)
            .replace("{account_id}", &self.account_id)
            .replace("{key_id}", &self.key_id)
            .replace("{kill_id}", &self.kill_id)
            .replace("{intent_id}", &self.intent_id)
            .replace("{org_id}", &self.org_id)
            .replace("{workspace_id}", &self.workspace_id)
            .replace("{session_id}", &self.session_id)
            // Every agent can have the same ones.
            .replace("{policy_id}", "send");
        assert!(!filled.contains('{'), "{filled} has a parameter that this does not know");
        filled
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        let Self {
            agent,
            account_id,
            key_id,
            kill_id,
            intent_id,
            org_id,
            workspace_id,
            session_id,
        } = self;
        [agent, account_id, key_id, kill_id, intent_id, org_id, workspace_id, session_id]
            .into_iter()
            .map(String::as_str)
    }
}
