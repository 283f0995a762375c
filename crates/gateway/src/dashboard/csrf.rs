//! What proves that a form was made for this session: another site can have a browser send a form,
//! and cannot read this out of a page.

use axme_core::chain::Hash;
use axme_core::key::KeyDigest;

/// Names of the field and of the header that carry it.
pub(super) const FIELD: &str = "csrf";
pub(super) const HEADER: &str = "x-csrf-token";

/// The proof of one session. From it nobody can tell the session's secret.
#[derive(Clone)]
pub(crate) struct CsrfToken(String);

impl std::fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CsrfToken(…)")
    }
}

impl CsrfToken {
    pub(super) fn of(secret: &str) -> Self {
        Self(Hash::of_body(format!("axme dashboard form\n{secret}").as_bytes()).to_string())
    }

    /// As the forms of this session carry it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is it. Digests are compared, so that the time tells nothing about the text.
    pub(super) fn is(&self, shown: &str) -> bool {
        KeyDigest::of(shown) == KeyDigest::of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_session_has_its_own_and_none_holds_the_secret() {
        let (mine, other) = (CsrfToken::of("axme_ds_1"), CsrfToken::of("axme_ds_2"));
        assert!(mine.is(mine.as_str()) && !mine.is(other.as_str()) && !mine.is(""));
        assert!(!mine.as_str().contains("axme_ds_1"));
        assert!(!format!("{mine:?}").contains(mine.as_str()));
    }
}
