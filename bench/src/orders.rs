//! Kills and resumes by an operator who does nothing else.

use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::client::Blocking;

/// A kill that was answered.
pub struct Kill {
    /// From the order's first byte out to its answer's last byte in, at the operator.
    pub took_ms: f64,
    /// Within what time of its commit it had to return.
    pub bound_ms: f64,
    /// What the receipt says of each replica.
    pub states: Vec<String>,
}

impl Kill {
    /// Whether so many replicas have enforced it, and it waited for no other.
    pub fn is_enforced_by(&self, replicas: usize) -> bool {
        self.states.len() == replicas && self.states.iter().all(|state| state == "enforced")
    }
}

/// Kills an agent.
pub fn kill(operator: &mut Blocking, agent: &str) -> anyhow::Result<Kill> {
    let path = format!("/v1/mesh/agents/{agent}/kill");
    let began = Instant::now();
    let answer = operator.call("POST", &path, &json!({}))?;
    let took_ms = began.elapsed().as_secs_f64() * 1e3;
    let receipt = answer.get("receipt").context("a kill without a receipt")?;
    let replicas = receipt.get("replicas").and_then(Value::as_array).context("no replicas")?;
    let state = |replica: &Value| replica.get("state").and_then(Value::as_str).map(str::to_owned);
    Ok(Kill {
        took_ms,
        bound_ms: receipt.get("bound_ms").and_then(Value::as_f64).context("no bound")?,
        states: replicas.iter().map(|replica| state(replica).unwrap_or_default()).collect(),
    })
}

/// Lets an agent go on.
pub fn resume(operator: &mut Blocking, agent: &str) -> anyhow::Result<()> {
    let path = format!("/v1/mesh/agents/{agent}/resume");
    operator.call("POST", &path, &json!({})).map(drop)
}
