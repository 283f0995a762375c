//! `axme demo`: the whole story on this machine, with a gateway of its own.
//!
//! A campaign agent in three instances sends e-mails through the gateway to a mailer, which writes
//! them into a spool on disk. An order stops the campaign, a resume lets it go on, and at the end
//! the spool is counted and compared with what the gateway counted.

mod agents;
mod campaign;
mod ending;
mod figures;
mod frames;
mod gateway;
mod instances;
mod interpreter;
mod mailer;
mod operator;
mod page;
mod processes;
mod screen;
mod spool;
mod stop;
mod story;
mod threads;

use crate::context::Context;
use crate::failure::Failure;
use crate::runtime;
use agents::Agents;
use campaign::Campaign;
use ending::Ending;
use figures::{Counted, Figures};
use gateway::Gateway;
use instances::Instances;
use interpreter::Interpreter;
use mailer::Mailer;
use operator::Operator;
use page::Page;
use screen::Screen;
use serde_json::Value;
use spool::Spool;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use story::{Outcome, Story};
use tempfile::TempDir;

/// Emails of a demo when nobody asks for another number, and at most.
const EMAILS_COUNT_DEFAULT: u64 = 50_000;
const EMAILS_COUNT_MAX: u64 = 10_000_000;

/// See the whole story: a campaign is stopped in the middle and goes on, with nothing lost
///
/// Starts a gateway on a free port with a temporary data folder. Three instances of one agent send
/// e-mails as intents to a mailer, which writes each into a spool on disk. The page that is shown
/// says how to stop them from another terminal.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Kill after an eighth of the e-mails, look for a moment, resume
    #[arg(long)]
    auto: bool,
    /// How many e-mails the campaign sends
    #[arg(
        long,
        value_name = "N",
        default_value_t = EMAILS_COUNT_DEFAULT,
        value_parser = clap::value_parser!(u64).range(1..=EMAILS_COUNT_MAX)
    )]
    emails: u64,
    /// Leave the temporary folder, with the store and the spool, where it is
    #[arg(long)]
    keep: bool,
    /// Run the instances as three Python processes with the SDK, with this interpreter (that of the
    /// active virtual environment when none is named, else python3)
    #[arg(long, value_name = "INTERPRETER", num_args = 0..=1)]
    python: Option<Option<PathBuf>>,
}

impl Demo {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        if std::env::var_os("AXME_LOG").is_some() {
            runtime::log_to_stderr();
        }
        let named = self.python.as_ref().map(Option::as_deref);
        let interpreter = named.map(Interpreter::find).transpose()?;
        let mut folder = tempfile::Builder::new()
            .prefix("axme-demo-")
            .tempdir()
            .map_err(|error| Failure::local("cannot make a temporary folder", error, ""))?;
        folder.disable_cleanup(self.keep);
        let played = self.play(context, &folder, interpreter.as_ref());
        if self.keep {
            context.output.note(format_args!("The folder is {}", folder.path().display()))?;
        }
        played
    }

    fn play(
        &self,
        context: &mut Context<'_>,
        folder: &TempDir,
        python: Option<&Interpreter>,
    ) -> Result<(), Failure> {
        let ending = Arc::new(Ending::default());
        let gateway = Gateway::start(folder.path(), Arc::clone(&ending))?;
        let operator = Operator::new(&gateway.url, &gateway.owner_key)?;
        let agents = Agents::create(&operator, &gateway.url)?;
        let spool = Spool::create(&folder.path().join("spool"))?;
        let instances = Instances::prepare(python, folder.path(), &agents.campaign, self.emails)?;
        let page = Page::of(&gateway, &spool, &instances, self.emails)?;
        context.output.note(&page)?;
        let screen = Screen::open(&mut context.output, instances.names(), self.emails)?;
        let told = self.tell(&operator, (&agents, &instances), &spool, &ending, screen);
        gateway.stop();
        let told = told?;
        let Some(figures) = told else {
            let what = "The demo was ended early; nothing was counted.".to_owned();
            return match context.flags.json {
                true => Err(Failure::Failed { what, next: String::new() }),
                false => context.output.line(what),
            };
        };
        let value = serde_json::to_value(&figures).unwrap_or(Value::Null);
        context.output.answer(&value, |output| output.line(&figures))?;
        figures.verdict()
    }

    /// Runs everybody to the end of the story. No figures when it was ended early.
    fn tell(
        &self,
        operator: &Operator,
        (agents, instances): (&Agents, &Instances),
        spool: &Spool,
        ending: &Ending,
        screen: Screen<'_, '_>,
    ) -> Result<Option<Figures>, Failure> {
        let campaign = Campaign::new(self.emails);
        let mailer = Mailer::new(spool, ending);
        thread::scope(|scope| {
            // However this ends, processes and threads end with it, so that the scope can.
            let _processes_ended = instances.on_drop();
            let _ended = ending.on_drop();
            mailer.spawn(scope, &agents.mailer)?;
            let senders = instances.begin(scope, &agents.campaign, (&campaign, ending))?;
            let mut story =
                Story::new(operator, (&campaign, &mailer, spool), ending, screen, self.auto);
            let outcome = story.follow()?;
            drop(story);
            let Outcome::Told(stop) = outcome else { return Ok(None) };
            instances.finish(senders, ending)?;
            let counted = Counted {
                numbers: spool.numbers()?,
                instances_denied: campaign.denied(),
                gateway: operator.look()?.counts,
            };
            Ok(Some(Figures::new(self.emails, stop.as_ref(), counted)))
        })
    }
}
