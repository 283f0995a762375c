//! `axme logout`: forget a key.

use crate::context::Context;
use crate::failure::Failure;
use crate::profiles::Profiles;
use serde_json::json;

/// Forget a gateway and its key.
///
/// The key itself stays valid: revoke it with `axme keys revoke`.
#[derive(Debug, clap::Args)]
pub(crate) struct Logout {}

impl Logout {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let path = context.profiles_path()?;
        let mut profiles = Profiles::load(&path)?;
        let named = context.flags.profile.as_ref().or(context.environment.profile.as_ref());
        let name = named.map_or_else(|| profiles.current_name(), String::as_str).to_owned();
        let Some(profile) = profiles.profiles.remove(&name) else {
            return Err(Failure::Usage(format!("No profile `{name}` in {}.", path.display())));
        };
        // No other profile takes its place: the next kill must not go to another gateway unasked.
        profiles.current = profiles.current.filter(|current| *current != name);
        profiles.save(&path)?;
        let answer = json!({"ok": true, "profile": name, "url": profile.url});
        context.output.answer(&answer, |output| {
            output.line(format_args!("Forgot the key for {} (profile {name}).", profile.url))?;
            output.line("The key is still valid; `axme keys revoke KEY_ID` ends it.")
        })
    }
}
