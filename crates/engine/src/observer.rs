//! What the audit keeps beside control changes: denials and sign-ins.
//!
//! Counted together per agent, reason and minute, so that a flood that is refused does not become
//! a flood of entries, and written every few seconds to the chain of this replica's epoch.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axme_core::address::Address;
use axme_core::audit::{OBSERVATION_FORMAT, Observation};
use axme_core::change::{ActorKind, ActorName};
use axme_core::decide::Reason;
use axme_core::health::Health;
use axme_core::id::{AddressId, WorkspaceId};
use axme_core::policy::{Breach, Dimension};
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use serde_json::json;

use crate::enforcer::{Cell, KeyCell};

/// Kinds of observation that wait to be written at most; what exceeds it is counted together.
const PENDING_MAX: usize = 10_000;
/// How often what was seen is written: what an attacker with the disk in hand can hide at most.
pub const FLUSH_EVERY: Duration = Duration::from_secs(5);

const MINUTE_MICROS: i64 = 60 * 1_000_000;

/// Counts what is seen until it is written.
#[derive(Debug, Default)]
pub struct Observer(Mutex<Pending>);

#[derive(Debug, Default)]
struct Pending {
    counted: BTreeMap<Kind, Observation>,
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Denied {
        minute: i64,
        workspace: WorkspaceId,
        address: Address,
        reason: Reason,
    },
    Breached {
        /// When the period ends whose limit is used up.
        until: i64,
        workspace: WorkspaceId,
        address: Address,
        dimension: Dimension,
    },
    SignIn {
        minute: i64,
        key: axme_core::id::KeyId,
    },
    SignInFailed {
        minute: i64,
        prefix: IpAddr,
    },
    HealthChanged {
        at: i64,
        workspace: WorkspaceId,
        address: Address,
    },
    /// Everything beyond the bound.
    Beyond {
        minute: i64,
    },
}

impl Observer {
    /// A request was denied because of `agent`.
    pub fn denied(&self, at: Timestamp, agent: &Cell, scope: Scope, reason: Reason, by: &KeyCell) {
        let address = agent.address.clone();
        let minute = minute_of(at);
        let kind = Kind::Denied {
            minute,
            workspace: agent.workspace_id,
            address: address.clone(),
            reason,
        };
        self.count(kind, minute, || Observation {
            actor: Some(actor_of(by)),
            target: Some(address),
            address_id: agent.address_id(),
            details: Some(json!({ "reason": reason.code() })),
            ..observation("agent.denied", minute, scope, "refused")
        });
    }

    /// An agent went beyond a limit.
    pub fn breached(
        &self,
        at: Timestamp,
        agent: &Cell,
        scope: Scope,
        breach: Breach,
        by: &KeyCell,
    ) {
        let address = agent.address.clone();
        let (minute, until) = (minute_of(at), breach.dimension.resets_at(at));
        let kind = Kind::Breached {
            until: until.as_micros(),
            workspace: agent.workspace_id,
            address: address.clone(),
            dimension: breach.dimension,
        };
        let (used, limit) = breach.amounts();
        self.count(kind, minute, || Observation {
            actor: Some(actor_of(by)),
            target: Some(address),
            address_id: agent.address_id(),
            details: Some(json!({
                "dimension": breach.dimension.as_str(),
                "used": used,
                "limit": limit,
                "reset_at": until.to_string(),
            })),
            ..observation("policy.cost_breached", minute, scope, "ok")
        });
    }

    /// Somebody has signed in with a key.
    pub fn signed_in(&self, at: Timestamp, key: &KeyCell, client: Option<IpAddr>) {
        let minute = minute_of(at);
        self.count(Kind::SignIn { minute, key: key.key_id }, minute, || Observation {
            actor: Some(actor_of(key)),
            client_address: client,
            ..observation("sign_in.ok", minute, key.scope, "ok")
        });
    }

    /// Somebody has presented a key that does not work. Addresses are counted by their prefix.
    pub fn sign_in_failed(&self, at: Timestamp, client: Option<IpAddr>) {
        let minute = minute_of(at);
        let prefix = prefix_of(client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        self.count(Kind::SignInFailed { minute, prefix }, minute, || Observation {
            client_address: Some(prefix),
            ..observation("sign_in.failed", minute, Scope::Installation, "refused")
        });
    }

    /// An agent's health was found changed.
    pub fn health_changed(
        &self,
        at: Timestamp,
        agent: (&Cell, AddressId),
        scope: Scope,
        change: (Health, Health),
    ) {
        let (cell, address_id) = agent;
        let kind = Kind::HealthChanged {
            at: at.as_micros(),
            workspace: cell.workspace_id,
            address: cell.address.clone(),
        };
        let (from, to) = change;
        self.count(kind, at.as_micros(), || Observation {
            at,
            target: Some(cell.address.clone()),
            address_id: Some(address_id),
            details: Some(json!({ "from": from.as_str(), "to": to.as_str() })),
            ..observation("agent.health_changed", at.as_micros(), scope, "ok")
        });
    }

    /// Takes what was seen, to be written.
    #[must_use]
    pub fn take(&self) -> Vec<Observation> {
        let counted = std::mem::take(&mut self.lock().counted);
        counted.into_values().collect()
    }

    fn count(&self, kind: Kind, minute: i64, first: impl FnOnce() -> Observation) {
        let mut pending = self.lock();
        if let Some(seen) = pending.counted.get_mut(&kind) {
            seen.count += 1;
        } else if pending.counted.len() < PENDING_MAX {
            pending.counted.insert(kind, first());
        } else {
            let beyond =
                || observation("observations.beyond", minute, Scope::Installation, "refused");
            let seen = pending.counted.entry(Kind::Beyond { minute });
            seen.and_modify(|seen| seen.count += 1).or_insert_with(beyond);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn observation(action: &str, at: i64, scope: Scope, result: &str) -> Observation {
    Observation {
        format: OBSERVATION_FORMAT,
        action: action.into(),
        at: Timestamp::from_micros(at),
        scope,
        actor: None,
        client_address: None,
        request_id: None,
        target: None,
        address_id: None,
        result: result.into(),
        count: 1,
        details: None,
    }
}

fn actor_of(key: &KeyCell) -> ActorName {
    ActorName { kind: ActorKind::Key, name: key.name.clone(), key_id: Some(key.key_id) }
}

const fn minute_of(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(MINUTE_MICROS) * MINUTE_MICROS
}

/// The network of an address: /24 of IPv4, /64 of IPv6.
fn prefix_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_sign_ins_of_one_network_are_counted_together() {
        let observer = Observer::default();
        let at = Timestamp::from_micros(61 * 1_000_000);
        for host in 1..=5 {
            observer.sign_in_failed(at, Some(IpAddr::from([10, 0, 0, host])));
        }
        observer.sign_in_failed(at, Some(IpAddr::from([10, 0, 1, 1])));
        let seen = observer.take();
        assert_eq!(seen.iter().map(|o| o.count).collect::<Vec<_>>(), [5, 1]);
        assert_eq!(seen[0].at, Timestamp::from_micros(MINUTE_MICROS));
        assert!(observer.take().is_empty(), "nothing is written twice");
    }

    #[test]
    fn a_flood_from_everywhere_stays_bounded_and_is_not_lost() {
        let observer = Observer::default();
        let at = Timestamp::from_micros(0);
        let flood = u32::try_from(PENDING_MAX).unwrap() + 500;
        for network in 0..flood {
            observer.sign_in_failed(at, Some(IpAddr::from((network << 8).to_be_bytes())));
        }
        let seen = observer.take();
        assert_eq!(seen.len(), PENDING_MAX + 1);
        assert_eq!(seen.iter().map(|o| o.count).sum::<u64>(), u64::from(flood));
    }
}
