//! The lifecycle of an intent.

use serde::{Deserialize, Serialize};

/// Attempts to hand an intent over before it fails, when the sender names none.
pub const DELIVERY_ATTEMPTS_DEFAULT: u32 = 3;

/// Where an intent stands. The words are the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Created,
    Submitted,
    Delivered,
    Acknowledged,
    InProgress,
    Waiting,
    Completed,
    Failed,
    Canceled,
    TimedOut,
}

impl Status {
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Submitted,
        Self::Delivered,
        Self::Acknowledged,
        Self::InProgress,
        Self::Waiting,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::TimedOut,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Submitted => "SUBMITTED",
            Self::Delivered => "DELIVERED",
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::InProgress => "IN_PROGRESS",
            Self::Waiting => "WAITING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
            Self::TimedOut => "TIMED_OUT",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether the intent has ended. What has ended never changes again.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Canceled | Self::TimedOut => true,
            Self::Created
            | Self::Submitted
            | Self::Delivered
            | Self::Acknowledged
            | Self::InProgress
            | Self::Waiting => false,
        }
    }

    /// The vocabulary of an older protocol, which some readers still ask for.
    #[must_use]
    pub const fn legacy(self) -> &'static str {
        match self {
            Self::Created | Self::Submitted | Self::Delivered | Self::Acknowledged => "accepted",
            Self::InProgress => "running",
            Self::Waiting => "blocked",
            Self::Completed => "done",
            Self::Failed | Self::Canceled | Self::TimedOut => "failed",
        }
    }

    /// The event type that announces that an intent has come to this status.
    #[must_use]
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::Created => "intent.created",
            Self::Submitted => "intent.submitted",
            Self::Delivered => "intent.delivered",
            Self::Acknowledged => "intent.acknowledged",
            Self::InProgress => "intent.in_progress",
            Self::Waiting => "intent.waiting",
            Self::Completed => "intent.completed",
            Self::Failed => "intent.failed",
            Self::Canceled => "intent.canceled",
            Self::TimedOut => "intent.timed_out",
        }
    }
}

/// Announces that every attempt to hand an intent over was used up; its status is then FAILED.
pub const EVENT_DELIVERY_FAILED: &str = "intent.delivery_failed";

/// What handing an intent to its receiver does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// The first one: the intent becomes DELIVERED.
    First,
    /// One more, after the receiver came back with an old cursor; the status stays.
    Again,
    /// The attempts are used up: the intent fails.
    Exhausted,
}

/// What one more handover does to an intent that was handed over `attempts` times.
#[must_use]
pub const fn hand_over(attempts: u32, attempts_max: u32) -> Handover {
    if attempts == 0 {
        Handover::First
    } else if attempts < attempts_max {
        Handover::Again
    } else {
        Handover::Exhausted
    }
}

/// Whether `next` may be asked for by a party of an intent that stands at `current`. Parties may
/// end whatever has not ended; delivery and deadlines are the gateway's own.
#[must_use]
pub const fn may_become(current: Status, next: Status) -> bool {
    if current.is_terminal() {
        return false;
    }
    match next {
        Status::Completed | Status::Failed | Status::Canceled | Status::TimedOut => true,
        Status::InProgress => !matches!(current, Status::Created | Status::InProgress),
        Status::Waiting => !matches!(current, Status::Created | Status::Waiting),
        Status::Acknowledged => matches!(current, Status::Delivered),
        Status::Delivered => matches!(current, Status::Submitted),
        Status::Submitted => matches!(current, Status::Created),
        Status::Created => false,
    }
}

/// Whether `text` is an intent type: two or more dotted lower-case words and a version, such as
/// `intent.email.send.v1`.
#[must_use]
pub fn is_intent_type(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let Some((words, version)) = text.rsplit_once(".v") else { return false };
    text.len() <= 255
        && words.contains('.')
        && words.split('.').all(is_word)
        && !version.is_empty()
        && version.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_never_changes_again() {
        for ended in Status::ALL.into_iter().filter(|status| status.is_terminal()) {
            assert!(Status::ALL.into_iter().all(|next| !may_become(ended, next)));
        }
    }

    #[test]
    fn whatever_has_not_ended_can_be_ended() {
        for open in Status::ALL.into_iter().filter(|status| !status.is_terminal()) {
            assert!(may_become(open, Status::Completed) && may_become(open, Status::TimedOut));
        }
    }

    #[test]
    fn statuses_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{}\"", status.as_str()));
        }
        assert_eq!(Status::parse("CANCELLED"), None);
    }

    #[test]
    fn handovers_end_at_the_limit() {
        let seen: Vec<_> = (0..4).map(|attempts| hand_over(attempts, 3)).collect();
        assert_eq!(seen, [Handover::First, Handover::Again, Handover::Again, Handover::Exhausted]);
    }

    #[test]
    fn intent_types_follow_the_published_grammar() {
        assert!(is_intent_type("intent.email.send.v1") && is_intent_type("a.b.v22"));
        for bad in
            ["intent.v1", "intent.email", "Intent.email.v1", "a..b.v1", "a.b.v", ".a.v1", "a.b.v1x"]
        {
            assert!(!is_intent_type(bad), "{bad}");
        }
    }
}
