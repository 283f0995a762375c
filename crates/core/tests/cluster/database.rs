//! What the store holds: the tables, and the fold of the log beside them.

use std::collections::BTreeMap;
use std::rc::Rc;

use axme_core::chain::Hash;
use axme_core::id::{CommandId, Epoch, Revision};
use axme_core::replica::{ReplicaEpoch, Sighting};
use axme_core::state::State;

use super::orders::{AGENTS, Body, Logged, genesis};

/// Rows that the budgeted requests may make, over all replicas.
pub(crate) const BUDGET_ROWS_MAX: u64 = 24;
/// What one replica takes of the budget at a time.
const SLICE_ROWS: u64 = 4;
/// Distance between two cursors.
const CURSOR_STEP: u64 = 2;

#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) log: Vec<Rc<Logged>>,
    pub(crate) state: State,
    commands: BTreeMap<CommandId, usize>,
    pub(crate) epochs: BTreeMap<ReplicaEpoch, EpochRow>,
    pub(crate) rows: Vec<Row>,
    keys: BTreeMap<u64, usize>,
    pub(crate) lanes: [u64; AGENTS],
    /// What each epoch has taken of the budget, and what it has spent of it. Of the model only.
    slices: BTreeMap<ReplicaEpoch, (u64, u64)>,
}

/// The epoch's row and its beat's.
#[derive(Clone, Debug, Default)]
pub(crate) struct EpochRow {
    pub(crate) closed: bool,
    pub(crate) gone: bool,
    pub(crate) seq: u64,
    pub(crate) applied: Revision,
    pub(crate) enforced: Revision,
    /// The store's wall clock when it last renewed; only a mistake looks at it.
    pub(crate) beat_at: i64,
}

/// What a batch writes: an intent, or the handover of one.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) key: u64,
    pub(crate) sender: usize,
    pub(crate) receiver: usize,
    pub(crate) is_handover: bool,
    pub(crate) is_budgeted: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) item: Item,
    pub(crate) cursor: u64,
}

/// What a batch did with one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Inserted,
    /// Its key was there already.
    Before,
}

impl Database {
    pub(crate) fn new() -> Self {
        let (log, state) = genesis();
        Self {
            log,
            state,
            commands: BTreeMap::new(),
            epochs: BTreeMap::new(),
            rows: Vec::new(),
            keys: BTreeMap::new(),
            lanes: [0; AGENTS],
            slices: BTreeMap::new(),
        }
    }

    pub(crate) fn head(&self) -> (Revision, Hash) {
        self.log.last().map_or((Revision(0), Hash::START), |last| (last.revision, last.hash))
    }

    pub(crate) fn hash_at(&self, revision: Revision) -> Option<Hash> {
        if revision == Revision(0) {
            return Some(Hash::START);
        }
        let at = usize::try_from(revision.0 - 1).unwrap();
        self.log.get(at).map(|logged| logged.hash)
    }

    pub(crate) fn after(&self, revision: Revision) -> Vec<Rc<Logged>> {
        let from = usize::try_from(revision.0).unwrap();
        self.log.get(from..).unwrap_or_default().to_vec()
    }

    pub(crate) fn find(&self, command: CommandId) -> Option<Rc<Logged>> {
        self.commands.get(&command).map(|at| Rc::clone(&self.log[*at]))
    }

    pub(crate) fn append(&mut self, body: &Rc<Body>) -> Rc<Logged> {
        let (revision, hash) = self.head();
        let revision = revision.next();
        let logged = Logged { revision, hash: hash.follow(body.hash), body: Rc::clone(body) };
        self.state.apply(revision, &body.entry);
        self.commands.insert(body.entry.command_id, self.log.len());
        self.log.push(Rc::new(logged));
        Rc::clone(&self.log[self.log.len() - 1])
    }

    /// Whether the store refuses what an epoch writes.
    pub(crate) fn is_fenced(&self, epoch: &ReplicaEpoch) -> bool {
        self.epochs.get(epoch).is_none_or(|row| row.closed)
    }

    pub(crate) fn register(&mut self, replica_id: &str, wall: i64) -> ReplicaEpoch {
        let last = self.epochs.keys().map(|known| known.epoch.0).max().unwrap_or_default();
        let epoch = ReplicaEpoch { replica_id: replica_id.into(), epoch: Epoch(last + 1) };
        self.epochs.insert(epoch.clone(), EpochRow { beat_at: wall, ..EpochRow::default() });
        epoch
    }

    /// Every epoch that is not gone, and when it renewed by the wall clock.
    pub(crate) fn sightings(&self) -> Vec<(Sighting, i64)> {
        let present = self.epochs.iter().filter(|(_, row)| !row.gone);
        let sighting = |(replica, row): (&ReplicaEpoch, &EpochRow)| {
            let EpochRow { applied, enforced, closed, seq, beat_at, .. } = *row;
            (Sighting { replica: replica.clone(), applied, enforced, closed, seq }, beat_at)
        };
        present.map(sighting).collect()
    }

    pub(crate) fn row_of_key(&self, key: u64) -> Option<&Row> {
        self.keys.get(&key).map(|at| &self.rows[*at])
    }

    /// Writes one item, with the next cursor of its receiver unless one was taken before.
    pub(crate) fn write(
        &mut self,
        by: &ReplicaEpoch,
        item: &Item,
        cursor: Option<u64>,
    ) -> (Written, Option<Row>) {
        if self.keys.contains_key(&item.key) {
            return (Written::Before, None);
        }
        let lane = &mut self.lanes[item.receiver];
        if !item.is_handover && cursor.is_none() {
            *lane += CURSOR_STEP;
        }
        let cursor = if item.is_handover { 0 } else { cursor.unwrap_or(*lane) };
        let row = Row { item: item.clone(), cursor };
        self.keys.insert(item.key, self.rows.len());
        self.rows.push(row.clone());
        if item.is_budgeted {
            self.slices.entry(by.clone()).or_default().1 += 1;
        }
        (Written::Inserted, Some(row))
    }

    pub(crate) fn lane_after(&self, receiver: usize, after: u64) -> Vec<Row> {
        let behind = |row: &&Row| {
            row.item.receiver == receiver && !row.item.is_handover && row.cursor > after
        };
        let mut rows: Vec<_> = self.rows.iter().filter(behind).cloned().collect();
        rows.sort_by_key(|row| row.cursor);
        rows
    }

    pub(crate) fn take_slice(&mut self, by: &ReplicaEpoch) -> u64 {
        let taken: u64 = self.slices.values().map(|(taken, _)| *taken).sum();
        let granted = SLICE_ROWS.min(BUDGET_ROWS_MAX.saturating_sub(taken));
        self.slices.entry(by.clone()).or_default().0 += granted;
        granted
    }

    /// Gives what an epoch has not spent back to the others.
    pub(crate) fn take_back(&mut self, epoch: &ReplicaEpoch) {
        if let Some((taken, spent)) = self.slices.get_mut(epoch) {
            *taken = *spent;
        }
    }

    pub(crate) fn budget_spent(&self) -> u64 {
        self.slices.values().map(|(_, spent)| spent).sum()
    }
}
