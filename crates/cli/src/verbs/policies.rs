//! `axme policies`: which intents an agent may send and receive, and how much.

use crate::client::{self, path_part};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use axme_api::mesh::{
    ActionPolicy, ActionPolicyRequest, CostPolicy, CostPolicyRequest, Policies as Set,
    PoliciesAnswer, PolicyUsage,
};
use clap::ValueEnum;
use serde_json::{Value, json};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Policies {
    /// Show the policies of an agent, and what it has used of its limits
    Show(Show),
    /// Set which types of intents an agent may send or receive
    Action(Action),
    /// Set how many intents an agent may send, and how much it may cost
    Cost(Cost),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    #[arg(value_name = "NAME", value_parser = super::not_empty())]
    agent: String,
}

/// Set which types of intents an agent may send or receive. Replaces what was set before.
///
/// A pattern is an intent type in which * stands for anything, such as 'intent.mail.*' (quote it,
/// or the shell will look for files).
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true)))]
pub(crate) struct Action {
    #[arg(value_name = "NAME", value_parser = super::not_empty())]
    agent: String,
    /// Which way, seen from the agent
    direction: Direction,
    /// Allow these types and nothing else
    #[arg(long, value_name = "PATTERN", num_args = 1.., group = "what")]
    only: Vec<String>,
    /// Allow everything but these types
    #[arg(long, value_name = "PATTERN", num_args = 1.., group = "what")]
    all_but: Vec<String>,
    /// Allow nothing at all
    #[arg(long, group = "what")]
    nothing: bool,
    /// Take the policy away: everything is allowed
    #[arg(long, group = "what")]
    remove: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Direction {
    Send,
    Receive,
}

/// Set how many intents an agent may send, and how much it may cost. Replaces what was set before:
/// a limit that is not given does not limit.
///
/// Intents are counted by the gateway. The cost is what the agent reports with its heartbeats, so
/// that it stops what comes after the limit was reached. Days and hours are those of UTC.
#[derive(Debug, clap::Args)]
pub(crate) struct Cost {
    #[arg(value_name = "NAME", value_parser = super::not_empty())]
    agent: String,
    #[arg(long, value_name = "COUNT")]
    intents_per_day: Option<u64>,
    #[arg(long, value_name = "COUNT")]
    intents_per_hour: Option<u64>,
    #[arg(long, value_name = "USD")]
    cost_per_day: Option<f64>,
    /// What becomes of an intent beyond a limit
    #[arg(long, default_value = "block")]
    on_breach: OnBreach,
    /// Take the limits away
    #[arg(
        long,
        conflicts_with_all = ["intents_per_day", "intents_per_hour", "cost_per_day", "on_breach"]
    )]
    remove: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum OnBreach {
    /// It is refused
    Block,
    /// It is admitted, and the breach recorded
    Alert,
    /// It waits until an operator releases it
    RequireApproval,
}

impl Policies {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        match self {
            Self::Show(verb) => verb.run(context),
            Self::Action(verb) => verb.run(context),
            Self::Cost(verb) => verb.run(context),
        }
    }
}

impl Show {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let answer = context.client()?.get(&path(&self.agent, ""), &json!({}))?;
        context.output.answer(&answer, |output| {
            let PoliciesAnswer { address, policies, usage, .. } = client::read(&answer)?;
            show(output, &address, &policies, &usage)
        })
    }
}

impl Action {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let (client, direction) = (context.client()?, self.direction.word());
        let answer = if self.remove {
            client.delete(&path(&self.agent, &format!("/action/{direction}")))?
        } else {
            client.put(&path(&self.agent, "/action"), &self.request())?
        };
        context.output.answer(&answer, |output| {
            tell_change(output, &answer)?;
            output.line(format_args!("Look: axme policies show {}", self.agent))
        })
    }

    fn request(&self) -> ActionPolicyRequest {
        let (mode, patterns) = if self.all_but.is_empty() {
            // With nothing on the list nothing is allowed.
            ("allowlist", self.only.clone())
        } else {
            ("denylist", self.all_but.clone())
        };
        ActionPolicyRequest {
            direction: self.direction.word().to_owned(),
            mode: mode.to_owned(),
            patterns,
        }
    }
}

impl Cost {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let (client, path) = (context.client()?, path(&self.agent, "/cost"));
        let answer = if self.remove {
            client.delete(&path)?
        } else {
            let request = CostPolicyRequest {
                max_intents_per_day: self.intents_per_day,
                max_intents_per_hour: self.intents_per_hour,
                max_cost_per_day_usd: self.cost_per_day,
                action_on_breach: Some(self.on_breach.word().to_owned()),
            };
            client.put(&path, &request)?
        };
        context.output.answer(&answer, |output| {
            tell_change(output, &answer)?;
            output.line(format_args!("Look: axme policies show {}", self.agent))
        })
    }
}

impl Direction {
    const fn word(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
        }
    }
}

impl OnBreach {
    const fn word(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Alert => "alert",
            Self::RequireApproval => "require_approval",
        }
    }
}

fn path(agent: &str, rest: &str) -> String {
    format!("/v1/mesh/agents/{}/policies{rest}", path_part(agent))
}

fn tell_change(output: &mut Output<'_>, answer: &Value) -> Result<(), Failure> {
    output.line(match answer.get("removed").and_then(Value::as_bool) {
        Some(true) => "The policy is gone, on every replica.",
        Some(false) => "There was no such policy.",
        None => "The policy is in force, on every replica.",
    })
}

fn show(
    output: &mut Output<'_>,
    address: &str,
    policies: &Set,
    usage: &PolicyUsage,
) -> Result<(), Failure> {
    output.line(address)?;
    if policies.action.is_empty() {
        output.line("  types    every type of intent is allowed")?;
    }
    for policy in &policies.action {
        output.line(format_args!("  {:<8} {}", policy.direction, types(policy)))?;
    }
    match &policies.cost {
        None => output.line("  limits   none")?,
        Some(cost) => output.line(format_args!("  limits   {}", limits(cost)))?,
    }
    output.line(format_args!(
        "  used     {} intents today, {} this hour (counted by the gateway); ${:.2} today (reported \
         by the agent)",
        usage.intents_today, usage.intents_this_hour, usage.cost_today
    ))
}

fn types(policy: &ActionPolicy) -> String {
    let list = policy.patterns.join(", ");
    match (policy.mode.as_str(), list.as_str()) {
        ("allowlist", "") => "nothing".to_owned(),
        ("allowlist", list) => format!("only {list}"),
        ("denylist", list) if !list.is_empty() => format!("everything but {list}"),
        _ => "every type".to_owned(),
    }
}

fn limits(cost: &CostPolicy) -> String {
    let intents = |limit: Option<u64>, per| limit.map(|limit| format!("{limit} intents {per}"));
    let usd = cost.max_cost_per_day_usd.map(|usd| format!("${usd:.2} a day"));
    let all = [
        intents(cost.max_intents_per_day, "a day"),
        intents(cost.max_intents_per_hour, "an hour"),
        usd,
    ];
    let all: Vec<_> = all.into_iter().flatten().collect();
    if all.is_empty() {
        return "none".to_owned();
    }
    format!("{}; beyond: {}", all.join(", "), cost.action_on_breach.replace('_', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(mode: &str, patterns: &[&str]) -> ActionPolicy {
        ActionPolicy {
            policy_id: "send".into(),
            direction: "send".into(),
            mode: mode.into(),
            policy_type: mode.into(),
            patterns: patterns.iter().map(|&text| text.into()).collect(),
            updated_at: String::new(),
            updated_by: String::new(),
        }
    }

    #[test]
    fn what_is_allowed_reads_as_a_sentence() {
        assert_eq!(types(&policy("allowlist", &["a.*", "b.*"])), "only a.*, b.*");
        assert_eq!(types(&policy("allowlist", &[])), "nothing");
        assert_eq!(types(&policy("denylist", &["a.*"])), "everything but a.*");
        assert_eq!(types(&policy("denylist", &[])), "every type");
        assert_eq!(types(&policy("open", &["a.*"])), "every type");
    }

    #[test]
    fn limits_read_as_a_sentence() {
        let cost = CostPolicy {
            max_intents_per_day: Some(500),
            max_intents_per_hour: None,
            max_cost_per_day_usd: Some(20.5),
            action_on_breach: "require_approval".into(),
            updated_at: String::new(),
            updated_by: String::new(),
        };
        let sentence = "500 intents a day, $20.50 a day; beyond: require approval";
        assert_eq!(limits(&cost), sentence);
        let none = CostPolicy { max_intents_per_day: None, max_cost_per_day_usd: None, ..cost };
        assert_eq!(limits(&none), "none");
    }
}
