//! `axme mesh instances`: the running copies of an agent.

use crate::client::{self, path_part};
use crate::context::Context;
use crate::failure::Failure;
use crate::wording::{counted, or_dash, time, word};
use axme_api::mesh::{Instance, InstancesAnswer, InstancesQuery, InstancesSummary, Progress};

/// Entries asked for at a time.
const PAGE_COUNT: u32 = 500;

#[derive(Debug, clap::Args)]
pub(crate) struct Instances {
    /// Name, address or id of the agent
    #[arg(value_parser = super::super::not_empty())]
    name: String,
}

impl Instances {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let path = format!("/v1/mesh/agents/{}/instances", path_part(&self.name));
        let query = InstancesQuery { limit: Some(PAGE_COUNT), cursor: None };
        let answer = context.client()?.get_all(&path, &query, "instances")?;
        context.output.answer(&answer, |output| {
            let found = client::read::<InstancesAnswer>(&answer)?;
            let heading =
                ["INSTANCE", "STATE", "HEALTH", "LAST HEARTBEAT", "VERSION", "REGION", "PROGRESS"];
            let none = "No instance has been heard of. An agent's first heartbeat makes it known.";
            output.table(&heading, found.instances.iter().map(row).collect(), none)?;
            if found.instances.is_empty() {
                return Ok(());
            }
            output.line(sum(&found.summary))
        })
    }
}

fn row(instance: &Instance) -> Vec<String> {
    let inferred = if instance.inferred { " (inferred)" } else { "" };
    vec![
        format!("{}{inferred}", instance.instance_id),
        word(&instance.state),
        instance.health.clone(),
        time(Some(&instance.last_heartbeat_at)),
        or_dash(instance.version.as_ref()),
        or_dash(instance.region.as_ref()),
        instance.progress.as_ref().map_or_else(|| "-".to_owned(), progress),
    ]
}

fn progress(progress: &Progress) -> String {
    let unit = progress.unit.as_deref().map(|unit| format!(" {unit}")).unwrap_or_default();
    match progress.total {
        Some(total) => format!("{} of {total}{unit}", progress.done),
        None => format!("{}{unit}", progress.done),
    }
}

fn sum(summary: &InstancesSummary) -> String {
    format!(
        "{}: {} healthy, {} degraded, {} unreachable; {} ended",
        counted(summary.total, "instance"),
        summary.healthy,
        summary.degraded,
        summary.unreachable,
        summary.ended
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_shown_as_far_as_it_is_known() {
        let mut at = Progress { done: 2_000, total: Some(50_000), unit: Some("emails".to_owned()) };
        assert_eq!(progress(&at), "2000 of 50000 emails");
        (at.total, at.unit) = (None, None);
        assert_eq!(progress(&at), "2000");
    }
}
