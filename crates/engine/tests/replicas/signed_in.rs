//! Sessions of the dashboard, wherever they are opened, used and ended.

use axme_core::command::{Command, NewKey};
use axme_core::key::KeyDigest;
use axme_core::refusal::Refusal;
use axme_core::role::{Role, Scope};
use axme_engine::Caller;
use axme_engine::chance::Chance;
use axme_engine::control::ControlError;
use axme_engine::sessions::{Browser, Opened};

use crate::shared_log::SharedLog;
use crate::world::Replica;

fn browser() -> Browser {
    Browser { client_address: None, request_id: "r".into(), user_agent: Some("Phone/1".into()) }
}

impl Replica {
    async fn follow(&self, token: &str) -> Result<Opened, ControlError> {
        self.engine.sessions.exchange(token, browser()).await
    }

    fn knows(&self, opened: &Opened) -> bool {
        self.engine.sessions.find(&opened.secret.token).is_some()
    }

    /// A key of a viewer, as this replica's callers show it.
    async fn viewer(&self) -> Caller {
        let at = self.engine.clock.wall();
        let key = Chance.key(at);
        let token = Chance.token(key, None);
        let new = NewKey {
            key,
            name: "viewer".into(),
            digest: token.digest,
            hint: token.hint,
            role: Role::Viewer,
            scope: Scope::Installation,
            home: self.home(),
            account: None,
            expires_at: None,
        };
        let order = self.owner.order(Chance.command(at), at, Command::CreateKey(new));
        self.engine.control.carry_out(order, None).await.unwrap();
        let key = self.engine.enforcer.key(&KeyDigest::of(&token.token)).unwrap();
        Caller { key, client_address: None, request_id: "r".into() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_taken_by_one_browser_whichever_replica_it_comes_to() {
    let log = SharedLog::new();
    let (one, two) = (Replica::start(&log, "one").await, Replica::start(&log, "two").await);
    let issued = one.engine.sessions.issue_token(&one.owner).await.unwrap();
    let token = &issued.token.token;
    let (here, there) = tokio::join!(one.follow(token), two.follow(token));
    let (opened, refused) = match (here, there) {
        (Ok(opened), refused) | (refused, Ok(opened)) => (opened, refused),
        neither => panic!("{neither:?}"),
    };
    assert!(matches!(refused, Err(ControlError::Refused(Refusal::TokenUsed))), "{refused:?}");
    assert!(one.knows(&opened) && two.knows(&opened), "known everywhere when the call returns");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_works_nowhere_when_the_call_returns() {
    let log = SharedLog::new();
    let (one, two) = (Replica::start(&log, "one").await, Replica::start(&log, "two").await);
    let ended = one.engine.sessions.sign_in(&one.owner.key, browser()).await.unwrap();
    let stays = two.engine.sessions.sign_in(&two.owner.key, browser()).await.unwrap();
    two.engine.sessions.end(&two.owner, ended.session.session_id).await.unwrap();
    for replica in [&one, &two] {
        assert!(!replica.knows(&ended) && replica.knows(&stays));
        assert!(!replica.engine.sessions.works(ended.session.session_id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_elsewhere_takes_its_sessions_with_it() {
    let log = SharedLog::new();
    let (one, two) = (Replica::start(&log, "one").await, Replica::start(&log, "two").await);
    let viewer = one.viewer().await;
    let opened = one.engine.sessions.sign_in(&viewer.key, browser()).await.unwrap();
    assert!(two.knows(&opened));
    let at = two.engine.clock.wall();
    let revoke = Command::RevokeKey { key: viewer.key.key_id };
    let order = two.owner.order(Chance.command(at), at, revoke);
    two.engine.control.carry_out(order, None).await.unwrap();
    assert!(!one.knows(&opened) && !two.knows(&opened));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_signed_in_stays_so_while_the_store_is_gone() {
    let log = SharedLog::new();
    let one = Replica::start(&log, "one").await;
    let opened = one.engine.sessions.sign_in(&one.owner.key, browser()).await.unwrap();
    one.line.cut(true);
    one.until(|one| !one.engine.enforcer.is_fresh()).await;
    assert!(one.knows(&opened));
    let refused = one.engine.sessions.issue_token(&one.owner).await;
    assert!(refused.is_err(), "and nobody new comes in: {refused:?}");
}
