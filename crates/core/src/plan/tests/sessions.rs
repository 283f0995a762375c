//! Signing in to the dashboard, and out of it.

use std::time::Duration;

use super::*;
use crate::command::{NewDashboardToken, NewSession};
use crate::id::{SessionId, TokenId};
use crate::refusal::Missing;
use crate::session::{SESSION_LIVES, SESSIONS_PER_KEY_MAX, TOKEN_LIVES, TOKENS_PER_KEY_MAX};

const NOON: Timestamp = Timestamp::from_micros(1_000_000_000);

fn token(byte: u8) -> TokenId {
    TokenId::from_bytes([byte; 16])
}

fn session(byte: u8) -> SessionId {
    SessionId::from_bytes([byte; 16])
}

impl Installation {
    fn issue(&mut self, at: Timestamp, actor: Actor, byte: u8) -> Result<Plan, Refusal> {
        let digest = KeyDigest::of(&token(byte).to_string());
        let new = NewDashboardToken { token: token(byte), digest };
        self.give_at(at, actor, Command::IssueDashboardToken(new))
    }

    fn open(
        &mut self,
        at: Timestamp,
        actor: Actor,
        byte: u8,
        with: Option<TokenId>,
    ) -> Result<Plan, Refusal> {
        let digest = KeyDigest::of(&session(byte).to_string());
        let new = NewSession { session: session(byte), digest, token: with, user_agent: None };
        self.give_at(at, actor, Command::OpenSession(new))
    }

    fn end(&mut self, actor: Actor, byte: u8) -> Result<Plan, Refusal> {
        self.give_at(NOON, actor, Command::EndSession { session: session(byte) })
    }

    fn sessions(&self) -> Vec<SessionId> {
        self.state.sessions().map(|session| session.session_id).collect()
    }
}

#[test]
fn a_token_opens_one_session_of_its_key() {
    let mut at = Installation::new();
    let owner = Actor::Key(OWNER);
    let viewer = at.key(20, Role::Viewer, workspace_scope());
    at.issue(NOON, viewer, 1).unwrap();
    let stolen = at.open(NOON, owner, 1, Some(token(1)));
    assert_eq!(stolen, Err(Refusal::TokenUsed), "it is of another key");
    at.open(NOON, viewer, 1, Some(token(1))).unwrap();
    assert_eq!(at.open(NOON, viewer, 2, Some(token(1))), Err(Refusal::TokenUsed));
    assert_eq!(at.open(NOON, viewer, 2, Some(token(9))), Err(Refusal::TokenUsed));
    let opened = at.state.session(session(1)).unwrap();
    assert_eq!((Actor::Key(opened.key), opened.expires_at), (viewer, NOON.plus(SESSION_LIVES)));
    let digest = KeyDigest::of(&session(1).to_string());
    assert_eq!(at.state.session_by_digest(&digest), Some(opened));
}

#[test]
fn a_token_ends_with_its_time() {
    let mut at = Installation::new();
    let owner = Actor::Key(OWNER);
    at.issue(NOON, owner, 1).unwrap();
    let late = NOON.plus(TOKEN_LIVES);
    assert_eq!(at.open(late, owner, 1, Some(token(1))), Err(Refusal::TokenUsed));
    let in_time = late.minus(Duration::from_micros(1));
    assert!(at.open(in_time, owner, 1, Some(token(1))).is_ok());
}

#[test]
fn links_that_nobody_uses_are_bounded_until_they_expire() {
    let mut at = Installation::new();
    let owner = Actor::Key(OWNER);
    let most = u8::try_from(TOKENS_PER_KEY_MAX).unwrap();
    for byte in 1..=most {
        at.issue(NOON, owner, byte).unwrap();
    }
    let refused = at.issue(NOON, owner, 99).unwrap_err();
    assert!(matches!(refused, Refusal::LimitReached { .. }), "{refused}");
    at.issue(NOON.plus(TOKEN_LIVES), owner, 99).unwrap();
    let waiting: Vec<_> = at.state.dashboard_tokens_of(OWNER).map(|one| one.token_id).collect();
    assert_eq!(waiting, [token(99)], "those that expired are forgotten");
}

#[test]
fn one_session_more_than_a_key_may_have_ends_the_oldest() {
    let mut at = Installation::new();
    let owner = Actor::Key(OWNER);
    let most = u8::try_from(SESSIONS_PER_KEY_MAX).unwrap();
    for byte in 1..=most + 1 {
        at.open(NOON.plus(Duration::from_secs(byte.into())), owner, byte, None).unwrap();
    }
    assert_eq!(at.sessions().len(), SESSIONS_PER_KEY_MAX);
    assert!(at.state.session(session(1)).is_none() && at.state.session(session(2)).is_some());
    let tomorrow = NOON.plus(SESSION_LIVES * 2);
    at.open(tomorrow, owner, 99, None).unwrap();
    assert_eq!(at.sessions(), [session(99)], "the others had lasted their time");
}

#[test]
fn what_a_key_opened_ends_with_the_key() {
    let mut at = Installation::new();
    let viewer = at.key(20, Role::Viewer, workspace_scope());
    at.open(NOON, viewer, 1, None).unwrap();
    at.issue(NOON, viewer, 2).unwrap();
    at.open(NOON, Actor::Key(OWNER), 3, None).unwrap();
    at.give(Actor::Key(OWNER), Command::RevokeKey { key: KeyId::from_bytes([20; 16]) }).unwrap();
    assert_eq!(at.sessions(), [session(3)]);
    assert_eq!(at.open(NOON, viewer, 4, Some(token(2))), Err(Refusal::KeyInvalid));
}

#[test]
fn a_key_that_expires_opens_nothing_that_lasts_longer() {
    let mut at = Installation::new();
    let end = NOON.plus(Duration::from_secs(60));
    let short = KeyId::from_bytes([20; 16]);
    let new = NewKey { expires_at: Some(end), ..new_key(short, Role::Operator, workspace_scope()) };
    at.give(Actor::Key(OWNER), Command::CreateKey(new)).unwrap();
    at.open(NOON, Actor::Key(short), 1, None).unwrap();
    at.issue(NOON, Actor::Key(short), 1).unwrap();
    assert_eq!(at.state.session(session(1)).unwrap().expires_at, end);
    assert_eq!(at.state.dashboard_token(token(1)).unwrap().expires_at, end);
}

#[test]
fn agents_and_the_machine_itself_do_not_sign_in() {
    let mut at = Installation::new();
    let account = at.agent(10, "mailer");
    let key = KeyId::from_bytes([21; 16]);
    let new = NewKey { account: Some(account), ..new_key(key, Role::Agent, workspace_scope()) };
    at.give(Actor::Key(OWNER), Command::CreateKey(new)).unwrap();
    let too_low = |refused| matches!(refused, Err(Refusal::RoleTooLow { .. }));
    assert!(too_low(at.issue(NOON, Actor::Key(key), 1)));
    assert!(too_low(at.open(NOON, Actor::Key(key), 1, None)));
    assert_eq!(at.open(NOON, Actor::Local, 1, None), Err(Refusal::KeyInvalid));
}

#[test]
fn a_session_is_ended_by_its_key_and_by_owners_of_its_scope() {
    let mut at = Installation::new();
    let viewer = at.key(20, Role::Viewer, workspace_scope());
    let operator = at.key(22, Role::Operator, workspace_scope());
    let local = at.key(23, Role::Owner, workspace_scope());
    let missing = Err(Refusal::NotFound(Missing::Session));
    at.open(NOON, viewer, 1, None).unwrap();
    at.open(NOON, Actor::Key(OWNER), 2, None).unwrap();
    assert_eq!(at.end(operator, 1), missing, "not there and not yours are one");
    assert_eq!(at.end(local, 2), missing, "that key reaches further than this owner");
    at.end(local, 1).unwrap();
    assert_eq!(at.end(viewer, 1), missing, "it has ended");
    at.end(Actor::Key(OWNER), 2).unwrap();
    assert_eq!(at.sessions(), []);
}
