//! `axme kill`: stop agents at once.

use super::mesh::list_agents;
use crate::client::{self, path_part};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::{names, wording};
use axme_api::mesh::{KillAnswer, KillRequest};
use serde_json::{Value, json};
use std::sync::Mutex;

/// Calls that go out at the same time; a gateway reserves more places than this for orders.
const CALLS_AT_ONCE_MAX: usize = 8;

/// Stop agents at once, all instances everywhere.
///
/// A name, an address or an id goes straight out. A pattern such as 'email-*' is looked up first
/// (quote it, or the shell will).
#[derive(Debug, clap::Args)]
pub(crate) struct Kill {
    /// Names, addresses, ids or patterns
    #[arg(required = true, value_name = "NAME", value_parser = super::not_empty())]
    names: Vec<String>,
    /// Why, for the audit and for whoever resumes
    #[arg(long, short, value_name = "TEXT")]
    reason: Option<String>,
    /// How to stop
    #[arg(long, value_name = "MODE", default_value = "halt")]
    mode: String,
}

impl Kill {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let client = context.client()?;
        let targets = names::resolve(&self.names, || list_agents(&client))?;
        context.confirm("kill", "agents", &targets)?;
        let order =
            KillRequest { reason: self.reason, mode: Some(self.mode), ..KillRequest::default() };
        let answers = for_each(&targets, |target| {
            client.post(&format!("/v1/mesh/agents/{}/kill", path_part(target)), &order)
        });
        report(&mut context.output, &targets, answers, tell)
    }
}

/// Calls for every target, a few at a time; the answers stand in the order of the targets.
pub(super) fn for_each(
    targets: &[String],
    call: impl Fn(&str) -> Result<Value, Failure> + Sync,
) -> Vec<Result<Value, Failure>> {
    if let [target] = targets {
        return vec![call(target)];
    }
    let waiting = Mutex::new(targets.iter().enumerate());
    let work = || {
        let mut done = Vec::new();
        loop {
            // Bound to a name, so that the lock is free again before the call goes out.
            let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
            let Some((index, target)) = next else { return done };
            done.push((index, call(target)));
        }
    };
    let mut answers: Vec<_> = std::thread::scope(|scope| {
        let count = targets.len().min(CALLS_AT_ONCE_MAX);
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Tells every answer. One target's failure is the command's failure; of several, each is told
/// in its place and the command fails at the end.
pub(super) fn report(
    output: &mut Output<'_>,
    targets: &[String],
    answers: Vec<Result<Value, Failure>>,
    tell: impl Fn(&mut Output<'_>, &str, &Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if let ([target], Some(answer)) = (targets, answers.first().and_then(|a| a.as_ref().ok())) {
        return output.answer(answer, |output| tell(output, target, answer));
    }
    let of = targets.len();
    if of == 1 {
        return answers.into_iter().next().map_or(Ok(()), |answer| answer.map(drop));
    }
    let bodies = targets.iter().zip(&answers).map(|(target, answer)| match answer {
        Ok(answer) => answer.clone(),
        Err(failure) => json!({
            "ok": false, "target": target,
            "answer": failure.body(), "message": failure.to_string(),
        }),
    });
    output.answer(&Value::Array(bodies.collect()), |output| {
        for (target, answer) in targets.iter().zip(&answers) {
            match answer {
                Ok(answer) => tell(output, target, answer)?,
                Err(failure) => output.note(format_args!("{target}: {failure}"))?,
            }
        }
        Ok(())
    })?;
    match answers.iter().filter(|answer| answer.is_err()).count() {
        0 => Ok(()),
        failed => Err(Failure::Partly { failed, of }),
    }
}

fn tell(output: &mut Output<'_>, target: &str, answer: &Value) -> Result<(), Failure> {
    let Ok(killed) = client::read::<KillAnswer>(answer) else {
        // The order was confirmed; an unknown shape of the answer must not look like a failure.
        return output.line(format_args!("{target} stopped. The gateway answered: {answer}"));
    };
    output.line(wording::kill_sentence(&killed.kill))?;
    if let Some(instances) = killed.instance_totals.as_ref().and_then(wording::instances_sentence) {
        output.line(instances)?;
    }
    output.line(format_args!("  kill    {}", killed.kill.kill_id))?;
    output.line(format_args!("  resume  axme resume {target}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(count: usize) -> Vec<String> {
        (0..count).map(|index| index.to_string()).collect()
    }

    #[test]
    fn answers_keep_the_order_of_the_targets() {
        let targets = targets(100);
        let answers = for_each(&targets, |target| Ok(Value::from(target)));
        let told: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(told, targets.into_iter().map(Value::from).collect::<Vec<_>>());
    }

    #[test]
    fn calls_go_out_beside_each_other() {
        let barrier = std::sync::Barrier::new(CALLS_AT_ONCE_MAX);
        let answers = for_each(&targets(CALLS_AT_ONCE_MAX), |_| {
            barrier.wait();
            Ok(Value::Null)
        });
        assert_eq!(answers.len(), CALLS_AT_ONCE_MAX);
    }

    #[test]
    fn one_refusal_among_several_is_told_and_decides_the_end() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let answers = vec![
            Ok(json!({"ok": true})),
            Err(Failure::Failed { what: "no such agent".into(), next: String::new() }),
        ];
        let mut output = Output::new(&mut out, &mut err, false);
        let end = report(&mut output, &targets(2), answers, tell);
        assert!(matches!(end, Err(Failure::Partly { failed: 1, of: 2 })), "{end:?}");
        assert!(String::from_utf8(out).unwrap().starts_with("0 stopped."));
        assert!(String::from_utf8(err).unwrap().contains("1: no such agent"));
    }
}
