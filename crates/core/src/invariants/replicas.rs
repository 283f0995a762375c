//! What replicas promise together: K2, K3, Fresh, Progress, and that changes are everywhere.

use std::time::Duration;

use super::{Violation, broken};
use crate::id::Revision;
use crate::lease::Lease;
use crate::time::Mono;

/// How long the closing of silent epochs may wait for a lock before it ends the session.
const CLOSING_LOCK: Duration = Duration::from_millis(100);

/// K2: a replica that is reported as having enforced a kill has no open socket of its agent that
/// was opened before it.
pub fn k2_every_socket_is_closed(
    kill: Revision,
    opened_at: impl IntoIterator<Item = Revision>,
) -> Result<(), Violation> {
    match opened_at.into_iter().find(|opened| *opened < kill) {
        None => Ok(()),
        Some(opened) => broken(
            "K2",
            format!("open since revision {opened} where the kill at {kill} is said to be enforced"),
        ),
    }
}

/// K2: bytes that were seen at the receiver after a kill's commit are in the receipt or in a
/// later report.
pub fn k2_every_byte_is_accounted_for(seen: u64, accounted: u64) -> Result<(), Violation> {
    if seen <= accounted {
        return Ok(());
    }
    broken("K2", format!("{seen} bytes seen after the commit, {accounted} accounted for"))
}

/// K3: from the acknowledgement of its commit a kill returns within a lease and one closing.
/// `commit` is what one commit takes, with the way there and back.
pub fn k3_bounded(lease: Lease, commit: Duration, took: Duration) -> Result<(), Violation> {
    if took <= lease.length() + CLOSING_LOCK + commit {
        return Ok(());
    }
    broken("K3", format!("a kill returned {} ms after its commit", took.as_millis()))
}

/// Fresh: who serves as fresh has a renewal, sent less than a lease ago, that showed nothing that
/// is not applied. `renewals` are when each was sent and the head that it showed.
pub fn fresh_is_proven(
    now: Mono,
    lease: Lease,
    applied: Revision,
    renewals: impl IntoIterator<Item = (Mono, Revision)>,
) -> Result<(), Violation> {
    let proves =
        |(sent, head): (Mono, Revision)| now.since(sent) < lease.length() && head <= applied;
    if renewals.into_iter().any(proves) {
        return Ok(());
    }
    broken("Fresh", format!("serves at revision {applied} with no renewal to prove it"))
}

/// Progress: once faults have healed for three leases every replica serves.
pub fn progress_after_healing(
    lease: Lease,
    healed_for: Duration,
    serving: usize,
    replicas: usize,
) -> Result<(), Violation> {
    if healed_for < lease.length() * 3 || serving == replicas {
        return Ok(());
    }
    broken("Progress", format!("only {serving} of {replicas} replicas serve after three leases"))
}

/// Everywhere: when a control change has returned every replica that serves has applied it.
pub fn applied_everywhere(
    change: Revision,
    applied_where_fresh: impl IntoIterator<Item = Revision>,
) -> Result<(), Violation> {
    match applied_where_fresh.into_iter().find(|applied| *applied < change) {
        None => Ok(()),
        Some(applied) => broken(
            "Everywhere",
            format!("the change at {change} has returned and a replica serves at {applied}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Mono {
        Mono::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn k2_asks_only_about_sockets_from_before_the_kill() {
        assert!(k2_every_socket_is_closed(Revision(5), [Revision(5), Revision(6)]).is_ok());
        assert!(k2_every_socket_is_closed(Revision(5), [Revision(4)]).is_err());
        assert!(k2_every_byte_is_accounted_for(3, 3).is_ok());
        assert!(k2_every_byte_is_accounted_for(4, 3).is_err());
    }

    #[test]
    fn k3_is_a_lease_a_closing_and_a_commit() {
        let commit = Duration::from_millis(10);
        assert!(k3_bounded(Lease::DEFAULT, commit, Duration::from_millis(810)).is_ok());
        assert!(k3_bounded(Lease::DEFAULT, commit, Duration::from_millis(811)).is_err());
    }

    #[test]
    fn freshness_needs_a_young_renewal_that_showed_nothing_new() {
        let fresh = |renewals: &[(Mono, Revision)]| {
            fresh_is_proven(at(1_000), Lease::DEFAULT, Revision(5), renewals.iter().copied())
        };
        assert!(fresh(&[(at(301), Revision(5))]).is_ok());
        assert!(fresh(&[(at(300), Revision(5))]).is_err(), "too old");
        assert!(fresh(&[(at(900), Revision(6))]).is_err(), "showed more than is applied");
        assert!(fresh(&[]).is_err());
    }

    #[test]
    fn progress_has_three_leases() {
        let after = |millis, serving| {
            progress_after_healing(Lease::DEFAULT, Duration::from_millis(millis), serving, 3)
        };
        assert!(after(2_099, 0).is_ok() && after(2_100, 3).is_ok());
        assert!(after(2_100, 2).is_err());
    }

    #[test]
    fn a_change_is_everywhere_when_no_fresh_replica_is_behind_it() {
        assert!(applied_everywhere(Revision(4), [Revision(4), Revision(7)]).is_ok());
        assert!(applied_everywhere(Revision(4), [Revision(3)]).is_err());
    }
}
