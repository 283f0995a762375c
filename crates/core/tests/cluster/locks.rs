//! Lock locks of the store: shared or exclusive, held until the transaction ends.

use std::collections::BTreeMap;

use axme_core::replica::ReplicaEpoch;

use super::store::TxnId;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lock {
    Registry,
    Epoch(ReplicaEpoch),
    Beat(ReplicaEpoch),
    Head,
    Key(u64),
    Lane(usize),
    Budget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Shared,
    Exclusive,
}

#[derive(Debug, Default)]
pub(crate) struct Locks {
    held: BTreeMap<Lock, Vec<(TxnId, Mode)>>,
}

impl Locks {
    /// Takes a lock unless another transaction is in the way.
    pub(crate) fn take(&mut self, txn: TxnId, lock: &Lock, mode: Mode) -> bool {
        let holders = self.held.entry(lock.clone()).or_default();
        let compatible = |(holder, held): &(TxnId, Mode)| {
            *holder == txn || (mode == Mode::Shared && *held == Mode::Shared)
        };
        let free = holders.iter().all(compatible);
        if free {
            holders.push((txn, mode));
        }
        free
    }

    pub(crate) fn release(&mut self, txn: TxnId, locks: &[(Lock, Mode)]) {
        for (lock, _) in locks {
            if let Some(holders) = self.held.get_mut(lock) {
                holders.retain(|(holder, _)| *holder != txn);
                if holders.is_empty() {
                    self.held.remove(lock);
                }
            }
        }
    }

    /// Who holds the row of an epoch.
    pub(crate) fn holders(&self, epoch: &ReplicaEpoch) -> Vec<TxnId> {
        let held = self.held.get(&Lock::Epoch(epoch.clone()));
        held.into_iter().flatten().map(|(txn, _)| *txn).collect()
    }
}
