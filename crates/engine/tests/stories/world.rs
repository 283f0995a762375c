//! An engine on SQLite in a temporary folder, with two agents.

use std::sync::Arc;
use std::time::Duration;

use axme_core::address::Reference;
use axme_core::chain::Hash;
use axme_core::command::{Command, Kill, NewAccount, NewKey, Resume, Target};
use axme_core::hold::Mode;
use axme_core::id::{KillId, Revision, WorkspaceId};
use axme_core::key::KeyDigest;
use axme_core::lease::Lease;
use axme_core::role::{Role, Scope};
use axme_engine::bootstrap::{self, Begun, Bootstrap};
use axme_engine::chance::Chance;
use axme_engine::clock::Clock;
use axme_engine::control::{Carried, ControlError, KillOutcome, Wait};
use axme_engine::enforcer::Cell;
use axme_engine::intents::{
    Created, Delivery, DeliveryRequest, DeliveryStream, IntentError, IntentRequest,
};
use axme_engine::{Caller, Engine, EngineOptions, EngineParts};
use axme_store::control::{IdempotencyKey, ReplicaProfile};
use axme_store::faults::Faulty;
use axme_store::ledger::QueueQuery;
use axme_store::sqlite::{SqliteOptions, SqliteStore};
use tokio_util::sync::CancellationToken;

/// See the module.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<Faulty>,
    pub(crate) operator: Caller,
    pub(crate) campaign: Caller,
    pub(crate) mailer: Caller,
    connection: CancellationToken,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap();
        let store = Arc::new(Faulty::new(&Arc::new(sqlite)));
        let engine = start(&store).await;
        let first = Bootstrap {
            organization: "myorg".into(),
            workspace: "production".into(),
            owner_key: None,
        };
        let begun = bootstrap::begin(&engine.control, &engine.clock, &first).await.unwrap();
        let Begun::New { drawn: Some(owner) } = begun else { panic!("the store is new") };
        let operator = caller(&engine, &owner.digest);
        let campaign = agent(&engine, &operator, "email-campaign").await;
        let mailer = agent(&engine, &operator, "mailer").await;
        let connection = CancellationToken::new();
        Self { engine, store, operator, campaign, mailer, connection, _folder: folder }
    }

    /// Ends the engine and begins another one at the same store.
    pub(crate) async fn restart(self) -> Self {
        self.engine.stop().await;
        let engine = start(&self.store).await;
        let again = |caller: &Caller| {
            let digest = self
                .engine
                .control
                .read(|state| state.key(caller.key.key_id).map(|key| key.digest));
            self::caller(&engine, &digest.unwrap())
        };
        let [operator, campaign, mailer] =
            [again(&self.operator), again(&self.campaign), again(&self.mailer)];
        Self { operator, campaign, mailer, engine, ..self }
    }

    pub(crate) fn home(&self) -> WorkspaceId {
        self.operator.key.home
    }

    /// Sends e-mail `n` from the campaign to the mailer.
    pub(crate) async fn send(&self, n: u32) -> Result<Created, IntentError> {
        self.send_as(&self.campaign, n).await
    }

    /// Sends e-mail `n` from an agent to the mailer.
    pub(crate) async fn send_as(&self, from: &Caller, n: u32) -> Result<Created, IntentError> {
        let sender = self.engine.intents.sender(from, None)?;
        let request = IntentRequest {
            to: self.mailer.agent().unwrap().address.to_string(),
            intent_type: "intent.email.send.v1".into(),
            correlation_id: "c".into(),
            payload: format!("{{\"n\":{n}}}").into(),
            extras: "{}".into(),
            deadline_at: None,
            delivery_attempts_max: 3,
            idempotency: None,
        };
        self.engine.intents.create(from, sender, request).await
    }

    /// Kills an agent and answers what came of it.
    pub(crate) async fn kill(&self, agent: &Caller) -> KillOutcome {
        let kill = self.kill_of(agent);
        self.give_kill(&kill, None).await.unwrap()
    }

    pub(crate) fn kill_of(&self, agent: &Caller) -> Kill {
        let kill = Chance.kill(self.engine.clock.wall());
        Kill { kill, target: self.target(agent), mode: Mode::Halt, reason: None }
    }

    pub(crate) async fn give_kill(
        &self,
        kill: &Kill,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<KillOutcome, ControlError> {
        let command = Command::Kill(kill.clone());
        let order = self.operator.order(kill.kill.into(), self.engine.clock.wall(), command);
        self.engine.control.kill(order, kill, idempotency, Wait::Everyone).await
    }

    /// Resumes an agent as the operator sees it now, and requeues what was held.
    pub(crate) async fn resume(&self, agent: &Caller) -> Result<Carried, ControlError> {
        let seen = self.engine.control.read(axme_core::state::State::revision);
        let carried = self.resume_seeing(agent, seen).await?;
        let revision = self.engine.control.read(axme_core::state::State::revision);
        self.engine.requeue(revision);
        Ok(carried)
    }

    pub(crate) async fn resume_seeing(
        &self,
        agent: &Caller,
        seen: Revision,
    ) -> Result<Carried, ControlError> {
        let at = self.engine.clock.wall();
        let resume = Resume { target: self.target(agent), seen, reason: None };
        let order = self.operator.order(Chance.command(at), at, Command::Resume(resume));
        self.engine.control.carry_out(order, None).await
    }

    /// Opens the mailer's delivery stream.
    pub(crate) fn listen(&self, since: u64) -> Result<DeliveryStream, IntentError> {
        let request = DeliveryRequest {
            since,
            wait: Duration::from_secs(30),
            statuses: Vec::new(),
            connection: self.connection.clone(),
        };
        let receiver = self.mailer.agent().unwrap();
        self.engine.intents.deliver(&self.mailer, receiver, request)
    }

    /// Cancelled when the connection under the streams is cut.
    pub(crate) fn cut_connection(&self) -> &CancellationToken {
        &self.connection
    }

    pub(crate) async fn is_logged(&self, kill: KillId) -> bool {
        self.engine.control.log().find(kill.into()).await.unwrap().is_some()
    }

    fn target(&self, agent: &Caller) -> Target {
        let address = agent.agent().unwrap().address.clone();
        Target::Agent {
            reference: Reference::Address(address),
            home: self.home(),
            register_as: None,
        }
    }
}

/// The numbers of the e-mails that a stream hands over before it ends, and its last cursor.
pub(crate) async fn delivered(stream: &mut DeliveryStream) -> (Vec<u32>, u64) {
    let (mut numbers, mut since) = (Vec::new(), 0);
    while let Some(delivery) = stream.next().await {
        match delivery {
            Delivery::Intent(intent) => {
                let number = intent.payload.trim_matches(|c: char| !c.is_ascii_digit());
                numbers.push(number.parse().unwrap());
                since = intent.cursor;
            }
            Delivery::KeepAlive | Delivery::End { .. } => {}
        }
    }
    (numbers, since)
}

/// The last cursor in the mailer's queue.
pub(crate) async fn cursor_of_last(world: &World) -> u64 {
    let receiver = world.mailer.agent().unwrap();
    let query = QueueQuery {
        workspace_id: receiver.workspace_id,
        receiver: receiver.address.clone(),
        since: 0,
        statuses: Vec::new(),
        rows_max: 100,
    };
    world.engine.ledger.queue(query).await.unwrap().last().unwrap().cursor
}

pub(crate) fn cell(caller: &Caller) -> &Arc<Cell> {
    caller.agent().unwrap()
}

pub(crate) fn idempotency(key: &str) -> IdempotencyKey {
    IdempotencyKey {
        sender: "owner".into(),
        endpoint: "kill".into(),
        key: key.into(),
        request: Hash::of_body(b"{}"),
    }
}

async fn start(store: &Arc<Faulty>) -> Engine {
    let parts = EngineParts {
        log: Arc::<Faulty>::clone(store),
        ledger: Arc::<Faulty>::clone(store),
        clock: Clock::system(),
        replica: ReplicaProfile {
            replica_id: "here".into(),
            region: None,
            version: "0".into(),
            lease: Lease::DEFAULT,
        },
        options: EngineOptions::default(),
    };
    Engine::start(parts).await.unwrap()
}

fn caller(engine: &Engine, digest: &KeyDigest) -> Caller {
    let key = engine.enforcer.key(digest).unwrap();
    Caller { key, client_address: None, request_id: "r".into() }
}

async fn agent(engine: &Engine, operator: &Caller, name: &str) -> Caller {
    let at = engine.clock.wall();
    let home = operator.key.home;
    let (account, key) = (Chance.account(at), Chance.key(at));
    let new = NewAccount {
        account,
        address: Chance.address(at),
        workspace: home,
        name: name.into(),
        display_name: None,
        description: None,
    };
    give(engine, operator, Command::CreateAccount(new)).await;
    let drawn = Chance.token(key, Some(account));
    let scope = engine.control.read(|state| state.workspace(home).unwrap().scope());
    let Scope::Workspace { .. } = scope else { panic!("a workspace has its own scope") };
    let new = NewKey {
        key,
        name: name.into(),
        digest: drawn.digest,
        hint: drawn.hint,
        role: Role::Agent,
        scope,
        home,
        account: Some(account),
        expires_at: None,
    };
    give(engine, operator, Command::CreateKey(new)).await;
    caller(engine, &drawn.digest)
}

async fn give(engine: &Engine, operator: &Caller, command: Command) {
    let at = engine.clock.wall();
    let order = operator.order(Chance.command(at), at, command);
    engine.control.carry_out(order, None).await.unwrap();
}
