//! Which types of intents an agent may send or receive.

use serde::{Deserialize, Serialize};

use super::Pattern;

/// Most patterns of one policy.
pub const PATTERNS_MAX: usize = 256;

/// Which way an intent goes, seen from the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Send,
    Receive,
}

impl Direction {
    pub const ALL: [Self; 2] = [Self::Send, Self::Receive];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.as_str() == text)
    }
}

/// What the patterns of a policy say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionMode {
    /// Every type is allowed; the patterns are kept for later.
    Open,
    /// Only what one of them matches. With none nothing is.
    Allowlist,
    /// Everything but what one of them matches.
    Denylist,
}

impl ActionMode {
    pub const ALL: [Self; 3] = [Self::Open, Self::Allowlist, Self::Denylist];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Allowlist => "allowlist",
            Self::Denylist => "denylist",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionPolicy {
    pub mode: ActionMode,
    pub patterns: Vec<Pattern>,
}

impl ActionPolicy {
    #[must_use]
    pub fn allows(&self, intent_type: &str) -> bool {
        let is_listed = || self.patterns.iter().any(|pattern| pattern.matches(intent_type));
        match self.mode {
            ActionMode::Open => true,
            ActionMode::Allowlist => is_listed(),
            ActionMode::Denylist => !is_listed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_says_what_a_match_means() {
        let of = |mode, patterns: &[&str]| ActionPolicy {
            mode,
            patterns: patterns.iter().map(|text| Pattern::parse(text).unwrap()).collect(),
        };
        let mail = "intent.mail.v1";
        assert!(of(ActionMode::Open, &["intent.mail.*"]).allows(mail));
        assert!(of(ActionMode::Allowlist, &["intent.a.*", "intent.mail.*"]).allows(mail));
        assert!(!of(ActionMode::Allowlist, &["intent.a.*"]).allows(mail));
        assert!(!of(ActionMode::Allowlist, &[]).allows(mail), "an empty list allows nothing");
        assert!(!of(ActionMode::Denylist, &["intent.mail.*"]).allows(mail));
        assert!(of(ActionMode::Denylist, &[]).allows(mail), "an empty list denies nothing");
    }
}
