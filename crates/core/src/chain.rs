//! The hash chain of an ordered log.
//!
//! `hash = SHA-256(previous hash ‖ SHA-256(body))`: with the bodies' hashes alone a reader checks
//! the whole chain, so that one tenant's export verifies with the others' bodies left out.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash, shown as 64 hex digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first entry of a chain follows.
    pub const START: Self = Self([0; 32]);

    /// The hash of an entry's exact bytes.
    #[must_use]
    pub fn of_body(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }

    /// The hash of the entry that follows this one.
    #[must_use]
    pub fn follow(self, body: Self) -> Self {
        Self(Sha256::new().chain_update(self.0).chain_update(body.0).finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no hash of 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash of 64 hex digits")]
pub struct BadHash;

impl FromStr for Hash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(BadHash);
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            let digits = text.get(at..at + 2).ok_or(BadHash)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_not_hex| BadHash)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One link as a verifier sees it.
#[derive(Clone, Debug)]
pub struct Link<'a> {
    pub position: u64,
    pub hash: Hash,
    pub body_hash: Hash,
    /// The entry's exact bytes, where the reader may see them.
    pub body: Option<&'a [u8]>,
}

/// The first thing that is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    #[error("entry {found} stands where entry {expected} should: entries are missing")]
    Gap { expected: u64, found: u64 },
    #[error("the content of entry {position} was changed")]
    Body { position: u64 },
    #[error("entry {position} does not follow the one before it")]
    Link { position: u64 },
}

/// A position in a chain up to which it was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub position: u64,
    pub hash: Hash,
}

impl Head {
    /// Checks that `link` is the next of the chain, and steps to it.
    pub fn verify(self, link: &Link<'_>) -> Result<Self, ChainFault> {
        let (position, expected) = (link.position, self.position + 1);
        if position != expected {
            return Err(ChainFault::Gap { expected, found: position });
        }
        if link.body.is_some_and(|body| Hash::of_body(body) != link.body_hash) {
            return Err(ChainFault::Body { position });
        }
        if self.hash.follow(link.body_hash) != link.hash {
            return Err(ChainFault::Link { position });
        }
        Ok(Self { position, hash: link.hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(bodies: &[&'static [u8]]) -> Vec<Link<'static>> {
        let mut hash = Hash::START;
        let mut links = Vec::new();
        for (position, body) in (1..).zip(bodies) {
            let body_hash = Hash::of_body(body);
            hash = hash.follow(body_hash);
            links.push(Link { position, hash, body_hash, body: Some(body) });
        }
        links
    }

    fn verify(links: &[Link<'_>]) -> Result<Head, ChainFault> {
        links.iter().try_fold(Head::default(), |head, link| head.verify(link))
    }

    #[test]
    fn a_whole_chain_verifies_also_with_bodies_left_out() {
        let mut links = chain(&[b"one", b"two", b"three"]);
        assert_eq!(verify(&links).unwrap().position, 3);
        links[1].body = None;
        assert!(verify(&links).is_ok());
    }

    #[test]
    fn a_change_a_gap_and_a_swap_are_each_found() {
        let links = chain(&[b"one", b"two", b"three"]);
        let mut changed = links.clone();
        changed[1].body = Some(b"TWO");
        assert_eq!(verify(&changed), Err(ChainFault::Body { position: 2 }));
        changed[1].body_hash = Hash::of_body(b"TWO");
        assert_eq!(verify(&changed), Err(ChainFault::Link { position: 2 }));
        let gap = [links[0].clone(), links[2].clone()];
        assert_eq!(verify(&gap), Err(ChainFault::Gap { expected: 2, found: 3 }));
    }

    #[test]
    fn a_hash_reads_back_and_nonsense_does_not() {
        let hash = Hash::of_body(b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!("é".repeat(32).parse::<Hash>(), Err(BadHash));
        assert_eq!("zz".repeat(32).parse::<Hash>(), Err(BadHash));
    }
}
