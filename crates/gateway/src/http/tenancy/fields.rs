//! What organizations and workspaces may be called and described as. Both are kept for ever, in the
//! control log, so everything about them has a bound.

use axme_api::JsonObject;
use axme_core::address::{SLUG_BYTES, is_slug};

use crate::http::error::ApiError;

/// Longest name, legal name, domain or region in bytes.
const TEXT_BYTES_MAX: usize = 255;
/// Largest metadata as JSON text, in bytes.
const METADATA_BYTES_MAX: usize = 16 << 10;

const STATUSES: &[&str] = &["pending", "active", "suspended", "archived"];
const ENVIRONMENTS: &[&str] = &["sandbox", "staging", "production"];

/// A name, which cannot be empty.
pub(super) fn name(text: &str) -> Result<String, ApiError> {
    if text.trim().is_empty() {
        return Err(ApiError::field("name", "must not be empty"));
    }
    bounded("name", text)
}

/// The former text, or a new one where the request has one.
pub(super) fn text(
    field: &str,
    former: Option<String>,
    sent: Option<&str>,
) -> Result<Option<String>, ApiError> {
    sent.map_or(Ok(former), |sent| bounded(field, sent).map(Some))
}

pub(super) fn status(former: String, sent: Option<&str>) -> Result<String, ApiError> {
    word("status", STATUSES, former, sent)
}

pub(super) fn environment(former: String, sent: Option<&str>) -> Result<String, ApiError> {
    word("environment", ENVIRONMENTS, former, sent)
}

pub(super) fn metadata(
    former: JsonObject,
    sent: Option<&JsonObject>,
) -> Result<JsonObject, ApiError> {
    let Some(sent) = sent else { return Ok(former) };
    let bytes = serde_json::to_vec(sent).map_or(usize::MAX, |text| text.len());
    if bytes > METADATA_BYTES_MAX {
        let problem = format!("is larger than {METADATA_BYTES_MAX} bytes");
        return Err(ApiError::field("metadata", problem));
    }
    Ok(sent.clone())
}

/// The slug that was asked for, or one made from the name: lower-case, words joined by hyphens.
pub(super) fn slug(sent: Option<&str>, name: &str) -> Result<Box<str>, ApiError> {
    if let Some(slug) = sent.filter(|slug| !slug.is_empty()) {
        let problem = "has 3 to 63 lower-case letters, digits and hyphens, \
                       and begins and ends with a letter or digit";
        return is_slug(slug).then(|| slug.into()).ok_or_else(|| ApiError::field("slug", problem));
    }
    let derived = slug_of(name);
    let problem = "no slug can be made from this name; give one as slug";
    is_slug(&derived).then(|| derived.into()).ok_or_else(|| ApiError::field("name", problem))
}

fn slug_of(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    slug.truncate(*SLUG_BYTES.end());
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

fn bounded(field: &str, text: &str) -> Result<String, ApiError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(ApiError::field(field, format!("is longer than {TEXT_BYTES_MAX} bytes")));
    }
    Ok(text.to_owned())
}

fn word(
    field: &str,
    words: &[&str],
    former: String,
    sent: Option<&str>,
) -> Result<String, ApiError> {
    match sent {
        None => Ok(former),
        Some(sent) if words.contains(&sent) => Ok(sent.to_owned()),
        Some(_) => Err(ApiError::field(field, format!("must be one of {}", words.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_come_from_names() {
        assert_eq!(slug_of("Acme, Inc."), "acme-inc");
        assert_eq!(slug_of("  Production (EU)  "), "production-eu");
        assert_eq!(slug_of("日本"), "");
        let long = slug_of(&"ab ".repeat(40));
        assert!(is_slug(&long), "{long}");
    }

    #[test]
    fn a_name_that_makes_no_slug_asks_for_one() {
        assert_eq!(&*slug(None, "Acme").unwrap(), "acme");
        assert_eq!(&*slug(Some(""), "Acme").unwrap(), "acme");
        assert_eq!(&*slug(Some("other"), "Acme").unwrap(), "other");
        assert_eq!(slug(None, "AB").unwrap_err().fields[0].loc, ["body", "name"]);
        assert_eq!(slug(Some("Not a slug"), "Acme").unwrap_err().fields[0].loc, ["body", "slug"]);
    }

    #[test]
    fn what_grows_is_bounded_and_words_are_closed() {
        assert!(name(&"x".repeat(TEXT_BYTES_MAX)).is_ok());
        assert!(name(&"x".repeat(TEXT_BYTES_MAX + 1)).is_err() && name(" ").is_err());
        assert_eq!(status("active".into(), None).unwrap(), "active");
        assert!(status("active".into(), Some("archived")).is_ok());
        assert!(environment("production".into(), Some("prod")).is_err());
        let mut large = JsonObject::new();
        large.insert("x".into(), "x".repeat(METADATA_BYTES_MAX).into());
        assert!(metadata(JsonObject::new(), Some(&large)).is_err());
    }
}
