//! Who is signed in to the dashboard.
//!
//! A session is an entry of the control log and a secret in a browser. It can do what its key can,
//! and is looked up in the folded state with every request, its key too: what has been ended or
//! revoked works nowhere from the moment on at which the order for it was answered.

mod uses;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axme_core::command::{Actor, Command, NewDashboardToken, NewSession, Order, Origin};
use axme_core::id::{SessionId, TokenId};
use axme_core::key::{Key, KeyDigest};
use axme_core::refusal::Refusal;
use axme_core::session::{SESSIONS_MAX, Session, TOKEN_LIVES, shown_user_agent};
use axme_core::time::Timestamp;

use crate::caller::Caller;
use crate::chance::{Chance, NewToken};
use crate::clock::Clock;
use crate::control::{Carried, Control, ControlError};
use crate::enforcer::{Enforcer, KeyCell};
use uses::Uses;

/// How the secret of a session begins.
const SESSION_PREFIX: &str = "axme_ds_";
/// How a one-time token begins.
const TOKEN_PREFIX: &str = "axme_dt_";
/// Longer than every secret that is drawn here; what is longer is not looked up.
const SECRET_BYTES_MAX: usize = 128;

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sessions {
    control: Arc<Control>,
    enforcer: Arc<Enforcer>,
    clock: Clock,
    uses: Arc<Uses>,
}

/// A browser that asks to be signed in.
#[derive(Clone, Debug)]
pub struct Browser {
    pub client_address: Option<IpAddr>,
    pub request_id: Box<str>,
    /// What it calls itself.
    pub user_agent: Option<Box<str>>,
}

/// A session that was just opened.
#[derive(Debug)]
pub struct Opened {
    pub session: Session,
    pub secret: NewToken,
}

/// A one-time token that was just made.
#[derive(Debug)]
pub struct Issued {
    pub token: NewToken,
    /// How long it waits to be used.
    pub lives: Duration,
}

/// A session that works, and the key that it is good for.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub session: Session,
    pub key: Arc<KeyCell>,
    pub last_used: Timestamp,
}

/// A session as its manager sees it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub session: Session,
    pub opener: Key,
    pub last_used: Timestamp,
}

impl Sessions {
    pub(crate) fn new(control: Arc<Control>, enforcer: Arc<Enforcer>, clock: Clock) -> Self {
        Self { control, enforcer, clock, uses: Arc::default() }
    }

    /// Makes a token that opens one session of the caller's key.
    pub async fn issue_token(&self, caller: &Caller) -> Result<Issued, ControlError> {
        let at = self.clock.wall();
        let token = Chance.secret(TOKEN_PREFIX);
        let id = Chance.dashboard_token(at);
        let new = NewDashboardToken { token: id, digest: token.digest };
        let order = caller.order(Chance.command(at), at, Command::IssueDashboardToken(new));
        self.control.carry_out(order, None).await?;
        let issued = self.control.read(|state| state.dashboard_token(id).map(|it| it.expires_at));
        // It may have been taken, or ended with its key, in between.
        Ok(Issued { token, lives: issued.map_or(TOKEN_LIVES, |end| end.since(at)) })
    }

    /// Opens a session with a one-time token, which works for nobody afterwards.
    pub async fn exchange(&self, token: &str, browser: Browser) -> Result<Opened, ControlError> {
        let digest = digest_of(token, TOKEN_PREFIX).ok_or(Refusal::TokenUsed)?;
        let found = self.control.read(|state| {
            let found = state.dashboard_token_by_digest(&digest)?;
            Some((found.token_id, found.key))
        });
        let (token, key) = found.ok_or(Refusal::TokenUsed)?;
        self.open(Actor::Key(key), Some(token), browser).await
    }

    /// Opens a session for somebody who has shown a key that works.
    pub async fn sign_in(&self, key: &KeyCell, browser: Browser) -> Result<Opened, ControlError> {
        self.open(Actor::Key(key.key_id), None, browser).await
    }

    async fn open(
        &self,
        actor: Actor,
        token: Option<TokenId>,
        browser: Browser,
    ) -> Result<Opened, ControlError> {
        let Browser { client_address, request_id, user_agent } = browser;
        let at = self.clock.wall();
        let secret = Chance.secret(SESSION_PREFIX);
        let new = NewSession {
            session: Chance.session(at),
            digest: secret.digest,
            token,
            user_agent: user_agent.as_deref().and_then(shown_user_agent),
        };
        let order = Order {
            command_id: Chance.command(at),
            actor,
            at,
            origin: Origin { client_address, request_id: Some(request_id) },
            command: Command::OpenSession(new),
        };
        self.control.carry_out(order, None).await?;
        let opened = self.control.read(|state| state.session_by_digest(&secret.digest).cloned());
        let session = opened.ok_or(Refusal::KeyInvalid)?;
        Ok(Opened { session, secret })
    }

    /// The session of a secret, if it works and its key does.
    #[must_use]
    pub fn find(&self, secret: &str) -> Option<SignedIn> {
        let digest = digest_of(secret, SESSION_PREFIX)?;
        let (session, key) = self.control.read(|state| {
            let session = state.session_by_digest(&digest)?;
            Some((session.clone(), state.key(session.key)?.digest))
        })?;
        self.working(session, &key)
    }

    /// Whether a session works that was found before.
    #[must_use]
    pub fn works(&self, id: SessionId) -> bool {
        let found = self.control.read(|state| {
            let session = state.session(id)?;
            Some((session.clone(), state.key(session.key)?.digest))
        });
        found.and_then(|(session, key)| self.working(session, &key)).is_some()
    }

    fn working(&self, session: Session, key: &KeyDigest) -> Option<SignedIn> {
        let now = self.clock.wall();
        let last_used = self.uses.last(&session);
        let key = self.enforcer.key(key).filter(|key| key.works(now))?;
        (!session.is_over(last_used, now)).then_some(SignedIn { session, key, last_used })
    }

    /// Notes that somebody uses a session, so that it is not taken for left alone.
    pub fn touch(&self, signed_in: &SignedIn) {
        let now = self.clock.wall();
        signed_in.key.touch(now);
        if self.uses.touch(signed_in.session.session_id, now) > SESSIONS_MAX {
            self.control.read(|state| self.uses.keep(|id| state.session(id).is_some()));
        }
    }

    /// Takes up when sessions were used before a restart, and at other replicas.
    pub(crate) fn take_over(&self, used: &[(SessionId, Timestamp)]) {
        self.uses.take_over(used);
    }

    /// Uses that are not written yet.
    pub(crate) fn unsaved(&self) -> Vec<(SessionId, Timestamp)> {
        self.uses.unsaved()
    }

    /// Notes that uses are written.
    pub(crate) fn mark_saved(&self, saved: &[(SessionId, Timestamp)]) {
        self.uses.mark_saved(saved);
    }

    /// The sessions that the caller may see and end, the newest first.
    #[must_use]
    pub fn managed_by(&self, caller: &Caller) -> Vec<Listed> {
        let now = self.clock.wall();
        let mut listed: Vec<_> = self
            .control
            .read(|state| {
                let Some(who) = state.key(caller.key.key_id) else { return Vec::new() };
                let pairs = state.sessions().filter_map(|session| {
                    let opener = state.key(session.key)?;
                    session.is_managed_by(who, opener).then(|| (session.clone(), opener.clone()))
                });
                pairs.collect()
            })
            .into_iter()
            .map(|(session, opener)| Listed {
                last_used: self.uses.last(&session),
                session,
                opener,
            })
            .filter(|one| !one.session.is_over(one.last_used, now))
            .collect();
        listed
            .sort_by_key(|one| std::cmp::Reverse((one.session.opened_at, one.session.session_id)));
        listed
    }

    /// Ends a session, everywhere.
    pub async fn end(&self, caller: &Caller, session: SessionId) -> Result<(), ControlError> {
        let at = self.clock.wall();
        let order = caller.order(Chance.command(at), at, Command::EndSession { session });
        match self.control.carry_out(order, None).await? {
            Carried::Entry { .. } | Carried::Nothing => Ok(()),
        }
    }
}

/// The digest of a secret, unless it cannot be one that was drawn here.
fn digest_of(secret: &str, prefix: &str) -> Option<KeyDigest> {
    let fits = secret.len() <= SECRET_BYTES_MAX && secret.starts_with(prefix);
    fits.then(|| KeyDigest::of(secret))
}
