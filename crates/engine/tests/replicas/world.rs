//! Engines at one shared log. Each has a ledger of its own: these stories are about control.

use std::sync::Arc;
use std::time::Duration;

use axme_core::address::Reference;
use axme_core::command::{Command, Kill, NewAccount, Resume, Target};
use axme_core::hold::{Mode, RunState};
use axme_core::id::{Revision, WorkspaceId};
use axme_core::lease::Lease;
use axme_core::state::State;
use axme_engine::bootstrap::{self, Begun, Bootstrap};
use axme_engine::chance::Chance;
use axme_engine::clock::Clock;
use axme_engine::control::{Carried, ControlError, KillOutcome, Killed, Wait};
use axme_engine::{Caller, Engine, EngineOptions, EngineParts};
use axme_store::ControlLog as _;
use axme_store::control::ReplicaProfile;
use axme_store::hint::Hint;
use axme_store::sqlite::{SqliteOptions, SqliteStore};

use crate::shared_log::{Line, SharedLog};

/// A key that all replicas are set up with.
const OWNER_KEY: &str = "an owner key that is the same for every replica";

/// One replica.
pub(crate) struct Replica {
    pub(crate) engine: Engine,
    pub(crate) line: Arc<Line>,
    pub(crate) owner: Caller,
    _folder: tempfile::TempDir,
}

impl Replica {
    /// A replica that has joined and serves.
    pub(crate) async fn start(log: &Arc<SharedLog>, name: &str) -> Self {
        Self::start_with(log.line(), name, Lease::DEFAULT).await
    }

    pub(crate) async fn start_with(line: Arc<Line>, name: &str, lease: Lease) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Arc::new(SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap());
        let replica =
            ReplicaProfile { replica_id: name.into(), region: None, version: "0".into(), lease };
        let clock = Clock::system();
        ledger.join(&replica, clock.wall()).await.unwrap();
        let parts = EngineParts {
            log: Arc::<Line>::clone(&line),
            ledger,
            clock: clock.clone(),
            replica,
            options: EngineOptions::default(),
        };
        let engine = Engine::start(parts).await.unwrap();
        let first = Bootstrap {
            organization: "myorg".into(),
            workspace: "production".into(),
            owner_key: Some(OWNER_KEY.to_owned()),
        };
        let begun = bootstrap::begin(&engine.control, &clock, &first).await.unwrap();
        assert!(matches!(begun, Begun::New { drawn: None } | Begun::Before));
        engine.control.fresh_within(Duration::from_secs(30)).await.unwrap();
        let digest = axme_core::key::KeyDigest::of(OWNER_KEY);
        let key = engine.enforcer.key(&digest).unwrap();
        let owner = Caller { key, client_address: None, request_id: "r".into() };
        Self { engine, line, owner, _folder: folder }
    }

    pub(crate) fn home(&self) -> WorkspaceId {
        self.owner.key.home
    }

    /// Registers an agent.
    pub(crate) async fn register(&self, name: &str) {
        while let Err(refused) = self.try_register(name).await {
            assert!(matches!(refused, ControlError::Fenced), "{refused}");
            self.engine.control.fresh_within(Duration::from_secs(30)).await.unwrap();
        }
    }

    async fn try_register(&self, name: &str) -> Result<Carried, ControlError> {
        let at = self.engine.clock.wall();
        let new = NewAccount {
            account: Chance.account(at),
            address: Chance.address(at),
            workspace: self.home(),
            name: name.into(),
            display_name: None,
            description: None,
        };
        let order = self.owner.order(Chance.command(at), at, Command::CreateAccount(new));
        self.engine.control.carry_out(order, None).await
    }

    /// Kills an agent; the kill has to be confirmed.
    pub(crate) async fn kill(&self, name: &str) -> Killed {
        match self.try_kill(name).await {
            Ok(KillOutcome::Confirmed(killed)) => *killed,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn try_kill(&self, name: &str) -> Result<KillOutcome, ControlError> {
        let at = self.engine.clock.wall();
        let kill = Chance.kill(at);
        let kill = Kill { kill, target: self.target(name), mode: Mode::Halt, reason: None };
        let order = self.owner.order(kill.kill.into(), at, Command::Kill(kill.clone()));
        self.engine.control.kill(order, &kill, None, Wait::Everyone).await
    }

    pub(crate) async fn resume(&self, name: &str, seen: Revision) -> Result<Carried, ControlError> {
        let at = self.engine.clock.wall();
        let resume = Resume { target: self.target(name), seen, reason: None };
        let order = self.owner.order(Chance.command(at), at, Command::Resume(resume));
        self.engine.control.carry_out(order, None).await
    }

    /// The run state of an agent as this replica decides by it.
    pub(crate) fn run_state(&self, name: &str) -> RunState {
        let address = self.engine.control.read(|state| state.address_in(self.home(), name));
        self.engine.enforcer.cell(self.home(), &address.unwrap()).unwrap().run_state()
    }

    pub(crate) fn revision(&self) -> Revision {
        self.engine.control.read(State::revision)
    }

    /// Tells this replica that the log may have grown.
    pub(crate) fn nudge(&self) {
        self.line.tell(Hint::Log);
    }

    /// Waits until `holds` does; a story that never comes to it ends with the test's own limit.
    pub(crate) async fn until(&self, holds: impl Fn(&Self) -> bool) {
        while !holds(self) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn target(&self, name: &str) -> Target {
        let reference = Reference::Name(name.into());
        Target::Agent { reference, home: self.home(), register_as: None }
    }
}
