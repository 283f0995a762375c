//! The two agents of the story, made through the API.

use super::operator::{Operator, client_with};
use crate::client::{self, Client};
use crate::failure::Failure;
use axme_api::accounts::{AccountAnswer, AccountKeyAnswer};
use serde_json::json;

pub(super) const CAMPAIGN: &str = "email-campaign";
pub(super) const MAILER: &str = "mailer";

pub(super) struct Agents {
    pub(super) campaign: Identity,
    pub(super) mailer: Identity,
}

/// What an agent needs to call the gateway.
pub(super) struct Identity {
    pub(super) url: String,
    pub(super) key: String,
}

impl Agents {
    pub(super) fn create(operator: &Operator, url: &str) -> Result<Self, Failure> {
        let create = |name| create(operator, url, name);
        Ok(Self { campaign: create(CAMPAIGN)?, mailer: create(MAILER)? })
    }
}

fn create(operator: &Operator, url: &str, name: &str) -> Result<Identity, Failure> {
    let made = operator.post("/v1/service-accounts", &json!({ "name": name }))?;
    let account = client::read::<AccountAnswer>(&made)?.service_account.service_account_id;
    let made = operator.post(&format!("/v1/service-accounts/{account}/keys"), &json!({}))?;
    let key = client::read::<AccountKeyAnswer>(&made)?.key.token.unwrap_or_default();
    Ok(Identity { url: url.to_owned(), key })
}

impl Identity {
    /// A client with a connection of its own, which it keeps.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        client_with(&self.url, &self.key)
    }
}
