//! The oracle: what has happened, and the promises that it must keep.

use std::collections::BTreeMap;
use std::time::Duration;

use axme_core::chain::Hash;
use axme_core::change::HeldTarget;
use axme_core::id::{CommandId, Revision};
use axme_core::invariants::{self, Happened, Violation};
use axme_core::lease::Lease;
use axme_core::state::State;
use axme_core::time::Mono;
use uuid::Uuid;

use super::database::{BUDGET_ROWS_MAX, Database, Row};
use super::events::Life;
use super::orders::{AGENTS, Logged, agents_of};

/// What one commit takes in a calm world, with its ways and the ending of a session.
const COMMIT: Duration = Duration::from_millis(40);
/// The history of holds on everyone, beside one for each agent.
const EVERYONE: usize = AGENTS;

#[derive(Debug)]
pub(crate) struct Oracle {
    /// The promise that a mistake is expected to break; others that it breaks do not end the run.
    pub(crate) expects: Option<&'static str>,
    pub(crate) violations: Vec<Violation>,
    /// Kills that have returned.
    pub(crate) kills: u64,
    histories: Vec<Vec<Happened>>,
    /// The rows of each agent, by key, in the order of their commits.
    admitted: Vec<Vec<u64>>,
    /// What was admitted when kills returned that stand.
    at_return: Vec<Returned>,
    hashes: Vec<Hash>,
    /// What whoever ordered a resume had seen.
    asked: BTreeMap<CommandId, Revision>,
    /// Bytes that receivers have seen of an agent from one life of a replica.
    received: BTreeMap<(Life, usize), u64>,
    received_at: BTreeMap<Revision, BTreeMap<(Life, usize), u64>>,
    committed: Vec<Vec<u64>>,
    read: Vec<Vec<u64>>,
    /// A failover has lost commits: promises about what was lost do not hold.
    pub(crate) lossy: bool,
}

/// A kill that has returned, on whom, and how many rows each agent had then.
#[derive(Debug)]
struct Returned {
    kill: Revision,
    target: usize,
    rows: Vec<(usize, usize)>,
}

impl Oracle {
    pub(crate) fn new() -> Self {
        Self {
            expects: None,
            violations: Vec::new(),
            kills: 0,
            histories: vec![Vec::new(); AGENTS + 1],
            admitted: vec![Vec::new(); AGENTS],
            at_return: Vec::new(),
            hashes: Vec::new(),
            asked: BTreeMap::new(),
            received: BTreeMap::new(),
            received_at: BTreeMap::new(),
            committed: vec![Vec::new(); AGENTS],
            read: vec![Vec::new(); AGENTS],
            lossy: false,
        }
    }

    /// Whether the run is worth going on with.
    pub(crate) fn wants_more(&self) -> bool {
        match self.expects {
            None => self.violations.is_empty(),
            Some(promise) => !self.has_broken(promise),
        }
    }

    pub(crate) fn has_broken(&self, promise: &str) -> bool {
        self.violations.iter().any(|violation| violation.promise == promise)
    }

    pub(crate) fn check(&mut self, kept: Result<(), Violation>) {
        if let Err(violation) = kept
            && !self.has_broken(violation.promise)
        {
            self.violations.push(violation);
        }
    }

    pub(crate) fn row_committed(&mut self, row: &Row, budget_spent: u64) {
        let item = &row.item;
        self.happened(&[item.sender, item.receiver], Happened::Admitted);
        self.admitted[item.sender].push(item.key);
        self.admitted[item.receiver].push(item.key);
        self.check(invariants::k8_within_the_limit(budget_spent, BUDGET_ROWS_MAX));
        if !item.is_handover {
            self.committed[item.receiver].push(row.cursor);
            if self.read[item.receiver].last().is_some_and(|last| row.cursor <= *last) {
                self.check_cursors(item.receiver);
            }
        }
    }

    pub(crate) fn checked(&mut self, agents: &[usize], woke_within_a_lease: bool) {
        self.happened(agents, Happened::Checked { woke_within_a_lease });
    }

    fn happened(&mut self, agents: &[usize], happened: Happened) {
        for target in agents.iter().copied().chain([EVERYONE]) {
            let history = &mut self.histories[target];
            if history.is_empty() {
                continue;
            }
            history.push(happened);
            let kept = invariants::k1i_no_row_after_a_kill(history)
                .and_then(|()| invariants::k1e_no_check_after_a_kill(history));
            history.pop();
            self.check(kept);
        }
    }

    pub(crate) fn kill_returned(&mut self, agents: &[usize], revision: Revision) {
        self.kills += 1;
        let target = if let [agent] = agents { *agent } else { EVERYONE };
        let history = &mut self.histories[target];
        let lifted = history.iter().any(|happened| match happened {
            Happened::Resumed { revision: at, seen } => *at > revision && *seen >= revision,
            _ => false,
        });
        history.push(Happened::KillReturned { revision });
        if !lifted {
            let rows = agents.iter().map(|agent| (*agent, self.admitted[*agent].len())).collect();
            self.at_return.push(Returned { kill: revision, target, rows });
        }
    }

    pub(crate) fn appended(&mut self, before: &State, db: &Database, logged: &Logged) {
        let entry = &logged.body.entry;
        self.check_log(db);
        self.check(invariants::k5_holds_end_by_resumes_only(before, entry, &db.state));
        for change in &entry.changes {
            if change.added_hold().is_some() {
                self.received_at.insert(logged.revision, self.received.clone());
            }
            if let Some((target, seen, _)) = change.lifted_holds() {
                if let Some(asked) = self.asked.get(&entry.command_id) {
                    self.check(invariants::k5_a_resume_names_what_was_seen(*asked, seen));
                }
                self.resumed(target, logged.revision, seen);
            }
        }
    }

    fn resumed(&mut self, on: HeldTarget, revision: Revision, seen: Revision) {
        let target = if let [agent] = agents_of(on)[..] { agent } else { EVERYONE };
        self.histories[target].push(Happened::Resumed { revision, seen });
        let named = |returned: &mut Returned| returned.target == target && returned.kill <= seen;
        let named: Vec<_> = self.at_return.extract_if(.., named).collect();
        for (agent, many) in named.into_iter().flat_map(|returned| returned.rows) {
            let now = &self.admitted[agent];
            let kept = invariants::k1f_what_was_admitted_is_final(&now[..many], now);
            self.check(kept);
        }
    }

    /// K4, after an append and after a failover.
    pub(crate) fn check_log(&mut self, db: &Database) {
        let hashes: Vec<Hash> = db.log.iter().map(|logged| logged.hash).collect();
        self.check(invariants::k4_log_only_grows(&self.hashes, &hashes));
        self.hashes = hashes;
    }

    /// K4: what was acknowledged is in the log.
    pub(crate) fn acknowledged(&mut self, db: &Database, logged: &Logged) {
        if !self.lossy && db.hash_at(logged.revision) != Some(logged.hash) {
            let what = format!("revision {} was acknowledged and is not there", logged.revision);
            self.check(Err(Violation { promise: "K4", what }));
        }
    }

    pub(crate) fn asked(&mut self, number: u64, seen: Revision) {
        self.asked.insert(CommandId::from_uuid(Uuid::from_u128(number.into())), seen);
    }

    pub(crate) fn received(&mut self, life: Life, agent: usize, bytes: u64) {
        *self.received.entry((life, agent)).or_default() += bytes;
    }

    pub(crate) fn accounted(&mut self, life: Life, kill: Revision, agent: usize, bytes: u64) {
        let Some(at_commit) = self.received_at.get(&kill) else { return };
        let of = |counts: &BTreeMap<(Life, usize), u64>| {
            counts.get(&(life, agent)).copied().unwrap_or_default()
        };
        let seen = of(&self.received) - of(at_commit);
        self.check(invariants::k2_every_byte_is_accounted_for(seen, bytes));
    }

    pub(crate) fn sockets_open(&mut self, kill: Revision, opened_at: Vec<Revision>) {
        self.check(invariants::k2_every_socket_is_closed(kill, opened_at));
    }

    pub(crate) fn took(&mut self, lease: Lease, took: Duration) {
        self.check(invariants::k3_bounded(lease, COMMIT, took));
    }

    pub(crate) fn everywhere(&mut self, change: Revision, applied: Vec<Revision>) {
        self.check(invariants::applied_everywhere(change, applied));
    }

    pub(crate) fn served(
        &mut self,
        now: Mono,
        lease: Lease,
        applied: Revision,
        proofs: impl IntoIterator<Item = (Mono, Revision)>,
    ) {
        self.check(invariants::fresh_is_proven(now, lease, applied, proofs));
    }

    /// K6: what was answered as admitted is a row.
    pub(crate) fn admitted(&mut self, is_there: bool) {
        if !is_there && !self.lossy {
            let what = "an intent was answered as admitted and is not there".to_owned();
            self.check(Err(Violation { promise: "K6", what }));
        }
    }

    pub(crate) fn lane_read(&mut self, receiver: usize, cursor: u64) {
        self.read[receiver].push(cursor);
    }

    pub(crate) fn check_cursors(&mut self, receiver: usize) {
        let kept =
            invariants::cursors_lose_nothing(&self.committed[receiver], &self.read[receiver]);
        self.check(kept);
    }

    /// A failover has lost the end of the log: what stood in it is not promised any more.
    pub(crate) fn lost_commits(&mut self, db: &Database) {
        self.lossy = true;
        let head = db.head().0;
        self.hashes.truncate(usize::try_from(head.0).unwrap());
        for history in &mut self.histories {
            // A resume that was lost leaves its kills standing; whoever had applied it may not know
            // yet. Nothing is promised of them.
            let lost: Vec<Revision> =
                history.iter().filter_map(|happened| lost(*happened, head)).collect();
            history.retain(|happened| match happened {
                Happened::KillReturned { revision } => {
                    *revision <= head && !lost.iter().any(|seen| revision <= seen)
                }
                Happened::Resumed { revision, .. } => *revision <= head,
                _ => false,
            });
        }
        self.at_return.clear();
        self.received_at.clear();
        (self.committed, self.read) = (vec![Vec::new(); AGENTS], vec![Vec::new(); AGENTS]);
        self.admitted = vec![Vec::new(); AGENTS];
    }
}

/// What a resume behind the head had seen.
fn lost(happened: Happened, head: Revision) -> Option<Revision> {
    match happened {
        Happened::Resumed { revision, seen } if revision > head => Some(seen),
        _ => None,
    }
}
