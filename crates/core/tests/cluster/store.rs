//! The store: statements that commit at one moment, under row locks, each in one session at a time.

use std::collections::BTreeMap;
use std::rc::Rc;

use axme_core::chain::Hash;
use axme_core::id::Revision;
use axme_core::replica::ReplicaEpoch;

use super::bugs::Bug;
use super::clock::{MILLI, Micros};
use super::database::{Database, Item};
use super::events::{Event, Tag};
use super::locks::{Lock, Locks, Mode};
use super::network::SessionId;
use super::orders::{AGENTS, Body};
use super::statements::{Answer, Loaded, Statement, load, read};
use super::world::World;

pub(crate) type TxnId = u64;

/// How long the closing of epochs waits for their rows.
const LOCK_TIMEOUT: Micros = 100 * MILLI;

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) db: Database,
    /// Counts the servers that have been primary.
    pub(crate) generation: u32,
    /// The primary before, while it still answers reads of sessions that have not noticed.
    pub(crate) deposed: Option<Database>,
    /// What an asynchronous standby had when it fell behind.
    pub(crate) stalled_standby: Option<Database>,
    /// How far the wall clock is off.
    pub(crate) wall_offset: i64,
    /// Commits in a thousand that hang.
    pub(crate) hang_per_mille: u64,
    /// Commits that are to hang: of which statement, from which slot, for how long.
    pub(crate) hangs: Vec<(&'static str, usize, Micros)>,
    pub(crate) calm_since: Option<Micros>,
    pub(super) txns: BTreeMap<TxnId, Txn>,
    pub(super) locks: Locks,
    sequences: [u64; AGENTS],
    next: TxnId,
}

/// A statement that writes and has not ended.
#[derive(Debug)]
pub(crate) struct Txn {
    pub(crate) session: SessionId,
    tag: Tag,
    statement: Statement,
    needs: Vec<(Lock, Mode)>,
    got: usize,
    began: Snapshot,
    /// It has all of its locks; only the commit is outstanding.
    pub(crate) committing: bool,
}

/// What the statement saw when it began: read committed.
#[derive(Debug)]
struct Snapshot {
    fenced: bool,
    head: Revision,
    at_applied: Option<Hash>,
    loaded: Option<Box<Loaded>>,
    cursors: Vec<u64>,
    wall: i64,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            db: Database::new(),
            generation: 0,
            deposed: None,
            stalled_standby: None,
            wall_offset: 0,
            hang_per_mille: 0,
            hangs: Vec::new(),
            calm_since: Some(0),
            txns: BTreeMap::new(),
            locks: Locks::default(),
            sequences: [0; AGENTS],
            next: 0,
        }
    }
}

impl World {
    pub(crate) fn wall(&self) -> i64 {
        i64::try_from(self.now).unwrap() + self.store.wall_offset
    }

    pub(crate) fn arrive_at_store(&mut self, session: SessionId, tag: Tag, statement: Statement) {
        if self.sessions[session].ended {
            return;
        }
        if self.sessions[session].generation != self.store.generation {
            // A deposed primary reads for those who have not noticed; its commits wait for ever.
            let Some(old) = &self.store.deposed else { return self.reset(session) };
            if let Some(answer) = read(old, &statement, self.wall()) {
                self.answer(session, tag, answer);
            }
            return;
        }
        self.sessions[session].queue.push_back((tag, statement));
        self.next_of(session);
    }

    fn next_of(&mut self, session: SessionId) {
        while self.sessions[session].running.is_none() {
            let Some((tag, statement)) = self.sessions[session].queue.pop_front() else { return };
            if let Statement::Terminate { epochs } = &statement {
                self.terminate(epochs);
                self.answer(session, tag, Answer::Done);
            } else if let Some(answer) = read(&self.store.db, &statement, self.wall()) {
                self.answer(session, tag, answer);
            } else {
                self.begin(session, tag, statement);
            }
        }
    }

    fn begin(&mut self, session: SessionId, tag: Tag, statement: Statement) {
        self.store.next += 1;
        let txn = self.store.next;
        let needs = self.needed_locks(&statement);
        let began = self.snapshot(&statement);
        if matches!(statement, Statement::Close { .. }) {
            self.schedule_in(LOCK_TIMEOUT, Event::LockTimeout(txn));
        }
        self.sessions[session].running = Some(txn);
        let ending = Txn { session, tag, statement, needs, got: 0, began, committing: false };
        self.store.txns.insert(txn, ending);
        self.advance(txn);
    }

    fn needed_locks(&self, statement: &Statement) -> Vec<(Lock, Mode)> {
        use Mode::{Exclusive, Shared};
        let me = |by: &ReplicaEpoch| (Lock::Epoch(by.clone()), Shared);
        match statement {
            Statement::Register { .. } => vec![(Lock::Registry, Exclusive)],
            Statement::Renew { by, .. } => vec![(Lock::Beat(by.clone()), Exclusive)],
            Statement::Batch { by, items } => {
                let lockless =
                    self.has(Bug::BatchWithoutEpoch) || self.has(Bug::EpochReadWithoutLock);
                let mut needs = if lockless { Vec::new() } else { vec![me(by)] };
                let mut rows: Vec<_> = items.iter().map(|item| Lock::Key(item.key)).collect();
                if !self.has(Bug::CursorFromSequence) {
                    let intents = items.iter().filter(|item| !item.is_handover);
                    rows.extend(intents.map(|item| Lock::Lane(item.receiver)));
                }
                rows.sort();
                rows.dedup();
                needs.extend(rows.into_iter().map(|row| (row, Exclusive)));
                needs
            }
            Statement::Append { by, .. } => vec![me(by), (Lock::Head, Exclusive)],
            Statement::Close { epochs } | Statement::Retire { epochs } => {
                epochs.iter().map(|epoch| (Lock::Epoch(epoch.clone()), Exclusive)).collect()
            }
            Statement::TakeSlice { by } => vec![me(by), (Lock::Budget, Exclusive)],
            Statement::TakeBack { .. } => vec![(Lock::Budget, Exclusive)],
            Statement::Load { .. }
            | Statement::Tail { .. }
            | Statement::List
            | Statement::Terminate { .. }
            | Statement::ReadLane { .. } => Vec::new(),
        }
    }

    fn snapshot(&mut self, statement: &Statement) -> Snapshot {
        let db = &self.store.db;
        let (mut fenced, mut at_applied, mut loaded) = (false, None, None);
        let mut cursors = Vec::new();
        match statement {
            Statement::Renew { by, applied, .. } => {
                fenced = db.is_fenced(by);
                at_applied = db.hash_at(*applied);
            }
            Statement::Batch { by, items } => {
                fenced = db.is_fenced(by);
                if self.bug == Some(Bug::CursorFromSequence) {
                    for item in items {
                        self.store.sequences[item.receiver] += 2;
                        cursors.push(self.store.sequences[item.receiver]);
                    }
                }
            }
            Statement::Register { load: true, .. } => loaded = Some(load(db, Revision(0))),
            _ => {}
        }
        let head = self.store.db.head().0;
        Snapshot { fenced, head, at_applied, loaded, cursors, wall: self.wall() }
    }

    /// Takes what locks it can; with all of them the statement is checked and goes to its commit.
    fn advance(&mut self, id: TxnId) {
        let Some(txn) = self.store.txns.get_mut(&id) else { return };
        while let Some((lock, mode)) = txn.needs.get(txn.got) {
            if !self.store.locks.take(id, lock, *mode) {
                return;
            }
            txn.got += 1;
        }
        if txn.committing {
            return;
        }
        if let Some(refused) = self.refuse(id) {
            return self.end(id, Some(refused));
        }
        let delay = self.commit_delay(id);
        if let Some(txn) = self.store.txns.get_mut(&id) {
            txn.committing = true;
        }
        self.schedule_in(delay, Event::Commit(id));
    }

    fn commit_delay(&mut self, id: TxnId) -> Micros {
        let Some(txn) = self.store.txns.get(&id) else { return 0 };
        let (name, slot) = (txn.statement.name(), self.sessions[txn.session].slot);
        let steered =
            self.store.hangs.iter().position(|(what, of, _)| (*what, *of) == (name, slot));
        if let Some(at) = steered {
            return self.store.hangs.remove(at).2;
        }
        let hang = self.store.hang_per_mille;
        if hang > 0 && self.dice.per_mille(hang) {
            return self.dice.between(20 * MILLI, 4_000 * MILLI);
        }
        self.dice.between(200, 2 * MILLI)
    }

    /// The answer of a statement that has no effect, as it stands under its locks.
    fn refuse(&self, id: TxnId) -> Option<Answer> {
        let (db, txn) = (&self.store.db, self.store.txns.get(&id)?);
        match &txn.statement {
            Statement::Renew { by, seq, .. } => {
                let moved = db.epochs.get(by).is_none_or(|row| row.seq != *seq);
                (txn.began.fenced || moved).then_some(Answer::Fenced)
            }
            Statement::Batch { by, .. } => {
                let fenced = if self.has(Bug::BatchWithoutEpoch) {
                    false
                } else if self.has(Bug::EpochReadWithoutLock) {
                    txn.began.fenced
                } else {
                    db.is_fenced(by)
                };
                fenced.then_some(Answer::Fenced)
            }
            Statement::Append { by, expected, body } => {
                if let Some(logged) = db.find(body.entry.command_id) {
                    Some(Answer::Duplicate(logged))
                } else if db.is_fenced(by) {
                    Some(Answer::Fenced)
                } else {
                    expected
                        .is_some_and(|expected| expected != db.head())
                        .then_some(Answer::Conflict)
                }
            }
            Statement::TakeSlice { by } => db.is_fenced(by).then_some(Answer::Fenced),
            _ => None,
        }
    }

    pub(crate) fn commit(&mut self, id: TxnId) {
        let Some(txn) = self.store.txns.get_mut(&id) else { return };
        let statement = txn.statement.clone();
        let (began, wall) = (txn.began.loaded.take(), txn.began.wall);
        let (head, at_applied) = (txn.began.head, txn.began.at_applied);
        let cursors = std::mem::take(&mut txn.began.cursors);
        let open_too = self.has(Bug::OpenIsRetired);
        let db = &mut self.store.db;
        let answer = match &statement {
            Statement::Register { replica_id, .. } => {
                Answer::Registered { epoch: db.register(replica_id, wall), loaded: began }
            }
            Statement::Renew { by, applied, enforced, .. } => {
                if let Some(row) = db.epochs.get_mut(by) {
                    row.seq += 1;
                    (row.applied, row.enforced, row.beat_at) = (*applied, *enforced, wall);
                }
                Answer::Renewed { head, at_applied }
            }
            Statement::Batch { by, items } => self.write_all(by, items, &cursors),
            Statement::Append { body, .. } => self.append(body),
            Statement::Close { epochs } => {
                for epoch in epochs {
                    db.epochs.entry(epoch.clone()).and_modify(|row| row.closed = true);
                }
                Answer::Done
            }
            Statement::Retire { epochs } => {
                for epoch in epochs {
                    // Only what is closed: the number may be that of another, newer epoch.
                    db.epochs.entry(epoch.clone()).and_modify(|row| {
                        row.gone |= row.closed || open_too;
                    });
                }
                Answer::Done
            }
            Statement::TakeSlice { by } => Answer::Slice(db.take_slice(by)),
            Statement::TakeBack { epochs } => {
                epochs.iter().for_each(|epoch| db.take_back(epoch));
                Answer::Done
            }
            _ => Answer::Done,
        };
        self.end(id, Some(answer));
    }

    fn write_all(&mut self, by: &ReplicaEpoch, items: &[Item], cursors: &[u64]) -> Answer {
        let mut answers = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let (written, row) = self.store.db.write(by, item, cursors.get(at).copied());
            answers.push(written);
            if let Some(row) = row {
                self.trace(|| format!("committed by {}/{}: {row:?}", by.replica_id, by.epoch));
                self.oracle.row_committed(&row, self.store.db.budget_spent());
            }
        }
        Answer::Written(answers)
    }

    fn append(&mut self, body: &Rc<Body>) -> Answer {
        let before = self.store.db.state.clone();
        let logged = self.store.db.append(body);
        self.trace(|| format!("revision {} committed: {}", logged.revision, body.entry.action));
        self.oracle.appended(&before, &self.store.db, &logged);
        Answer::Appended(logged)
    }

    /// Ends a transaction: its locks go to those who wait, its session to the next statement.
    pub(super) fn end(&mut self, id: TxnId, answer: Option<Answer>) {
        let Some(txn) = self.store.txns.remove(&id) else { return };
        self.store.locks.release(id, txn.needs.get(..=txn.got).unwrap_or(&txn.needs));
        let session = txn.session;
        self.sessions[session].running = None;
        if let Some(answer) = answer
            && !self.sessions[session].ended
        {
            self.answer(session, txn.tag, answer);
        }
        let waiting: Vec<_> = self.store.txns.iter().filter(|(_, txn)| !txn.committing).collect();
        let waiting: Vec<TxnId> = waiting.into_iter().map(|(id, _)| *id).collect();
        waiting.into_iter().for_each(|id| self.advance(id));
        if !self.sessions[session].ended {
            self.next_of(session);
        }
    }

    pub(crate) fn lock_timeout(&mut self, id: TxnId) {
        if self.store.txns.get(&id).is_some_and(|txn| !txn.committing) {
            self.end(id, Some(Answer::LockTimeout));
        }
    }

    /// Ends the sessions of epochs. A commit under way happens now or never.
    fn terminate(&mut self, epochs: &[ReplicaEpoch]) {
        let holders: Vec<TxnId> =
            epochs.iter().flat_map(|epoch| self.store.locks.holders(epoch)).collect();
        for session in 0..self.sessions.len() {
            let ended = &self.sessions[session];
            let of_epoch = ended.epoch.as_ref().is_some_and(|epoch| epochs.contains(epoch));
            let holds = ended.running.is_some_and(|txn| holders.contains(&txn));
            if ended.ended || !(of_epoch && (holds || !ended.abandoned)) {
                continue;
            }
            let running = ended.running;
            self.reset(session);
            if let Some(txn) = running {
                self.cut_short(txn);
            }
        }
    }

    /// A transaction whose session or server ends: its commit happens now or never.
    pub(super) fn cut_short(&mut self, id: TxnId) {
        let committing = self.store.txns.get(&id).is_some_and(|txn| txn.committing);
        if committing && self.dice.per_mille(500) {
            self.commit(id);
        } else {
            self.end(id, None);
        }
    }
}
