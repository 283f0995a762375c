//! The campaign: how far the instances of its agent are, whatever they run as.

use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const INSTANCES_COUNT: usize = 3;

pub(super) struct Campaign {
    emails_total: u64,
    sent: [AtomicU64; INSTANCES_COUNT],
    denied: AtomicU64,
}

impl Campaign {
    pub(super) fn new(emails_total: u64) -> Self {
        Self { emails_total, sent: Default::default(), denied: AtomicU64::new(0) }
    }

    pub(super) const fn emails_total(&self) -> u64 {
        self.emails_total
    }

    /// E-mails that the gateway has taken, by instance.
    pub(super) fn sent(&self) -> [u64; INSTANCES_COUNT] {
        self.sent.each_ref().map(|sent| sent.load(Ordering::SeqCst))
    }

    /// E-mails that the gateway has taken.
    pub(super) fn sent_total(&self) -> u64 {
        self.sent().iter().sum()
    }

    /// Whether the gateway has taken all of them.
    pub(super) fn is_over(&self) -> bool {
        self.sent_total() >= self.emails_total
    }

    /// How often an instance was refused because an agent is stopped.
    pub(super) fn denied(&self) -> u64 {
        self.denied.load(Ordering::SeqCst)
    }

    /// The gateway has taken one more e-mail of this instance.
    pub(super) fn count_sent(&self, instance: usize) {
        if let Some(sent) = self.sent.get(instance) {
            sent.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(super) fn count_denied(&self) {
        self.denied.fetch_add(1, Ordering::SeqCst);
    }
}
