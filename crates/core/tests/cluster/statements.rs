//! What is asked of the store, in one round trip each, and what it answers.

use std::rc::Rc;

use axme_core::chain::Hash;
use axme_core::id::Revision;
use axme_core::replica::{ReplicaEpoch, Sighting};
use axme_core::state::State;

use super::database::{Database, Item, Row, Written};
use super::orders::{Body, Logged};

/// One round trip.
#[derive(Clone, Debug)]
pub(crate) enum Statement {
    Register { replica_id: Box<str>, load: bool },
    Load { applied: Revision },
    Tail { after: Revision },
    Renew { by: ReplicaEpoch, seq: u64, applied: Revision, enforced: Revision },
    Batch { by: ReplicaEpoch, items: Vec<Item> },
    Append { by: ReplicaEpoch, expected: Option<(Revision, Hash)>, body: Rc<Body> },
    List,
    Close { epochs: Vec<ReplicaEpoch> },
    Terminate { epochs: Vec<ReplicaEpoch> },
    Retire { epochs: Vec<ReplicaEpoch> },
    ReadLane { receiver: usize, after: u64 },
    TakeSlice { by: ReplicaEpoch },
    TakeBack { epochs: Vec<ReplicaEpoch> },
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Registered {
        epoch: ReplicaEpoch,
        loaded: Option<Box<Loaded>>,
    },
    Loaded(Box<Loaded>),
    Entries(Vec<Rc<Logged>>),
    Renewed {
        head: Revision,
        at_applied: Option<Hash>,
    },
    /// The epoch is not there, is closed, or somebody else has renewed it.
    Fenced,
    Written(Vec<Written>),
    Appended(Rc<Logged>),
    Duplicate(Rc<Logged>),
    Conflict,
    Sightings {
        seen: Vec<(Sighting, i64)>,
        wall: i64,
    },
    LockTimeout,
    Done,
    Lane(Vec<Row>),
    Slice(u64),
}

/// The state at the head, and the hash at the revision that was asked about.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) state: State,
    pub(crate) hash: Hash,
    pub(crate) at_applied: Option<Hash>,
}

/// Answers a statement that only reads.
pub(crate) fn read(db: &Database, statement: &Statement, wall: i64) -> Option<Answer> {
    match statement {
        Statement::Load { applied } => Some(Answer::Loaded(load(db, *applied))),
        Statement::Tail { after } => Some(Answer::Entries(db.after(*after))),
        Statement::List => Some(Answer::Sightings { seen: db.sightings(), wall }),
        Statement::ReadLane { receiver, after } => {
            Some(Answer::Lane(db.lane_after(*receiver, *after)))
        }
        _ => None,
    }
}

pub(crate) fn load(db: &Database, applied: Revision) -> Box<Loaded> {
    let (state, hash) = (db.state.clone(), db.head().1);
    Box::new(Loaded { state, hash, at_applied: db.hash_at(applied) })
}

impl Statement {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Register { .. } => "register",
            Self::Load { .. } => "load",
            Self::Tail { .. } => "tail",
            Self::Renew { .. } => "renew",
            Self::Batch { .. } => "batch",
            Self::Append { .. } => "append",
            Self::List => "list",
            Self::Close { .. } => "close",
            Self::Terminate { .. } => "terminate",
            Self::Retire { .. } => "retire",
            Self::ReadLane { .. } => "read lane",
            Self::TakeSlice { .. } => "take slice",
            Self::TakeBack { .. } => "take back",
        }
    }
}
