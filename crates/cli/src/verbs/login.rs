//! `axme login`: try a key, then keep it.

use crate::client::{self, Client};
use crate::context::Context;
use crate::failure::Failure;
use crate::profiles::{Profile, Profiles};
use crate::settings::{self, ApiKey, Settings};
use crate::{prompt, wording};
use axme_api::keys::SelfAnswer;
use serde_json::json;

/// Sign in to a gateway: keep its URL and your key for later commands.
///
/// The key is read from a prompt, from standard input, or from --key-file. It is tried at the
/// gateway first, and kept in a file that only you can read, with the path of --ca-cert.
#[derive(Debug, clap::Args)]
pub(crate) struct Login {}

impl Login {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let path = context.profiles_path()?;
        let mut profiles = Profiles::load(&path)?;
        let settings = for_login(context, &profiles)?;
        let (name, url) = (settings.profile.clone(), settings.url.clone());
        if !url.is_encrypted() && !url.is_loopback() {
            context.output.note(format_args!(
                "warning: {url} is not encrypted; whoever sees the traffic sees your key."
            ))?;
        }
        let token = settings.key.as_ref().map(|key| key.token.clone()).unwrap_or_default();
        let ca_cert = settings.ca_cert.clone();
        let answer = Client::new(settings)?.get("/v1/keys/self", &json!({}))?;

        let profile = Profile { url: url.to_string(), key: token, ca_cert: ca_cert.clone() };
        profiles.profiles.insert(name.clone(), profile);
        profiles.current = Some(name.clone());
        profiles.save(&path)?;
        context.output.answer(&answer, |output| {
            let who = client::read::<SelfAnswer>(&answer)?;
            output.line(format_args!("Signed in to {url} as {}.", whose(&who)))?;
            output.line(format_args!("  profile  {name} in {}", path.display()))?;
            if let Some(ca_cert) = ca_cert {
                output.line(format_args!("  trusts   {}", ca_cert.display()))?;
            }
            output.line("  next     axme ps")
        })
    }
}

/// URL by the usual precedence, key from `--key-file` or typed.
///
/// A profile that does not exist yet is what login is for, so it is no error here. A key in the
/// environment is not kept: it is there for single commands.
fn for_login(context: &Context<'_>, profiles: &Profiles) -> Result<Settings, Failure> {
    let mut flags = context.flags.clone();
    let mut environment = context.environment.clone();
    let name = flags.profile.take().or_else(|| environment.profile.take());
    let name = name.unwrap_or_else(|| profiles.current_name().to_owned());
    // Without the keys of other profiles: none may be sent to a gateway it was not made for.
    let known = profiles.profiles.get(&name).cloned();
    let only_this = Profiles {
        current: Some(name.clone()),
        profiles: known.map(|profile| (name.clone(), profile)).into_iter().collect(),
    };
    environment.key = None;
    environment.key_file = None;
    let mut settings = settings::resolve(&flags, &environment, &only_this)?;
    settings.key = Some(match settings::given_key(&flags, &environment)? {
        Some(key) => key,
        None => ApiKey::new(&prompt::read_key()?, "what you typed")?,
    });
    settings.profile = name;
    Ok(settings)
}

/// `ops (operator of myorg/production)`.
pub(super) fn whose(who: &SelfAnswer) -> String {
    let key = &who.key;
    let role = wording::word(&key.role);
    if let Some(agent) = &who.agent {
        return format!("{} ({role} {})", key.name, agent.address);
    }
    let organization = who.organization.as_ref().map(|found| found.slug.as_str());
    let workspace = who.workspace.as_ref().map(|found| found.slug.as_str());
    let place: Vec<&str> = organization.into_iter().chain(workspace).collect();
    match place.join("/") {
        place if place.is_empty() => {
            format!("{} ({role}, {})", key.name, wording::word(&key.scope))
        }
        place => format!("{} ({role}, {} scope, in {place})", key.name, wording::word(&key.scope)),
    }
}
