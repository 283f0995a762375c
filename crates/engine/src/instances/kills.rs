//! What instances do about a kill of their agent.

use std::time::Duration;

use axme_core::health::HealthThresholds;
use axme_core::id::{AddressId, KillId};
use axme_core::time::Timestamp;
use axme_store::instances::{Frozen, Said, Via, Word};
use axme_store::{StoreError, WriteError};

use super::{Instances, Name};
use crate::enforcer::Topic;

/// How long a kill waits for instances that can be told at once, unless it says otherwise.
pub const WAIT_INSTANCES_DEFAULT: Duration = Duration::from_millis(250);
/// Kills that are known to be frozen; the instances of an older one are frozen again.
const FROZEN_KNOWN_MAX: usize = 256;
/// How often what instances say at other replicas is looked for, should no hint come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// An instance says that it has stopped.
#[derive(Clone, Debug)]
pub struct Stopped {
    pub kill: KillId,
    pub address_id: AddressId,
    pub name: Name,
    /// By which way it learned of the kill; when it does not say, the way that it has open.
    pub via: Option<Via>,
    pub said: Said,
    /// When the kill was ordered.
    pub killed_at: Timestamp,
}

impl Instances {
    /// Keeps that an instance has stopped: durable when it returns. Answers how long after the
    /// order, in milliseconds, and whether it had said so before.
    pub async fn stopped(&self, stopped: Stopped) -> Result<(f64, bool), WriteError> {
        let at = self.clock.wall();
        let after_ms = at.since(stopped.killed_at).as_secs_f64() * 1_000.0;
        let heard = self.known(stopped.address_id).find(&stopped.name);
        let has_stream = heard.is_some_and(|heard| heard.has_stream());
        let inferred = if has_stream { Via::Stream } else { Via::Heartbeat };
        let before = self
            .keep_word(Word {
                kill: stopped.kill,
                instance_id: stopped.name.text(),
                inferred: stopped.name.is_inferred(),
                at,
                said: stopped.said,
                stopped: Some((stopped.via.unwrap_or(inferred), after_ms)),
                reported: 0,
            })
            .await?;
        Ok((after_ms, before))
    }

    /// Keeps what an instance says late: its agent is stopped by `kill`.
    pub async fn said_late(
        &self,
        kill: KillId,
        name: &Name,
        said: Said,
        reported: u64,
    ) -> Result<(), WriteError> {
        let word = Word {
            kill,
            instance_id: name.text(),
            inferred: name.is_inferred(),
            at: self.clock.wall(),
            said,
            stopped: None,
            reported,
        };
        self.keep_word(word).await.map(drop)
    }

    async fn keep_word(&self, word: Word) -> Result<bool, WriteError> {
        let kill = word.kill;
        let before = self.ledger.keep_word(word).await?;
        self.hear_word(kill);
        Ok(before)
    }

    /// Keeps with a kill what the agent's instances have said last, here and elsewhere: once.
    /// Answers whether there were any.
    pub(super) async fn freeze(
        &self,
        kill: KillId,
        address_id: AddressId,
    ) -> Result<bool, WriteError> {
        let mut frozen = self.frozen.lock().await;
        if let Some((_, any)) = frozen.iter().find(|(known, _)| *known == kill) {
            return Ok(*any);
        }
        self.save_of(address_id).await?;
        let any = !self.ledger.instances(address_id, None, 1).await?.is_empty();
        if any {
            self.ledger.freeze(kill, address_id, self.clock.wall()).await?;
            self.hear_word(kill);
        }
        if frozen.len() == FROZEN_KNOWN_MAX {
            frozen.pop_front();
        }
        frozen.push_back((kill, any));
        Ok(any)
    }

    /// The instances of a kill. Waits for those that had a control stream open when it was
    /// ordered, until they say that they have stopped, for `patience` at most.
    pub async fn stopped_within(
        &self,
        kill: KillId,
        address_id: AddressId,
        patience: Duration,
    ) -> Result<Frozen, WriteError> {
        if !self.freeze(kill, address_id).await? {
            // Found while others were waited for: a kill far from its store takes no further trip.
            return Ok(Frozen::default());
        }
        let deadline = self.clock.mono().plus(patience);
        loop {
            let word = self.words.notified();
            let frozen = self.frozen(kill).await?;
            let left = deadline.since(self.clock.mono());
            if frozen.totals.awaited == 0 || left.is_zero() {
                return Ok(frozen);
            }
            tokio::select! {
                () = word => {}
                () = tokio::time::sleep(left.min(LOOK_EVERY)) => {}
            }
        }
    }

    /// The instances that are kept with a kill.
    pub async fn frozen(&self, kill: KillId) -> Result<Frozen, StoreError> {
        let reachable_for = HealthThresholds::default().degraded_until;
        self.ledger.frozen(kill, self.clock.wall().minus(reachable_for)).await
    }

    /// An instance may have said something about a kill, here or at another replica.
    pub(crate) fn hear_word(&self, kill: KillId) {
        self.words.notify_waiters();
        self.enforcer.wake(&Topic::Kill(kill));
    }

    /// Instances may have said something about any kill.
    pub(crate) fn hear_words(&self) {
        self.words.notify_waiters();
    }
}
