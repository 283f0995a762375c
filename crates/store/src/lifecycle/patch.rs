//! Changing an intent's controls or policy.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::error::{StoreError, WriteError};
use crate::ledger::{Intent, Patch, Patched};

/// The values stay the text that they came as.
type Object = BTreeMap<Box<str>, Box<RawValue>>;

/// What a patch makes of an intent. Only [`Patched::Applied`] is something to store.
pub(crate) fn patch(found: Option<Intent>, patch: &Patch) -> Result<Patched, WriteError> {
    let Some(mut intent) = found else { return Ok(Patched::NotFound) };
    if intent.status.is_terminal() {
        return Ok(Patched::Ended(intent));
    }
    if patch.expected_generation.is_some_and(|expected| expected != intent.policy_generation) {
        return Ok(Patched::Stale(intent));
    }
    intent.extras = merged(&intent.extras, &patch.merge)
        .map_err(|error| StoreError::Unusable(format!("a patch must be a JSON object: {error}")))?;
    intent.policy_generation += 1;
    intent.updated_at = patch.at;
    Ok(Patched::Applied(intent))
}

/// Where both hold an object under a key, its keys are set one by one; else the new value stands.
fn merged(extras: &str, patch: &str) -> serde_json::Result<Box<str>> {
    let mut all: Object = serde_json::from_str(extras)?;
    let patch: Object = serde_json::from_str(patch)?;
    for (key, value) in patch {
        let both = all.get(&key).and_then(|held| object(held).zip(object(&value)));
        let value = match both {
            Some((mut held, new)) => {
                held.extend(new);
                serde_json::value::to_raw_value(&held)?
            }
            None => value,
        };
        all.insert(key, value);
    }
    serde_json::to_string(&all).map(Into::into)
}

fn object(value: &RawValue) -> Option<Object> {
    serde_json::from_str(value.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::merged;

    #[test]
    fn keys_are_merged_within_their_object_and_other_values_stay_as_they_came() {
        let extras = r#"{"controls":{"a":1,"big":12345678901234567890123},"reply_to":"agent://x"}"#;
        let patch = r#"{"controls":{"a":2,"b":null},"policy":{"ttl":3}}"#;
        let wanted = r#"{"controls":{"a":2,"b":null,"big":12345678901234567890123},"policy":{"ttl":3},"reply_to":"agent://x"}"#;
        assert_eq!(&*merged(extras, patch).unwrap(), wanted);
        assert!(merged(extras, "[]").is_err());
    }
}
