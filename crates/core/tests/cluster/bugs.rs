//! The known mistakes, each a switch of the model.

/// A mistake that the simulation must find. The numbers are those of the protocol's list; those
/// from 19 on were found with this simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// 1: `enforced` is reported before the batch that was sent has ended.
    ReportsBeforeTheBatchEnds,
    /// 2: a batch does not ask for its writer's epoch.
    BatchWithoutEpoch,
    /// 3: a batch reads its writer's epoch without locking it.
    EpochReadWithoutLock,
    /// 4: freshness counts from the answer of a renewal.
    FreshFromTheAnswer,
    /// 5: a lease is judged by the store's wall clock.
    LeaseByWallClock,
    /// 6: a lease belongs to a replica id.
    LeaseByReplicaId,
    /// 7: the registering transaction loads the state and grants freshness.
    FreshFromRegistering,
    /// 8: the replica list is read before the kill's commit.
    ListBeforeCommit,
    /// 9: a kill of an agent that is held here returns at once.
    AlreadyFromMemory,
    /// 10: a resume in conflict is planned again over a newer kill.
    ResumeOverNewerKill,
    /// 11: a closed epoch counts as gone.
    ClosedIsGone,
    /// 12: a batch of unknown outcome is forgotten.
    UnknownForgotten,
    /// 13: work is checked first and registered after.
    RegisterAfterCheck,
    /// 14: a renewal grants freshness although what it showed is not applied.
    FreshBeforeApplied,
    /// 15: cursors come from a sequence.
    CursorFromSequence,
    /// 16: a budget slice is taken back before its epoch is closed.
    SliceBackBeforeClosing,
    /// 17: nobody notices that a failover lost revisions.
    DivergenceUnnoticed,
    /// 18: what waited in the queue is not decided again when it is sent.
    QueueNotDecidedAgain,
    /// 19: entries are folded without looking whether they follow what was folded before.
    ChainNotFollowed,
    /// 20: who joins anew forgets what its former state had held.
    FormerStateForgotten,
    /// 21: the list is read from a server that may have been deposed.
    ListFromDeposed,
    /// 22: silence counts from the beginning of a reading, not from its answer.
    SilenceFromTheQuestion,
    /// 23: silence goes on when an epoch is seen closed, whatever renewal is under way.
    SilenceThroughClosing,
    /// 24: an epoch is marked as gone although it is not closed. A failover that loses commits
    /// gives the numbers of epochs out again.
    OpenIsRetired,
}
