//! Changing an intent's controls or policy.

use rusqlite::params;

use crate::error::WriteError;
use crate::ledger::{Patch, Patched};
use crate::lifecycle;
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::int;
use crate::sqlite::failure::Failure;
use crate::sqlite::rows;

pub(super) fn patch(batch: &Batch<'_>, patch: &Patch) -> Result<Patched, Failure<WriteError>> {
    let found = rows::intent_by_id(batch.connection(), patch.intent_id)?;
    let patched = lifecycle::patch(found, patch).map_err(Failure::Refused)?;
    if let Patched::Applied(intent) = &patched {
        let mut update = batch.statement(
            "UPDATE intents SET extras = ?2, policy_generation = ?3, updated_at = ?4
             WHERE row_id = ?1",
        )?;
        let (row_id, generation) = (int(intent.row_id), int(intent.policy_generation));
        update.execute(params![
            row_id,
            intent.extras,
            generation,
            intent.updated_at.as_micros()
        ])?;
    }
    Ok(patched)
}
