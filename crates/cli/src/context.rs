//! What a verb is given: the flags, the environment, a place to write to.

use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::profiles::Profiles;
use crate::prompt;
use crate::settings::{self, Environment, GlobalFlags, Settings};

pub(crate) struct Context<'a> {
    pub(crate) flags: GlobalFlags,
    pub(crate) environment: &'a Environment,
    pub(crate) output: Output<'a>,
}

impl Context<'_> {
    /// Where to call and with which key, from flags, environment and profile.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let profiles = Profiles::load(&self.profiles_path()?)?;
        settings::resolve(&self.flags, self.environment, &profiles)
    }

    /// A client for verbs that need a key.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let settings = self.settings()?;
        if settings.key.is_none() {
            return Err(Failure::Usage(settings.missing_key()));
        }
        Client::new(settings)
    }

    pub(crate) fn profiles_path(&self) -> Result<std::path::PathBuf, Failure> {
        crate::profiles::path(self.environment.config_dir.as_deref())
    }

    /// Asks before something is done to several targets at once.
    ///
    /// Without a terminal there is nobody to ask: then `--yes` is required, so that a mistyped
    /// pattern in a script stops nothing.
    pub(crate) fn confirm(
        &mut self,
        verb: &str,
        nouns: &str,
        targets: &[String],
    ) -> Result<(), Failure> {
        if targets.len() < 2 || self.flags.yes {
            return Ok(());
        }
        let count = targets.len();
        if !prompt::stdin_is_terminal() {
            return Err(Failure::Usage(format!(
                "This would {verb} {count} {nouns}, and standard input is not a terminal to ask \
                 on. Add --yes if you mean it: {}",
                targets.join(", ")
            )));
        }
        for target in targets {
            self.output.note(format_args!("  {target}"))?;
        }
        self.output.ask(format_args!("{verb} these {count} {nouns}? [y/N] "))?;
        if prompt::read_yes()? {
            return Ok(());
        }
        Err(Failure::Failed { what: "Nothing was done.".to_owned(), next: String::new() })
    }
}
