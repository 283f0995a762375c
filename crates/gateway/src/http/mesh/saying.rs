//! What an instance says of itself, checked: wherever it says it.

use axme_api::JsonObject;
use axme_api::mesh::Progress;
use axme_engine::Caller;
use axme_engine::instances::Name;
use axme_store::instances::{self, Said};

use crate::http::error::ApiError;

/// Longest id of an instance, in bytes.
const INSTANCE_ID_BYTES_MAX: usize = 128;
/// Longest version, region and unit, in bytes.
const WORD_BYTES_MAX: usize = 64;
/// Labels and metadata together, in bytes of JSON.
const DESCRIPTION_BYTES_MAX: usize = 4_096;

/// What an instance says, as it came.
#[derive(Debug, Default)]
pub(super) struct Saying<'a> {
    pub(super) version: Option<&'a str>,
    pub(super) region: Option<&'a str>,
    pub(super) labels: Option<&'a JsonObject>,
    pub(super) metadata: Option<&'a JsonObject>,
    pub(super) progress: Option<&'a Progress>,
}

impl Saying<'_> {
    /// What is kept of it; else the field that cannot be kept.
    pub(super) fn check(self) -> Result<Said, ApiError> {
        let labels = self.labels.map(|labels| text_of("labels", labels)).transpose()?;
        if let Some(labels) = self.labels
            && let Some((name, _)) = labels.iter().find(|(_, value)| !value.is_string())
        {
            return Err(ApiError::field(&format!("labels.{name}"), "must be a text"));
        }
        let metadata = self.metadata.map(|metadata| text_of("metadata", metadata)).transpose()?;
        let bytes =
            [&labels, &metadata].into_iter().flatten().map(|text| text.len()).sum::<usize>();
        if bytes > DESCRIPTION_BYTES_MAX {
            let problem = format!(
                "is too large: labels and metadata together are at most {DESCRIPTION_BYTES_MAX} \
                 bytes of JSON, these are {bytes}"
            );
            return Err(ApiError::field(
                if metadata.is_some() { "metadata" } else { "labels" },
                problem,
            ));
        }
        Ok(Said {
            version: word("version", self.version)?,
            region: word("region", self.region)?,
            labels,
            metadata,
            progress: self.progress.map(progress).transpose()?,
        })
    }
}

/// The instance that a caller says it is, else the one that it is taken for.
pub(super) fn name(caller: &Caller, instance_id: Option<&str>) -> Result<Name, ApiError> {
    let Some(id) = instance_id else {
        return Ok(Name::Inferred(caller.key.key_id, caller.client_address));
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:@/-".contains(c);
    if (1..=INSTANCE_ID_BYTES_MAX).contains(&id.len()) && id.chars().all(allowed) {
        Ok(Name::Given(id.into()))
    } else {
        let problem = format!(
            "must be 1 to {INSTANCE_ID_BYTES_MAX} letters, digits and . _ : @ / -, without spaces"
        );
        Err(ApiError::field("instance_id", problem))
    }
}

fn progress(sent: &Progress) -> Result<instances::Progress, ApiError> {
    Ok(instances::Progress {
        done: sent.done,
        total: sent.total,
        unit: word("progress.unit", sent.unit.as_deref())?,
    })
}

fn word(field: &str, sent: Option<&str>) -> Result<Option<Box<str>>, ApiError> {
    match sent {
        Some(text) if text.len() > WORD_BYTES_MAX || text.contains(char::is_control) => {
            let problem = format!("must be at most {WORD_BYTES_MAX} bytes of plain text");
            Err(ApiError::field(field, problem))
        }
        sent => Ok(sent.map(Into::into)),
    }
}

fn text_of(field: &str, object: &JsonObject) -> Result<Box<str>, ApiError> {
    let text = serde_json::to_string(object)
        .map_err(|error| ApiError::field(field, format!("cannot be kept: {error}")))?;
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &serde_json::Value) -> JsonObject {
        serde_json::from_value(value.clone()).unwrap()
    }

    #[test]
    fn what_an_instance_says_is_kept_as_it_says_it() {
        let (labels, metadata) = (object(&json!({"team": "mail"})), object(&json!({"at": 7})));
        let sent = Progress { done: 7, total: Some(9), unit: Some("emails".to_owned()) };
        let said = Saying {
            version: Some("1.2"),
            region: None,
            labels: Some(&labels),
            metadata: Some(&metadata),
            progress: Some(&sent),
        };
        let said = said.check().unwrap();
        assert_eq!(said.labels.as_deref(), Some(r#"{"team":"mail"}"#));
        assert_eq!(said.metadata.as_deref(), Some(r#"{"at":7}"#));
        assert_eq!(said.progress.unwrap().unit.as_deref(), Some("emails"));
        assert_eq!(said.region, None);
    }

    #[test]
    fn what_cannot_be_kept_is_refused_by_its_name() {
        let refused = |saying: Saying<'_>| saying.check().unwrap_err().fields[0].loc[1..].join(".");
        let (labels, large) =
            (object(&json!({"n": 1})), object(&json!({"text": "x".repeat(5_000)})));
        assert_eq!(refused(Saying { labels: Some(&labels), ..Saying::default() }), "labels.n");
        assert_eq!(refused(Saying { metadata: Some(&large), ..Saying::default() }), "metadata");
        let long = "v".repeat(65);
        assert_eq!(refused(Saying { version: Some(&long), ..Saying::default() }), "version");
        let unit = Progress { unit: Some("e\nm".to_owned()), ..Progress::default() };
        assert_eq!(refused(Saying { progress: Some(&unit), ..Saying::default() }), "progress.unit");
    }
}
