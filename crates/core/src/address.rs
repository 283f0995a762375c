//! Agent addresses, `agent://org/workspace/name`, and the ways in which callers refer to agents.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::AddressId;

/// Longest address in bytes.
pub const ADDRESS_BYTES_MAX: usize = 383;
/// Shortest and longest slug of an organization or workspace, in bytes.
pub const SLUG_BYTES: std::ops::RangeInclusive<usize> = 3..=63;
/// Longest name of an agent in bytes.
pub const NAME_BYTES_MAX: usize = 63;

const SCHEME: &str = "agent://";

/// An agent's address. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(Arc<str>);

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an agent address of the form agent://org/workspace/name \
     (lower-case letters, digits and hyphens; at most {ADDRESS_BYTES_MAX} characters)"
)]
pub struct BadAddress;

impl Address {
    /// The address of agent `name` in a workspace. The slugs were checked when they were made.
    #[must_use]
    pub fn from_parts(org_slug: &str, workspace_slug: &str, name: &str) -> Self {
        Self(format!("{SCHEME}{org_slug}/{workspace_slug}/{name}").into())
    }

    /// Parses a full address of three segments.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let path = text.strip_prefix(SCHEME).ok_or(BadAddress)?;
        let mut segments = path.split('/');
        let (Some(org), Some(workspace), Some(name), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(BadAddress);
        };
        if is_slug(org) && is_slug(workspace) && is_name(name) {
            Ok(Self(text.into()))
        } else {
            Err(BadAddress)
        }
    }

    /// Parses what lenient addressing takes besides: one to three segments of visible characters.
    pub fn parse_lenient(text: &str) -> Result<Self, BadAddress> {
        let path = text.strip_prefix(SCHEME).ok_or(BadAddress)?;
        let fits = text.len() <= ADDRESS_BYTES_MAX && path.split('/').count() <= 3;
        let visible = |segment: &str| {
            !segment.is_empty()
                && segment.chars().all(|c| c.is_ascii_graphic() && c != '?' && c != '#')
        };
        if fits && path.split('/').all(visible) { Ok(Self(text.into())) } else { Err(BadAddress) }
    }

    /// Sorts before every address; where a range of addresses begins.
    pub(crate) fn lowest() -> Self {
        Self("".into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment: what people call the agent.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The slugs of organization and workspace, when the address has all three segments.
    #[must_use]
    pub fn slugs(&self) -> Option<(&str, &str)> {
        let path = self.0.strip_prefix(SCHEME)?;
        let mut segments = path.split('/');
        let slugs = (segments.next()?, segments.next()?);
        segments.next().map(|_name| slugs)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Address {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// How a caller names an agent in a path, a query or a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// `addr_…`
    Id(AddressId),
    /// A full address, with or without `agent://`.
    Address(Address),
    /// A bare name in the caller's own workspace.
    Name(String),
}

impl Reference {
    /// Reads a reference; `lenient` takes short addresses such as `agent://bob` too.
    pub fn parse(text: &str, lenient: bool) -> Result<Self, BadAddress> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        if text.starts_with(SCHEME) {
            let strict = Address::parse(text);
            let address =
                if lenient { strict.or_else(|_| Address::parse_lenient(text)) } else { strict };
            return address.map(Self::Address);
        }
        if text.contains('/') {
            return Address::parse(&format!("{SCHEME}{text}")).map(Self::Address);
        }
        if is_name(text) { Ok(Self::Name(text.to_owned())) } else { Err(BadAddress) }
    }
}

/// Whether `text` can be the slug of an organization or workspace: 3 to 63 of `a-z 0-9 -`,
/// neither beginning nor ending with a hyphen.
#[must_use]
pub fn is_slug(text: &str) -> bool {
    SLUG_BYTES.contains(&text.len())
        && has_alphanumeric_ends(text)
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether `text` can be the last segment of an address: 2 to 63 of `a-z 0-9 . _ -`, neither
/// beginning nor ending with punctuation.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (2..=NAME_BYTES_MAX).contains(&text.len())
        && has_alphanumeric_ends(text)
        && text.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-')
        })
}

fn has_alphanumeric_ends(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.bytes().next().is_some_and(alphanumeric) && text.bytes().last().is_some_and(alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_addresses_parse_and_take_apart() {
        let address = Address::parse("agent://myorg/production/email-campaign").unwrap();
        assert_eq!(address.name(), "email-campaign");
        assert_eq!(address.slugs(), Some(("myorg", "production")));
        assert_eq!(address, Address::from_parts("myorg", "production", "email-campaign"));
    }

    #[test]
    fn what_the_grammar_excludes_is_refused() {
        for bad in [
            "email-campaign",
            "agent://bob",
            "agent://myorg/production",
            "agent://myorg/production/a/b",
            "agent://MyOrg/production/mailer",
            "agent://myorg/production/-mailer",
            "agent://my/production/mailer",
            "agent://myorg//mailer",
            "agent://myorg/production/mailer ",
        ] {
            assert_eq!(Address::parse(bad), Err(BadAddress), "{bad}");
        }
    }

    #[test]
    fn lenient_addressing_takes_short_addresses() {
        assert!(Address::parse_lenient("agent://bob").is_ok());
        assert!(Address::parse_lenient("agent://conformance/receiver").is_ok());
        assert!(Address::parse_lenient("agent://").is_err());
        assert!(Address::parse_lenient("agent://a/b/c/d").is_err());
        assert!(Address::parse_lenient(&format!("agent://{}", "x".repeat(400))).is_err());
    }

    #[test]
    fn references_come_as_id_address_or_name() {
        let id = "addr_00000000000000000000000000000abc";
        assert_eq!(Reference::parse(id, false), Ok(Reference::Id(id.parse().unwrap())));
        let address = Address::from_parts("myorg", "production", "mailer");
        assert_eq!(
            Reference::parse("myorg/production/mailer", false),
            Ok(Reference::Address(address.clone()))
        );
        assert_eq!(Reference::parse(address.as_str(), false), Ok(Reference::Address(address)));
        assert_eq!(Reference::parse("mailer", false), Ok(Reference::Name("mailer".into())));
        assert_eq!(Reference::parse("agent://bob", false), Err(BadAddress));
        assert!(Reference::parse("agent://bob", true).is_ok());
        assert_eq!(Reference::parse("a mailer", true), Err(BadAddress));
    }
}
