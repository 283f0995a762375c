//! Everything that can happen, as values in the order of true time.

use std::cmp::Ordering;
use std::rc::Rc;

use axme_core::replica::ReplicaEpoch;
use axme_core::time::Mono;

use super::clients::{Call, ClientStep};
use super::clock::Micros;
use super::faults::Fault;
use super::network::SessionId;
use super::orders::{AGENTS, Body};
use super::statements::{Answer, Statement};
use super::store::TxnId;

/// Names one request on one session.
pub(crate) type Tag = u64;
/// Names one control change at its coordinator.
pub(crate) type TaskId = u64;
/// Names one life of a process: what was meant for an earlier one does not reach it.
pub(crate) type Life = u32;

#[derive(Debug)]
pub(crate) enum Event {
    AtStore {
        session: SessionId,
        tag: Tag,
        statement: Statement,
    },
    Commit(TxnId),
    LockTimeout(TxnId),
    /// The sessions of a server that was deposed are cut.
    DeposedDies,
    ToProcess {
        slot: usize,
        life: Life,
        message: Message,
    },
    Client(ClientStep),
    Fault(Fault),
}

/// What reaches a process. It waits while the process is stopped.
#[derive(Debug)]
pub(crate) enum Message {
    Answer {
        session: SessionId,
        tag: Tag,
        answer: Answer,
    },
    Reset {
        session: SessionId,
    },
    /// Somebody has changed the control log.
    Hint,
    Call(Call),
    /// Not before the process's own clock shows `due`.
    Timer {
        due: Mono,
        timer: Timer,
    },
}

/// What a process has set itself to do.
#[derive(Clone, Debug)]
pub(crate) enum Timer {
    Join,
    Renew {
        of: Option<ReplicaEpoch>,
    },
    /// An answer has not come in time.
    Overdue {
        session: SessionId,
        tag: Tag,
    },
    DecideBatch,
    SendBatch {
        number: u64,
    },
    CheckSocket {
        socket: u64,
    },
    WriteSocket {
        socket: u64,
    },
    /// Read the replica list and the lane of some agent.
    Watch,
    CloseOwn,
    PutBack,
    Task {
        task: TaskId,
    },
    Unconfirmed {
        task: TaskId,
    },
    Retire {
        epochs: Vec<ReplicaEpoch>,
    },
}

/// What a request was for.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    Register { sent: Mono },
    Load,
    PutBack,
    Tail,
    Renew { sent: Mono, bytes: [u64; AGENTS] },
    Batch,
    Slice,
    Lane,
    CloseOwn,
    TerminateOwn,
    RetireOwn,
    Retire,
    TakeBack,
    Watch { begun: Mono },
    Append { task: TaskId },
    EarlyList { task: TaskId },
    List { task: TaskId, begun: Mono },
    Close { task: TaskId, epochs: Vec<ReplicaEpoch> },
    Terminate { task: TaskId, epochs: Vec<ReplicaEpoch> },
}

/// A hold that a replica knows and the log has lost.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub(crate) body: Rc<Body>,
}

/// Where a process stands on its way to serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Joining,
    Loading,
    PuttingBack,
    Running,
    Closing,
}

#[derive(Debug)]
pub(crate) struct Scheduled {
    pub(crate) at: Micros,
    pub(crate) order: u64,
    pub(crate) event: Event,
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        // The earliest is the greatest: the heap gives the greatest first.
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Scheduled {}
