//! What `--auto` does: kill, measure, look for a moment whether anything still goes out, resume.

use super::super::stop::{Standstill, Stop};
use super::Story;
use crate::failure::Failure;
use axme_core::time::Mono;

/// The part of the e-mails after which `--auto` kills: an eighth.
const KILL_AFTER_PART: u64 = 8;

/// What comes next.
pub(super) enum Plan {
    Kill,
    Measure,
    Resume { began: Mono, still: Standstill },
    Nothing,
}

impl Story<'_, '_> {
    /// Does what comes next, when it is time.
    pub(super) fn carry_on(&mut self) -> Result<(), Failure> {
        let now = self.clock.mono();
        let stop = self.stop.as_ref();
        self.plan = match self.plan {
            Plan::Kill if stop.is_some() => Plan::Measure,
            Plan::Kill if self.spool.lines() < (self.emails_total / KILL_AFTER_PART).max(1) => {
                return Ok(());
            }
            Plan::Kill => {
                self.kill()?;
                Plan::Measure
            }
            // A person was faster.
            Plan::Measure | Plan::Resume { .. } if stop.is_none_or(Stop::is_over) => Plan::Nothing,
            Plan::Measure if stop.is_some_and(|stop| stop.is_settled(now)) => {
                Plan::Resume { began: now, still: self.standstill()? }
            }
            Plan::Resume { began, still } if Stop::is_proven(began, now) => {
                self.prove(still)?;
                self.resume()?;
                Plan::Nothing
            }
            Plan::Measure | Plan::Resume { .. } | Plan::Nothing => return Ok(()),
        };
        Ok(())
    }

    fn standstill(&self) -> Result<Standstill, Failure> {
        let spooled = u64::try_from(self.spool.numbers()?.len()).unwrap_or(u64::MAX);
        Ok(Standstill { spooled, admitted: self.operator.look()?.counts.admitted })
    }

    fn prove(&self, still: Standstill) -> Result<(), Failure> {
        let now = self.standstill()?;
        if now == still {
            return Ok(());
        }
        let what = format!("work went on after the kill: {still}, later {now}");
        Err(Failure::Failed { what, next: String::new() })
    }
}
