//! The sessions and one-time tokens of a state.
//!
//! They end by entries, and by time: whatever has expired by the time of an entry that signs
//! somebody in is forgotten with it, on every replica the same. Until then it is found, and whoever
//! finds it looks at its end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{KeyId, SessionId, TokenId};
use crate::key::KeyDigest;
use crate::session::{DashboardToken, Session};
use crate::state::State;
use crate::time::Timestamp;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sessions {
    open: BTreeMap<SessionId, Session>,
    tokens: BTreeMap<TokenId, DashboardToken>,
}

impl Sessions {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.tokens.is_empty()
    }

    pub(super) fn each_session(&self, visit: impl FnMut(&Session)) {
        self.open.values().for_each(visit);
    }

    pub(super) fn each_token(&self, visit: impl FnMut(&DashboardToken)) {
        self.tokens.values().for_each(visit);
    }
}

impl State {
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.open.get(&id)
    }

    #[must_use]
    pub fn session_by_digest(&self, digest: &KeyDigest) -> Option<&Session> {
        self.session(*self.index.session_digests.get(digest)?)
    }

    /// Every session, the oldest first; some may have expired.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = &Session> {
        self.sessions.open.values()
    }

    pub fn sessions_of(&self, key: KeyId) -> impl Iterator<Item = &Session> {
        self.sessions().filter(move |session| session.key == key)
    }

    #[must_use]
    pub fn dashboard_token(&self, id: TokenId) -> Option<&DashboardToken> {
        self.sessions.tokens.get(&id)
    }

    #[must_use]
    pub fn dashboard_token_by_digest(&self, digest: &KeyDigest) -> Option<&DashboardToken> {
        self.dashboard_token(*self.index.dashboard_token_digests.get(digest)?)
    }

    /// The tokens of a key that wait to be used; some may have expired.
    pub fn dashboard_tokens_of(&self, key: KeyId) -> impl Iterator<Item = &DashboardToken> {
        self.sessions.tokens.values().filter(move |token| token.key == key)
    }

    pub(super) fn put_dashboard_token(&mut self, token: &DashboardToken, at: Timestamp) {
        self.forget_signed_in(|_, expires_at| expires_at <= at);
        self.index.put_dashboard_token(token);
        self.sessions.tokens.insert(token.token_id, token.clone());
    }

    pub(super) fn open_session(
        &mut self,
        session: &Session,
        token: Option<TokenId>,
        at: Timestamp,
    ) {
        self.forget_signed_in(|_, expires_at| expires_at <= at);
        if let Some(used) = token.and_then(|token| self.sessions.tokens.remove(&token)) {
            self.index.dashboard_token_digests.remove(&used.digest);
        }
        self.index.put_session(session);
        self.sessions.open.insert(session.session_id, session.clone());
    }

    pub(super) fn end_session(&mut self, id: SessionId) {
        if let Some(ended) = self.sessions.open.remove(&id) {
            self.index.session_digests.remove(&ended.digest);
        }
    }

    /// Ends everything that a key has opened, or could open with a token.
    pub(super) fn end_sessions_of(&mut self, key: KeyId) {
        self.forget_signed_in(|opener, _| opener == key);
    }

    /// Forgets sessions and tokens by their key and end.
    fn forget_signed_in(&mut self, is_over: impl Fn(KeyId, Timestamp) -> bool) {
        let Self { sessions, index, .. } = self;
        sessions.open.retain(|_, session| {
            let over = is_over(session.key, session.expires_at);
            if over {
                index.session_digests.remove(&session.digest);
            }
            !over
        });
        sessions.tokens.retain(|_, token| {
            let over = is_over(token.key, token.expires_at);
            if over {
                index.dashboard_token_digests.remove(&token.digest);
            }
            !over
        });
    }
}
