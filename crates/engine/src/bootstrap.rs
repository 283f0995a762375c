//! The first start: one organization, one workspace, one owner key. And a preset owner key later.

use std::sync::Arc;

use axme_core::command::{
    Actor, Bootstrap as NewInstallation, Command, NewKey, NewOrganization, NewWorkspace, Order,
    Origin,
};
use axme_core::id::{KeyId, WorkspaceId};
use axme_core::key::KeyDigest;
use axme_core::refusal::Refusal;
use axme_core::role::{Role, Scope};
use axme_core::tenancy::{OrganizationProfile, WorkspaceProfile};
use axme_core::time::Timestamp;

use crate::chance::{Chance, NewToken, hint_of};
use crate::clock::Clock;
use crate::control::{Carried, Control, ControlError};

/// Fewest characters of a preset owner key.
pub const OWNER_KEY_CHARS_MIN: usize = 32;

/// How an installation begins.
#[derive(Clone)]
pub struct Bootstrap {
    pub organization: String,
    pub workspace: String,
    /// The owner key to use instead of a drawn one.
    pub owner_key: Option<String>,
}

impl std::fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bootstrap")
            .field("organization", &self.organization)
            .field("workspace", &self.workspace)
            .finish_non_exhaustive()
    }
}

/// What a start found or made.
#[derive(Debug)]
pub enum Begun {
    /// The installation is new; a drawn owner key is handed out this once.
    New { drawn: Option<NewToken> },
    /// It was there already.
    Before,
    /// It was there, and the preset owner key has changed.
    OwnerReplaced,
}

/// Sets up a new installation, or puts a changed preset owner key in place.
pub async fn begin(
    control: &Arc<Control>,
    clock: &Clock,
    bootstrap: &Bootstrap,
) -> Result<Begun, ControlError> {
    let at = clock.wall();
    let home = control.read(|state| state.workspaces().next().map(|first| first.workspace_id));
    match (home, &bootstrap.owner_key) {
        (None, _) => set_up(control, at, bootstrap).await,
        (Some(_), None) => Ok(Begun::Before),
        (Some(home), Some(preset)) => {
            let replace = Command::ReplaceOwnerKey(owner(at, home, preset_token(preset)));
            match control.carry_out(order(at, replace), None).await? {
                Carried::Nothing => Ok(Begun::Before),
                Carried::Entry { .. } => Ok(Begun::OwnerReplaced),
            }
        }
    }
}

async fn set_up(
    control: &Arc<Control>,
    at: Timestamp,
    bootstrap: &Bootstrap,
) -> Result<Begun, ControlError> {
    let (org, workspace) = (Chance.org(at), Chance.workspace(at));
    let key_id = Chance.key(at);
    let drawn = bootstrap.owner_key.is_none().then(|| Chance.token(key_id, None));
    let (digest, hint) = match (&drawn, &bootstrap.owner_key) {
        (Some(token), _) => (token.digest, token.hint.clone()),
        (None, preset) => preset_token(preset.as_deref().unwrap_or_default()),
    };
    let command = Command::Bootstrap(Box::new(NewInstallation {
        organization: NewOrganization {
            org,
            slug: bootstrap.organization.as_str().into(),
            profile: OrganizationProfile {
                name: bootstrap.organization.clone(),
                status: "active".into(),
                ..OrganizationProfile::default()
            },
        },
        workspace: NewWorkspace {
            workspace,
            org,
            slug: bootstrap.workspace.as_str().into(),
            profile: WorkspaceProfile {
                name: bootstrap.workspace.clone(),
                environment: "production".into(),
                status: "active".into(),
                ..WorkspaceProfile::default()
            },
        },
        owner: NewKey { key: key_id, ..owner(at, workspace, (digest, hint)) },
    }));
    match control.carry_out(order(at, command), None).await {
        Ok(_) => Ok(Begun::New { drawn }),
        // Another replica was first.
        Err(ControlError::Refused(Refusal::AlreadySetUp)) => Ok(Begun::Before),
        Err(error) => Err(error),
    }
}

fn owner(at: Timestamp, home: WorkspaceId, (digest, hint): (KeyDigest, Box<str>)) -> NewKey {
    let key: KeyId = Chance.key(at);
    NewKey {
        key,
        name: "owner".into(),
        digest,
        hint,
        role: Role::Owner,
        scope: Scope::Installation,
        home,
        account: None,
        expires_at: None,
    }
}

fn preset_token(token: &str) -> (KeyDigest, Box<str>) {
    (KeyDigest::of(token), hint_of(token))
}

fn order(at: Timestamp, command: Command) -> Order {
    let command_id = Chance.command(at);
    Order { command_id, actor: Actor::Gateway, at, origin: Origin::default(), command }
}
