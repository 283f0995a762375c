//! Checking the audit's own chains, a bounded step at a time.
//!
//! What was checked stays checked, until some time after everything is: then it begins again with
//! the first entries, so that a change of what is old is found too.

use std::collections::HashMap;
use std::time::Duration;

use axme_core::chain::{Head, Link};
use axme_core::time::Timestamp;
use axme_store::ledger::{ChainId, ChainLink};
use axme_store::{Ledger, StoreError};
use tokio::sync::Mutex;

/// Pages of entries that one step reads at most, of all chains together.
const STEP_PAGES_MAX: usize = 10;
/// How long what was checked completely is not checked again.
const AGAIN_AFTER: Duration = Duration::from_secs(10 * 60);

/// See the module.
#[derive(Debug, Default)]
pub struct Verifier(Mutex<Pass>);

/// One check from the first entries on.
#[derive(Debug, Default)]
struct Pass {
    begun_at: Option<Timestamp>,
    complete: bool,
    checked: HashMap<ChainId, Checked>,
}

/// One chain, as far as it is checked.
#[derive(Clone, Debug, Default)]
struct Checked {
    to: Head,
    fault: Option<String>,
}

/// How far the chains are checked.
#[derive(Clone, Debug)]
pub struct Verified {
    pub begun_at: Timestamp,
    pub at: Timestamp,
    pub chains: Vec<VerifiedChain>,
}

/// How far one chain is checked.
#[derive(Clone, Debug)]
pub struct VerifiedChain {
    pub chain: ChainId,
    pub verified_to: u64,
    /// Where it ends.
    pub head: u64,
    /// What is wrong with the entry after `verified_to`.
    pub fault: Option<String>,
}

impl VerifiedChain {
    /// Whether it is in order up to its end.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.fault.is_none() && self.verified_to >= self.head
    }
}

impl Verifier {
    /// Goes one step on, and tells how far everything is checked.
    pub async fn step(&self, ledger: &dyn Ledger, now: Timestamp) -> Result<Verified, StoreError> {
        let mut pass = self.0.lock().await;
        let over = |begun: Timestamp| pass.complete && now.since(begun) >= AGAIN_AFTER;
        if pass.begun_at.is_none_or(over) {
            *pass = Pass { begun_at: Some(now), ..Pass::default() };
        }
        let heads = ledger.chains().await?;
        let mut pages_left = STEP_PAGES_MAX;
        for (chain, head) in &heads {
            let checked = pass.checked.entry(*chain).or_default();
            check(ledger, *chain, *head, checked, &mut pages_left).await?;
        }
        let verified = Verified {
            begun_at: pass.begun_at.unwrap_or(now),
            at: now,
            chains: heads.iter().map(|(chain, head)| told(&pass, *chain, *head)).collect(),
        };
        let is_over = |chain: &VerifiedChain| chain.is_complete() || chain.fault.is_some();
        pass.complete = verified.chains.iter().all(is_over);
        Ok(verified)
    }
}

fn told(pass: &Pass, chain: ChainId, head: Head) -> VerifiedChain {
    let checked = pass.checked.get(&chain).cloned().unwrap_or_default();
    VerifiedChain {
        chain,
        verified_to: checked.to.position,
        head: head.position,
        fault: checked.fault,
    }
}

/// Checks one chain on from where it is checked, as long as there are pages left.
async fn check(
    ledger: &dyn Ledger,
    chain: ChainId,
    head: Head,
    checked: &mut Checked,
    pages_left: &mut usize,
) -> Result<(), StoreError> {
    if checked.to.position > head.position {
        checked.fails("the chain is shorter than it was");
    }
    while checked.fault.is_none() && checked.to.position < head.position && *pages_left > 0 {
        *pages_left -= 1;
        checked.take(&ledger.chain(chain, checked.to.position).await?);
    }
    // Entries that came after the head was read may be checked already.
    if checked.to.position == head.position && checked.to.hash != head.hash {
        checked.fails("the chain ends in something else than its head says");
    }
    Ok(())
}

impl Checked {
    /// Checks the entries that come next.
    fn take(&mut self, links: &[ChainLink]) {
        if links.is_empty() {
            self.fails("the entries after it are missing");
        }
        for link in links {
            let link = Link {
                position: link.position,
                hash: link.hash,
                body_hash: link.body_hash,
                body: Some(&link.body),
            };
            match self.to.verify(&link) {
                Ok(next) => self.to = next,
                Err(fault) => return self.fails(&fault.to_string()),
            }
        }
    }

    /// Notes a fault; the first of a chain stands.
    fn fails(&mut self, fault: &str) {
        self.fault.get_or_insert_with(|| fault.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axme_core::chain::Hash;
    use axme_core::role::Scope;

    fn chain(bodies: &[&str]) -> Vec<ChainLink> {
        let mut hash = Hash::START;
        let link = |(at, body): (usize, &&str)| {
            let body_hash = Hash::of_body(body.as_bytes());
            hash = hash.follow(body_hash);
            let (position, body) = (at as u64 + 1, body.as_bytes().to_vec());
            ChainLink { position, hash, body_hash, body, scope: Scope::Installation }
        };
        bodies.iter().enumerate().map(link).collect()
    }

    #[test]
    fn a_chain_is_checked_piece_by_piece() {
        let (links, mut checked) = (chain(&["one", "two", "three"]), Checked::default());
        checked.take(&links[..1]);
        checked.take(&links[1..]);
        assert_eq!((checked.to.position, &checked.fault), (3, &None));
    }

    #[test]
    fn what_was_changed_or_is_missing_is_found_and_stays_found() {
        let mut changed = chain(&["one", "two", "three"]);
        changed[1].body = b"other".to_vec();
        let mut checked = Checked::default();
        checked.take(&changed);
        assert_eq!(checked.to.position, 1, "up to there it is in order");
        assert_eq!(checked.fault.as_deref(), Some("the content of entry 2 was changed"));
        checked.take(&[]);
        assert_eq!(checked.fault.as_deref(), Some("the content of entry 2 was changed"));

        let mut gap = chain(&["one", "two", "three"]);
        gap.remove(1);
        let mut checked = Checked::default();
        checked.take(&gap);
        assert!(checked.fault.unwrap().contains("entries are missing"));
    }
}
