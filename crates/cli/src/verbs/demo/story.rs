//! What happens, seen from the front: looks at everybody, gives the orders, knows the end.

use super::campaign::Campaign;
use super::ending::Ending;
use super::mailer::Mailer;
use super::operator::Operator;
use super::screen::{Key, Progress, Screen};
use super::spool::Spool;
use super::stop::Stop;
use crate::failure::Failure;
use crate::wording::{hold_sentence, kill_sentence, resume_sentence};
use auto::Plan;
use axme_api::mesh::MeshAgent;
use axme_core::time::Mono;
use axme_engine::clock::Clock;
use std::thread::sleep;
use std::time::Duration;
use stopping::Stopping;

mod auto;
mod stopping;

const TICK: Duration = Duration::from_millis(20);
/// How often the gateway is asked how the campaign is.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What is not in the spool so long after everything was sent does not come any more.
const LULL_MAX: Duration = Duration::from_secs(30);
const ACTIVE: &str = "active";

pub(super) struct Story<'a, 'o> {
    operator: &'a Operator,
    campaign: &'a Campaign,
    mailer: &'a Mailer<'a>,
    spool: &'a Spool,
    ending: &'a Ending,
    screen: Screen<'a, 'o>,
    clock: Clock,
    emails_total: u64,
    /// What `--auto` does next.
    plan: Plan,
    stop: Option<Stop>,
    /// What the instances do about the newest kill, until it is told.
    stopping: Option<Stopping>,
    run_state: String,
    looked_at: Option<Mono>,
    /// Lines of the spool at the last look, and when they became so many.
    quiet: (u64, Mono),
}

/// How the story ended.
pub(super) enum Outcome {
    /// Everything was sent.
    Told(Option<Stop>),
    EndedEarly,
}

impl<'a, 'o> Story<'a, 'o> {
    pub(super) fn new(
        operator: &'a Operator,
        (campaign, mailer, spool): (&'a Campaign, &'a Mailer<'a>, &'a Spool),
        ending: &'a Ending,
        screen: Screen<'a, 'o>,
        auto: bool,
    ) -> Self {
        let clock = Clock::system();
        Self {
            operator,
            campaign,
            mailer,
            spool,
            ending,
            screen,
            emails_total: campaign.emails_total(),
            plan: if auto { Plan::Kill } else { Plan::Nothing },
            stop: None,
            stopping: None,
            run_state: ACTIVE.to_owned(),
            looked_at: None,
            quiet: (0, clock.mono()),
            clock,
        }
    }

    /// Follows the campaign until everything has gone out, or somebody ends it.
    pub(super) fn follow(&mut self) -> Result<Outcome, Failure> {
        loop {
            if let Some(fault) = self.ending.take_fault() {
                return Err(fault);
            }
            match self.screen.key()? {
                Some(Key::Kill) => self.kill()?,
                Some(Key::Resume) => self.resume()?,
                Some(Key::Quit) => self.ending.ask(),
                None => {}
            }
            if self.ending.is_asked() {
                return Ok(Outcome::EndedEarly);
            }
            self.look()?;
            self.carry_on()?;
            self.draw()?;
            if self.is_over() {
                return Ok(Outcome::Told(self.stop.take()));
            }
            sleep(TICK);
        }
    }

    fn look(&mut self) -> Result<(), Failure> {
        let now = self.clock.mono();
        if self.looked_at.is_some_and(|looked| now.since(looked) < LOOK_EVERY) {
            return Ok(());
        }
        self.looked_at = Some(now);
        let agent = self.operator.look()?;
        let spooled = self.spool.lines();
        if self.quiet.0 != spooled || agent.run_state != ACTIVE {
            self.quiet = (spooled, now);
        }
        match (&mut self.stop, agent.run_state == ACTIVE) {
            (Some(stop), true) if !stop.is_over() => stop.end(),
            (Some(stop), false) if !stop.is_over() => {
                stop.look(spooled, self.mailer.is_idle(), now);
            }
            (None, false) => self.note_stop(&agent, spooled)?,
            (Some(_), _) | (None, true) => {}
        }
        self.run_state = agent.run_state;
        self.look_at_instances(now)
    }

    /// Somebody else has stopped the campaign.
    fn note_stop(&mut self, agent: &MeshAgent, spooled: u64) -> Result<(), Failure> {
        let Some(kill) = &agent.kill else { return Ok(()) };
        let record = self.operator.kill_record(&kill.kill_id)?;
        let took_ms = record.kill.receipt.enforced_in_ms;
        self.stop = Some(Stop::new(took_ms, spooled, self.clock.mono()));
        self.screen.say(&hold_sentence(&agent.address, kill))?;
        self.follow_instances(&kill.kill_id, Some(&record.instance_totals));
        Ok(())
    }

    fn kill(&mut self) -> Result<(), Failure> {
        let (answer, took_ms) = self.operator.kill("demo")?;
        let spooled = self.spool.lines();
        self.stop.get_or_insert_with(|| Stop::new(took_ms, spooled, self.clock.mono()));
        self.screen.say(&kill_sentence(&answer.kill))?;
        self.follow_instances(&answer.kill.kill_id, answer.instance_totals.as_ref());
        Ok(())
    }

    fn resume(&mut self) -> Result<(), Failure> {
        self.tell_instances()?;
        let agent = self.operator.look()?;
        let spooled = self.spool.lines();
        if let Some(stop) = self.stop.as_mut().filter(|stop| !stop.is_over()) {
            stop.look(spooled, self.mailer.is_idle(), self.clock.mono());
            stop.end();
        }
        let answer = self.operator.resume(agent.revision)?;
        self.screen.say(&resume_sentence(&answer))
    }

    fn draw(&mut self) -> Result<(), Failure> {
        let progress = Progress {
            sent: self.campaign.sent(),
            spooled: self.spool.lines(),
            denied: self.campaign.denied(),
            run_state: self.run_state.clone(),
        };
        self.screen.draw(&progress)
    }

    fn is_over(&self) -> bool {
        let spooled = self.spool.lines();
        let lull = self.clock.mono().since(self.quiet.1) >= LULL_MAX;
        let all = spooled >= self.emails_total && self.mailer.is_idle();
        matches!(self.plan, Plan::Nothing) && self.campaign.is_over() && (all || lull)
    }
}
