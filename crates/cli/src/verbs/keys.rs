//! `axme keys`: make, list and revoke keys.

use super::agents::how_to_connect;
use super::keys_offline::{self, OfflineKey};
use super::kill::{for_each, report};
use crate::client::{self, path_part};
use crate::context::Context;
use crate::failure::Failure;
use crate::wording::{or_dash, time, word};
use axme_api::keys::{CreateKeyRequest, Key, KeyAnswer, KeyScope, KeysAnswer, KeysQuery, Role};
use clap::ValueEnum;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Entries asked for at a time when the whole list is read.
const PAGE_COUNT: u32 = 500;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Keys {
    /// Make a key
    Create(Box<Create>),
    /// List keys, without their secrets
    List(List),
    /// End keys at once; open streams of them end too
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Who acts with it; the audit shows this name
    #[arg(value_parser = super::not_empty())]
    name: String,
    #[arg(long, value_enum)]
    role: RoleWord,
    /// How far it reaches
    #[arg(long, value_enum, default_value_t = ScopeWord::Workspace)]
    scope: ScopeWord,
    /// The agent that it acts as: name, address or id (role agent only)
    #[arg(long, value_name = "AGENT", required_if_eq("role", "agent"))]
    agent: Option<String>,
    /// When it ends, such as 2027-01-31T00:00:00Z; never when absent
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    #[command(flatten)]
    place: super::Place,
    /// Write to the store itself, without a key: the way back when no owner key is left
    #[arg(long, requires = "the_store")]
    offline: bool,
    /// Data folder of the gateway, which must be stopped
    #[arg(long, value_name = "PATH", requires = "offline", group = "the_store")]
    data_dir: Option<PathBuf>,
    /// The store, as the gateway names it; at a shared one the replicas may go on running
    #[arg(long, value_name = "URL", requires = "offline", group = "the_store")]
    store: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// At most so many; all when absent
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    /// Ids of the keys, sak_…
    #[arg(required = true, value_name = "KEY_ID", value_parser = super::not_empty())]
    key_ids: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleWord {
    /// Everything in its scope
    Owner,
    /// Kill, resume, make agents
    Operator,
    /// Read, without payloads
    Viewer,
    /// Act as one agent
    Agent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScopeWord {
    Installation,
    Organization,
    Workspace,
}

impl Keys {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run(context),
            Self::List(verb) => verb.run(context),
            Self::Revoke(verb) => verb.run(context),
        }
    }
}

impl Create {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        if self.agent.is_some() && self.role != RoleWord::Agent {
            return Err(Failure::Usage("--agent goes with --role agent only.".to_owned()));
        }
        let request = CreateKeyRequest {
            name: self.name,
            role: self.role.into(),
            scope: Some(self.scope.into()),
            org_id: self.place.org,
            workspace_id: self.place.workspace,
            agent: self.agent,
            expires_at: self.expires_at,
        };
        if self.offline {
            let (data_dir, store) = (self.data_dir, self.store);
            let made = keys_offline::create(&OfflineKey { data_dir, store, request })?;
            return context.output.answer(&json!(made), |output| {
                let key = made.key.clone();
                output.line(format_args!("Key {} ({}) is made.", key.name, key.key_id))?;
                output.line(key.token.unwrap_or_default())
            });
        }
        let client = context.client()?;
        let answer = client.post("/v1/keys", &request)?;
        context.output.answer(&answer, |output| {
            let key = client::read::<KeyAnswer>(&answer)?.key;
            let token = key.token.clone().unwrap_or_default();
            let (role, scope) = (word(&key.role), word(&key.scope));
            output
                .line(format_args!("{role} key {} ({}), {scope} scope.", key.name, key.key_id))?;
            if key.role == Role::Agent {
                return how_to_connect(output, client.url(), &token);
            }
            output.line("The key is shown now and never again:")?;
            output.line(format_args!("  {token}"))?;
            output.line(format_args!("Use it: axme login --url {}", client.url()))
        })
    }
}

impl List {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let client = context.client()?;
        let query = KeysQuery { limit: Some(self.limit.unwrap_or(PAGE_COUNT)), cursor: None };
        let answer = match self.limit {
            Some(_) => client.get("/v1/keys", &query)?,
            None => client.get_all("/v1/keys", &query, "keys")?,
        };
        context.output.answer(&answer, |output| {
            let keys = client::read::<KeysAnswer>(&answer)?.keys;
            let heading = [
                "KEY",
                "NAME",
                "ROLE",
                "SCOPE",
                "STATUS",
                "AGENT",
                "LAST USED",
                "EXPIRES",
                "ENDS IN",
            ];
            output.table(&heading, keys.iter().map(row).collect(), "No keys.")
        })
    }
}

fn row(key: &Key) -> Vec<String> {
    vec![
        key.key_id.clone(),
        key.name.clone(),
        word(&key.role),
        word(&key.scope),
        word(&key.status),
        or_dash(key.agent_address.as_ref()),
        time(key.last_used_at.as_ref()),
        time(key.expires_at.as_ref()),
        key.key_hint.clone(),
    ]
}

impl Revoke {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let client = context.client()?;
        context.confirm("revoke", "keys", &self.key_ids)?;
        let answers = for_each(&self.key_ids, |id| {
            client.post(&format!("/v1/keys/{}/revoke", path_part(id)), &json!({}))
        });
        report(&mut context.output, &self.key_ids, answers, |output, id, _: &Value| {
            output.line(format_args!("{id} is revoked."))
        })
    }
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Owner => Self::Owner,
            RoleWord::Operator => Self::Operator,
            RoleWord::Viewer => Self::Viewer,
            RoleWord::Agent => Self::Agent,
        }
    }
}

impl From<ScopeWord> for KeyScope {
    fn from(word: ScopeWord) -> Self {
        match word {
            ScopeWord::Installation => Self::Installation,
            ScopeWord::Organization => Self::Organization,
            ScopeWord::Workspace => Self::Workspace,
        }
    }
}
