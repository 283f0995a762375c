//! `axme agents`: make, list and delete agents.

use super::kill::{for_each, report};
use crate::client::{self, Client, path_part};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::BaseUrl;
use crate::wording::or_dash;
use axme_api::accounts::{
    AccountAnswer, AccountKeyAnswer, CreateAccountKeyRequest, CreateAccountRequest,
};
use axme_api::agents::{AgentAnswer, AgentsAnswer, AgentsQuery};
use serde_json::{Value, json};

/// Entries asked for at a time when the whole list is read.
const PAGE_COUNT: u32 = 500;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Agents {
    /// Make an agent and a key for it
    Create(Create),
    /// List registered agents
    List(List),
    /// Delete agents and revoke their keys; their run state stays with the address
    Delete(Delete),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Last part of the address: small letters, digits, dots, dashes
    #[arg(value_parser = super::not_empty())]
    name: String,
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// When the key ends, such as 2027-01-31T00:00:00Z; never when absent
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    #[command(flatten)]
    place: super::Place,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// At most so many; all when absent
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    #[command(flatten)]
    place: super::Place,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    /// Names, addresses or service account ids
    #[arg(required = true, value_name = "NAME", value_parser = super::not_empty())]
    names: Vec<String>,
}

impl Agents {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run(context),
            Self::List(verb) => verb.run(context),
            Self::Delete(verb) => verb.run(context),
        }
    }
}

impl Create {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let client = context.client()?;
        let request = CreateAccountRequest {
            name: self.name,
            org_id: self.place.org,
            workspace_id: self.place.workspace,
            display_name: self.display_name,
            description: self.description,
            created_by_actor_id: None,
        };
        let made = client.post("/v1/service-accounts", &request)?;
        let account = client::read::<AccountAnswer>(&made)?.service_account;
        let request = CreateAccountKeyRequest { expires_at: self.expires_at, ..Default::default() };
        let id = path_part(&account.service_account_id);
        let keyed = match client.post(&format!("/v1/service-accounts/{id}/keys"), &request) {
            Ok(keyed) => keyed,
            Err(failure) => {
                let address = &account.agent_address;
                context.output.note(format_args!(
                    "{address} is registered, but has no key yet. Make one: \
                     axme keys create NAME --role agent --agent {address}"
                ))?;
                return Err(failure);
            }
        };
        let answer = json!({
            "ok": true,
            "service_account": made.get("service_account"),
            "key": keyed.get("key"),
        });
        context.output.answer(&answer, |output| {
            let key = client::read::<AccountKeyAnswer>(&keyed)?.key;
            let (address, id) = (&account.agent_address, &account.address_id);
            output.line(format_args!("{address} ({id}) is registered."))?;
            how_to_connect(output, client.url(), &key.token.unwrap_or_default())
        })
    }
}

/// What to paste where the agent runs.
pub(super) fn how_to_connect(
    output: &mut Output<'_>,
    url: &BaseUrl,
    token: &str,
) -> Result<(), Failure> {
    output.line("The key is shown now and never again.\n")?;
    output.line("For the agent's environment:")?;
    output.line(format_args!("  export AXME_BASE_URL={url}"))?;
    output.line(format_args!("  export AXME_API_KEY={token}\n"))?;
    output.line("For the published Python client (axme 0.2.0), which reads neither of them and")?;
    output.line("sends the key to its vendor unless it is given a base_url:")?;
    output.line("  AxmeClientConfig(")?;
    output.line("      base_url=os.environ[\"AXME_BASE_URL\"],")?;
    output.line("      api_key=os.environ[\"AXME_API_KEY\"],")?;
    output.line("  )")
}

impl List {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let client = context.client()?;
        let query = AgentsQuery {
            org_id: self.place.org,
            workspace_id: self.place.workspace,
            limit: Some(self.limit.unwrap_or(PAGE_COUNT)),
            cursor: None,
        };
        let answer = match self.limit {
            Some(_) => client.get("/v1/agents", &query)?,
            None => client.get_all("/v1/agents", &query, "agents")?,
        };
        context.output.answer(&answer, |output| {
            let agents = client::read::<AgentsAnswer>(&answer)?.agents;
            let rows = agents.iter().map(|agent| {
                vec![
                    agent.address.clone(),
                    agent.status.clone(),
                    or_dash(agent.health_status.as_ref()),
                    agent.service_account_id.clone(),
                    or_dash(agent.display_name.as_ref()),
                ]
            });
            let heading = ["AGENT", "ACCOUNT", "HEALTH", "SERVICE ACCOUNT", "DISPLAY NAME"];
            let none = "No agents. Make one: axme agents create NAME";
            output.table(&heading, rows.collect(), none)
        })
    }
}

impl Delete {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let client = context.client()?;
        context.confirm("delete", "agents", &self.names)?;
        let answers = for_each(&self.names, |name| {
            let id = account_id(&client, name)?;
            client.delete(&format!("/v1/service-accounts/{}", path_part(&id)))
        });
        report(&mut context.output, &self.names, answers, |output, name, _: &Value| {
            output.line(format_args!("{name} is deleted and its keys are revoked."))
        })
    }
}

fn account_id(client: &Client, name: &str) -> Result<String, Failure> {
    if name.starts_with("sa_") {
        return Ok(name.to_owned());
    }
    let answer = client.get(&format!("/v1/agents/{}", path_part(name)), &json!({}))?;
    Ok(client::read::<AgentAnswer>(&answer)?.agent.service_account_id)
}
