//! Cancelling many intents at once.

use std::time::Duration;

use axme_core::id::{IntentId, WorkspaceId};
use axme_core::intent::Status;
use axme_store::ledger::IntentQuery;

use super::{FactRequest, IntentError, Intents};
use crate::caller::Caller;

/// Which intents to cancel.
#[derive(Clone, Debug)]
pub struct BulkCancel {
    pub workspace_id: WorkspaceId,
    pub older_than: Duration,
    /// Every one that has not ended when empty.
    pub statuses: Vec<Status>,
    /// `{reason?}`: a JSON object.
    pub outcome: Box<str>,
    pub intents_max: usize,
}

impl Intents {
    /// The intents that a bulk cancel would end.
    pub async fn to_cancel(
        &self,
        caller: &Caller,
        cancel: &BulkCancel,
    ) -> Result<Vec<IntentId>, IntentError> {
        let open = |status: &Status| !status.is_terminal();
        let statuses = if cancel.statuses.is_empty() {
            Status::ALL.into_iter().filter(open).collect()
        } else {
            cancel.statuses.iter().copied().filter(open).collect()
        };
        let query = IntentQuery {
            workspace_id: cancel.workspace_id,
            party: caller.agent().map(|agent| agent.address.clone()),
            statuses,
            created_before: Some(self.clock.wall().minus(cancel.older_than)),
            before: None,
            rows_max: cancel.intents_max,
        };
        let found = self.ledger.intents(query).await?;
        Ok(found.into_iter().map(|intent| intent.intent_id).collect())
    }

    /// Cancels them one by one, and answers how many: what has ended meanwhile stays as it ended.
    pub async fn cancel_all(
        &self,
        caller: &Caller,
        cancel: &BulkCancel,
    ) -> Result<u64, IntentError> {
        let mut canceled = 0;
        for intent_id in self.to_cancel(caller, cancel).await? {
            let fact = FactRequest {
                intent_id,
                next: Status::Canceled,
                actor: None,
                outcome: Some(cancel.outcome.clone()),
                idempotency: None,
            };
            match self.record(caller, fact).await {
                Ok(_) => canceled += 1,
                Err(IntentError::Ended(_) | IntentError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(canceled)
    }
}
