//! Verifying an audit chain: pure computation on the entries that a gateway hands out.
//!
//! `hash = SHA-256(previous hash ‖ body hash)` and `body hash = SHA-256(body)`, over raw bytes;
//! 32 zero bytes stand before position 1. Whoever remembers one hash can tell later whether
//! anything up to it was changed, dropped or added. Entries whose body is kept back (they belong
//! to others) are verified by their body hash alone.

use axme_api::audit::{ChainEntry, ChainHead};
use sha2::{Digest, Sha256};
use std::fmt;

/// A SHA-256 value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash([u8; 32]);

/// One hash that somebody remembered: `POSITION:HASH` or `CHAIN:POSITION:HASH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) chain: String,
    pub(crate) position: u64,
    pub(crate) hash: Hash,
}

/// The first place at which a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) position: u64,
    pub(crate) why: String,
}

/// Walks one chain from its beginning, page by page.
#[derive(Debug)]
pub(crate) struct Verifier {
    expected: Vec<Expected>,
    position: u64,
    hash: Hash,
    entries_without_body: u64,
}

impl Verifier {
    /// `expected` are remembered hashes of this chain.
    pub(crate) fn new(expected: Vec<Expected>) -> Self {
        Self { expected, position: 0, hash: Hash([0; 32]), entries_without_body: 0 }
    }

    /// The last verified position; 0 before the first entry.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The hash at [`position`](Self::position).
    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }

    /// How many of the verified entries came without their body.
    pub(crate) fn entries_without_body(&self) -> u64 {
        self.entries_without_body
    }

    /// Verifies the next entries; `head` is what the gateway says is the end of the chain.
    ///
    /// Answers whether that end is reached.
    ///
    /// # Errors
    /// The first entry that is missing, changed or different from what was remembered.
    pub(crate) fn page(
        &mut self,
        entries: &[ChainEntry],
        head: &ChainHead,
    ) -> Result<bool, Broken> {
        if head.position < self.position {
            return Err(broken(
                head.position + 1,
                format!("the chain ends at {} now, and was longer a moment ago", head.position),
            ));
        }
        self.check_head(head)?;
        for entry in entries {
            self.entry(entry)?;
            self.check_head(head)?;
        }
        if entries.is_empty() && self.position < head.position {
            return Err(broken(self.position + 1, "the entry is missing"));
        }
        Ok(self.position >= head.position)
    }

    /// Call at the end of the chain.
    ///
    /// # Errors
    /// A remembered position that the chain does not reach.
    pub(crate) fn finish(&self) -> Result<(), Broken> {
        match self.expected.iter().find(|expected| expected.position > self.position) {
            None => Ok(()),
            Some(cut) => Err(broken(
                self.position + 1,
                format!("the chain ends here, but it once reached position {}", cut.position),
            )),
        }
    }

    fn entry(&mut self, entry: &ChainEntry) -> Result<(), Broken> {
        let position = self.position + 1;
        if entry.position != position {
            let found = entry.position;
            return Err(broken(position, format!("the entry is missing; {found} follows")));
        }
        let given = |text: &str, what: &str| {
            Hash::parse(text).ok_or_else(|| broken(position, format!("its {what} is no hash")))
        };
        let body_hash = given(&entry.body_hash, "body hash")?;
        match &entry.body {
            Some(body) if Hash::of(&[body.as_bytes()]) != body_hash => {
                return Err(broken(position, "its content was changed"));
            }
            Some(_) => {}
            None => self.entries_without_body += 1,
        }
        let hash = Hash::of(&[&self.hash.0, &body_hash.0]);
        if given(&entry.hash, "hash")? != hash {
            return Err(broken(position, "its hash does not follow from the entry before it"));
        }
        (self.position, self.hash) = (position, hash);
        match self.expected.iter().find(|expected| expected.position == position) {
            Some(expected) if expected.hash != hash => Err(broken(
                position,
                format!("its hash is {hash}, and {} is remembered", expected.hash),
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn check_head(&self, head: &ChainHead) -> Result<(), Broken> {
        if head.position != self.position || self.position == 0 {
            return Ok(());
        }
        if Hash::parse(&head.hash) == Some(self.hash) {
            return Ok(());
        }
        let (position, named) = (self.position, &head.hash);
        Err(broken(position, format!("the gateway names {named} as its head, not {}", self.hash)))
    }
}

fn broken(position: u64, why: impl Into<String>) -> Broken {
    Broken { position, why: why.into() }
}

impl Hash {
    fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.chain, self.position, self.hash)
    }
}

impl std::str::FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || format!("`{text}` is not POSITION:HASH nor CHAIN:POSITION:HASH");
        let mut parts = text.rsplitn(3, ':');
        let hash = parts.next().and_then(Hash::parse).ok_or_else(form)?;
        let position = parts.next().and_then(|text| text.parse().ok()).ok_or_else(form)?;
        let chain = parts.next().unwrap_or("control").to_owned();
        if position == 0 {
            return Err("positions begin at 1".to_owned());
        }
        Ok(Self { chain, position, hash })
    }
}

#[cfg(test)]
mod tests;
