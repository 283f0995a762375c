//! What came out of it: counted in the spool, compared with what the gateway counted.

use super::stop::Stop;
use crate::failure::Failure;
use axme_api::mesh::Counts;
use indicatif::HumanCount;
use serde::Serialize;
use std::collections::HashSet;
use std::fmt;

/// The end of the story in numbers; with `--json` exactly this.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    emails_total: u64,
    /// In the spool when the campaign was first stopped; all of them when it never was.
    sent_at_kill: u64,
    /// Not in the spool then.
    stopped: u64,
    /// Different e-mails in the spool at the end.
    sent_total: u64,
    /// E-mails that are in the spool once more than they should.
    duplicates: u64,
    missing: u64,
    /// See [`Stop`]; null when nobody stopped it.
    kill_ms: Option<f64>,
    denied_after_kill: u64,
    #[serde(skip)]
    gateway: Counts,
}

/// What was counted, and by whom.
pub(super) struct Counted {
    /// The numbers of the e-mails in the spool, in its order.
    pub(super) numbers: Vec<u64>,
    pub(super) instances_denied: u64,
    pub(super) gateway: Counts,
}

impl Figures {
    pub(super) fn new(emails_total: u64, stop: Option<&Stop>, counted: Counted) -> Self {
        let of_campaign = |number: &&u64| (1..=emails_total).contains(*number);
        let lines = count(counted.numbers.iter().filter(of_campaign).count());
        let distinct: HashSet<u64> = counted.numbers.iter().filter(of_campaign).copied().collect();
        let sent_total = count(distinct.len());
        let sent_at_kill = stop.map_or(sent_total, |stop| stop.sent);
        Self {
            emails_total,
            sent_at_kill,
            stopped: emails_total.saturating_sub(sent_at_kill),
            sent_total,
            duplicates: lines - sent_total,
            missing: emails_total.saturating_sub(sent_total),
            kill_ms: stop.map(|stop| (stop.kill_ms * 100.0).round() / 100.0),
            denied_after_kill: counted.instances_denied,
            gateway: counted.gateway,
        }
    }

    /// Whether everything went out once, and everybody counted the same.
    ///
    /// # Errors
    /// Every pair of figures that should be equal and is not.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let spooled = self.sent_total + self.duplicates;
        let (admitted, denied) = (self.gateway.admitted, self.gateway.denied);
        let mut wrong = Vec::new();
        if self.duplicates > 0 || self.missing > 0 {
            let (twice, missing) = (self.duplicates, self.missing);
            wrong.push(format!("{twice} e-mails went out twice and {missing} are missing"));
        }
        if spooled != admitted {
            wrong.push(format!(
                "the spool holds {spooled} e-mails, the gateway admitted {admitted}"
            ));
        }
        if self.denied_after_kill != denied {
            let by_instances = self.denied_after_kill;
            wrong.push(format!(
                "the instances were denied {by_instances} times, the gateway denied {denied}"
            ));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let what = format!("the figures disagree: {}", wrong.join("; "));
        Err(Failure::Failed {
            what,
            next: "Look into spool and store: axme demo --keep".to_owned(),
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = HumanCount;
        writeln!(f, "E-mails in all            {:>12}", count(self.emails_total).to_string())?;
        if let Some(kill_ms) = self.kill_ms {
            let (sent, stopped) = (count(self.sent_at_kill), count(self.stopped));
            writeln!(f, "  gone out at the kill    {:>12}", sent.to_string())?;
            writeln!(f, "  stopped by it           {:>12}", stopped.to_string())?;
            writeln!(f, "  the kill took           {:>12}", format!("{kill_ms:.1} ms"))?;
            let denied = count(self.denied_after_kill);
            writeln!(f, "  denied while stopped    {:>12}", denied.to_string())?;
        }
        writeln!(f, "Gone out in the end       {:>12}", count(self.sent_total).to_string())?;
        writeln!(f, "  twice                   {:>12}", count(self.duplicates).to_string())?;
        writeln!(f, "  missing                 {:>12}", count(self.missing).to_string())?;
        let (admitted, denied) = (count(self.gateway.admitted), count(self.gateway.denied));
        write!(
            f,
            "The gateway counted       {:>12} admitted, {denied} denied",
            admitted.to_string()
        )
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axme_core::time::Mono;

    fn figures(numbers: &[u64], admitted: u64, stop: Option<Stop>) -> Figures {
        let gateway = Counts { admitted, denied: 2, unknown: 0, source: "gateway".into() };
        let counted = Counted { numbers: numbers.to_vec(), instances_denied: 2, gateway };
        Figures::new(4, stop.as_ref(), counted)
    }

    #[test]
    fn a_stopped_campaign_adds_up() {
        let stop = Stop::new(12.345_6, 1, Mono::default());
        let figures = figures(&[2, 1, 4, 3], 4, Some(stop));
        figures.verdict().unwrap();
        let json = serde_json::to_value(&figures).unwrap();
        let expected = serde_json::json!({
            "emails_total": 4, "sent_at_kill": 1, "stopped": 3, "sent_total": 4,
            "duplicates": 0, "missing": 0, "kill_ms": 12.35, "denied_after_kill": 2,
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn an_email_that_went_out_twice_or_not_at_all_fails_the_demo() {
        let told = figures(&[1, 2, 2, 4], 4, None).verdict().unwrap_err().to_string();
        assert!(told.contains("1 e-mails went out twice and 1 are missing"), "{told}");
    }

    #[test]
    fn a_gateway_that_counted_something_else_fails_the_demo_with_both_figures() {
        let told = figures(&[1, 2, 3, 4], 5, None).verdict().unwrap_err().to_string();
        assert!(told.contains("the spool holds 4 e-mails, the gateway admitted 5"), "{told}");
    }
}
