//! Patterns of intent types.

use serde::{Deserialize, Serialize};

/// Longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 255;

/// A pattern of intent types: a type, in which each `*` stands for any run of characters, also of
/// none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Box<str>", into = "Box<str>")]
pub struct Pattern(Box<str>);

/// A text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    #[error("is empty")]
    Empty,
    #[error("is longer than {PATTERN_BYTES_MAX} bytes")]
    TooLong,
    #[error("has {0:?}: intent types are made of a-z, 0-9, _ and dots; * stands for anything")]
    Character(char),
}

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        if text.is_empty() {
            return Err(BadPattern::Empty);
        }
        if text.len() > PATTERN_BYTES_MAX {
            return Err(BadPattern::TooLong);
        }
        let known = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '.' | '*');
        match text.chars().find(|c| !known(*c)) {
            Some(stranger) => Err(BadPattern::Character(stranger)),
            None => Ok(Self(text.into())),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a type is one of those that this stands for.
    ///
    /// Takes the length of the type for each star at most: what lies between two stars is looked
    /// for where it comes first, and never looked for again.
    #[must_use]
    pub fn matches(&self, intent_type: &str) -> bool {
        let Some((head, starred)) = self.0.split_once('*') else {
            return *self.0 == *intent_type;
        };
        let Some(mut rest) = intent_type.strip_prefix(head) else { return false };
        let (middle, tail) = starred.rsplit_once('*').unwrap_or(("", starred));
        for part in middle.split('*') {
            let Some(at) = rest.find(part) else { return false };
            rest = rest.get(at + part.len()..).unwrap_or_default();
        }
        rest.ends_with(tail)
    }
}

impl TryFrom<Box<str>> for Pattern {
    type Error = BadPattern;

    fn try_from(text: Box<str>) -> Result<Self, BadPattern> {
        Self::parse(&text)
    }
}

impl From<Pattern> for Box<str> {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, intent_type: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(intent_type)
    }

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("intent.test.*", "intent.test.mail.v1"));
        assert!(!matches("intent.test.*", "intent.query.v1"));
        assert!(matches("*", "intent.query.v1"));
        assert!(matches("*.v1", "intent.query.v1") && !matches("*.v1", "intent.query.v11"));
        assert!(matches("intent.*.mail.*", "intent.a.mail.v1"));
        assert!(!matches("intent.*.mail.*", "intent.mail.v1"));
    }

    #[test]
    fn without_a_star_it_is_the_type_itself() {
        assert!(matches("intent.mail.v1", "intent.mail.v1"));
        assert!(!matches("intent.mail.v1", "intent.mail.v10"));
        assert!(!matches("mail.v1", "intent.mail.v1"));
    }

    #[test]
    fn the_parts_at_the_ends_do_not_overlap() {
        assert!(!matches("aba*ba", "aba"));
        assert!(matches("aba*ba", "ababa"));
        assert!(matches("a**b", "ab"));
    }

    #[test]
    fn what_no_type_can_have_is_refused() {
        assert_eq!(Pattern::parse(""), Err(BadPattern::Empty));
        assert_eq!(Pattern::parse("intent.Mail"), Err(BadPattern::Character('M')));
        assert_eq!(Pattern::parse("a b"), Err(BadPattern::Character(' ')));
        assert_eq!(Pattern::parse(&"a".repeat(256)), Err(BadPattern::TooLong));
    }

    /// By the definition, however long it takes.
    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|at| by_definition(rest, &text[at..])),
            Some((first, rest)) => text
                .split_first()
                .is_some_and(|(head, tail)| head == first && by_definition(rest, tail)),
        }
    }

    proptest! {
        #[test]
        fn it_matches_what_the_definition_says(pattern in "[ab*]{1,8}", text in "[ab]{0,10}") {
            let expected = by_definition(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(&pattern, &text), expected);
        }
    }
}
