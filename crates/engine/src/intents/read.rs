//! Reading intents: parties see their own, keys see what their scope covers.

use axme_core::id::{IntentId, WorkspaceId};
use axme_core::intent::Status;
use axme_store::ledger::{Event, Intent, IntentQuery};

use super::{IntentError, Intents};
use crate::caller::Caller;

impl Intents {
    pub async fn get(&self, caller: &Caller, id: IntentId) -> Result<Intent, IntentError> {
        self.visible(caller, id).await
    }

    /// Intents of a workspace that the caller's scope covers, newest first; an agent's own only.
    pub async fn list(
        &self,
        caller: &Caller,
        workspace_id: WorkspaceId,
        statuses: Vec<Status>,
        before: Option<u64>,
        rows_max: usize,
    ) -> Result<Vec<Intent>, IntentError> {
        let party = caller.agent().map(|agent| agent.address.clone());
        let query =
            IntentQuery { workspace_id, party, statuses, created_before: None, before, rows_max };
        Ok(self.ledger.intents(query).await?)
    }

    /// The events of an intent with a sequence number after `since`.
    pub async fn events(
        &self,
        caller: &Caller,
        id: IntentId,
        since: u64,
    ) -> Result<Vec<Event>, IntentError> {
        self.visible(caller, id).await?;
        self.ledger.events(id, since).await?.ok_or(IntentError::NotFound)
    }
}
