//! How many failed sign-ins each address may have answered in full.
//!
//! The keys that are drawn here cannot be guessed; this is against floods, and against a fleet that
//! goes on with a key that was revoked. Keys that work are looked up first and never asked about
//! here: an operator who stops an agent may sit behind the same address as the flood. So nothing
//! but the answer to a failure changes: beyond the allowance it is a 429 that says less.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axme_core::time::Mono;

/// Failures of one address that are answered in full at once.
const FAILURES_AT_ONCE_MAX: u32 = 20;
/// How long until one more is.
const ONE_MORE_EVERY: Duration = Duration::from_secs(1);
/// Addresses that are remembered at a time. Beyond it the one goes that would be forgotten soonest.
const ADDRESSES_MAX: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct SignIns(Mutex<Remembered>);

/// A bucket of tokens for each address, as one point in time: when it will be full. A bucket that
/// is full is as good as none.
#[derive(Debug, Default)]
struct Remembered {
    full_at: HashMap<IpAddr, Mono>,
    /// The same, soonest first.
    by_time: BTreeSet<(Mono, IpAddr)>,
}

impl SignIns {
    /// Counts a failed sign-in of `client`; whether it is within the allowance.
    pub(crate) fn failed(&self, client: IpAddr, now: Mono) -> bool {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.forget_the_full(now);
        let network = network_of(client);
        let full_at = remembered.full_at.get(&network).copied().unwrap_or(now);
        let then = full_at.plus(ONE_MORE_EVERY);
        if then.since(now) > ONE_MORE_EVERY * FAILURES_AT_ONCE_MAX {
            return false;
        }
        remembered.by_time.remove(&(full_at, network));
        remembered.by_time.insert((then, network));
        remembered.full_at.insert(network, then);
        if remembered.full_at.len() > ADDRESSES_MAX {
            remembered.forget_one();
        }
        true
    }
}

impl Remembered {
    fn forget_the_full(&mut self, now: Mono) {
        while self.by_time.first().is_some_and(|(full_at, _)| *full_at <= now) {
            self.forget_one();
        }
    }

    fn forget_one(&mut self) {
        if let Some((_, network)) = self.by_time.pop_first() {
            self.full_at.remove(&network);
        }
    }
}

/// What one caller has to itself: an IPv4 address, or a /64 of IPv6.
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use axme_core::time::Timestamp;
    use axme_engine::clock::Clock;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));

    fn clock() -> Clock {
        Clock::manual(Timestamp::from_micros(0))
    }

    fn use_up(sign_ins: &SignIns, client: IpAddr, now: Mono) -> u32 {
        (0..100).filter(|_| sign_ins.failed(client, now)).count().try_into().unwrap()
    }

    #[test]
    fn an_address_has_its_allowance_and_one_more_each_second() {
        let (sign_ins, clock) = (SignIns::default(), clock());
        assert_eq!(use_up(&sign_ins, HERE, clock.mono()), FAILURES_AT_ONCE_MAX);
        clock.advance(ONE_MORE_EVERY / 2);
        assert!(!sign_ins.failed(HERE, clock.mono()), "what is refused costs no more");
        clock.advance(ONE_MORE_EVERY / 2);
        assert_eq!(use_up(&sign_ins, HERE, clock.mono()), 1);
        clock.advance(ONE_MORE_EVERY * 3);
        assert_eq!(use_up(&sign_ins, HERE, clock.mono()), 3);
        clock.advance(ONE_MORE_EVERY * 10 * FAILURES_AT_ONCE_MAX);
        assert_eq!(use_up(&sign_ins, HERE, clock.mono()), FAILURES_AT_ONCE_MAX, "and no more");
    }

    #[test]
    fn neighbours_have_their_own_and_a_network_of_ipv6_shares_one() {
        let (sign_ins, now) = (SignIns::default(), clock().mono());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(use_up(&sign_ins, address("203.0.113.8"), now), FAILURES_AT_ONCE_MAX);
        assert!(sign_ins.failed(HERE, now));
        assert!(!sign_ins.failed(address("::ffff:203.0.113.8"), now), "the same address");
        assert_eq!(use_up(&sign_ins, address("2001:db8::1"), now), FAILURES_AT_ONCE_MAX);
        assert!(!sign_ins.failed(address("2001:db8::ffff"), now));
        assert!(sign_ins.failed(address("2001:db8:0:1::1"), now));
    }

    #[test]
    fn a_flood_from_everywhere_stays_bounded_and_washes_nobody_out() {
        let (sign_ins, clock) = (SignIns::default(), clock());
        use_up(&sign_ins, HERE, clock.mono());
        for number in 0..u32::try_from(ADDRESSES_MAX).unwrap() * 2 {
            assert!(sign_ins.failed(IpAddr::from(number.to_be_bytes()), clock.mono()));
        }
        let kept = |sign_ins: &SignIns| {
            let remembered = sign_ins.0.lock().unwrap();
            assert_eq!(remembered.full_at.len(), remembered.by_time.len());
            remembered.full_at.len()
        };
        assert_eq!(kept(&sign_ins), ADDRESSES_MAX);
        assert!(!sign_ins.failed(HERE, clock.mono()), "who failed most is remembered");
        clock.advance(ONE_MORE_EVERY * (FAILURES_AT_ONCE_MAX + 1));
        assert!(sign_ins.failed(HERE, clock.mono()));
        assert_eq!(kept(&sign_ins), 1, "the others have been forgotten");
    }
}
