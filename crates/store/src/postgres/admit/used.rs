//! What idempotency keys were used for before.

use crate::control::{Answered, IdempotencyKey};
use crate::postgres::columns::Columns as _;
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

/// The limit keeps the planner from joining the tables in another way than key by key.
const FIND: &str = "
    SELECT wanted.nth, used.request, used.made
    FROM unnest($1::text[], $2::text[], $3::text[])
        WITH ORDINALITY AS wanted (sender, endpoint, key, nth)
    CROSS JOIN LATERAL (
        SELECT request, made FROM idempotency
        WHERE sender = wanted.sender AND endpoint = wanted.endpoint AND key = wanted.key
        LIMIT 1
    ) AS used";

/// Looks up keys, each with its place in a batch. Those that are free are left out.
pub(super) async fn find(
    session: &Session,
    wanted: &[(usize, &IdempotencyKey)],
) -> Result<Vec<(usize, Answered)>, Failure> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let senders: Vec<_> = wanted.iter().map(|(_, key)| &*key.sender).collect();
    let endpoints: Vec<_> = wanted.iter().map(|(_, key)| &*key.endpoint).collect();
    let keys: Vec<_> = wanted.iter().map(|(_, key)| &*key.key).collect();
    let mut found = Vec::new();
    for row in session.read(FIND, &[&senders, &endpoints, &keys]).await? {
        // Ordinals count from one.
        let nth = usize::try_from(row.number(0)?).unwrap_or(0).saturating_sub(1);
        let Some((place, key)) = wanted.get(nth) else { continue };
        let same_request = row.hash(1)? == key.request;
        found.push((*place, Answered { same_request, made: row.text(2)? }));
    }
    Ok(found)
}
