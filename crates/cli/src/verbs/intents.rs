//! `axme intents`: send and read intents.

use crate::client::{self, path_part};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::wording::time;
use axme_api::JsonObject;
use axme_api::intents::{
    CreateAnswer, CreateRequest, Intent, IntentEventsAnswer, IntentListAnswer, IntentListQuery,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Read;

/// Larger than any payload that a gateway accepts by default.
const PAYLOAD_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Intents {
    /// Send an intent to an agent
    Send(Box<Send>),
    /// Show one intent and what happened to it
    Get(Get),
    /// List intents, newest first
    List(List),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Send {
    /// Receiver: name or address
    #[arg(value_name = "TO", value_parser = super::not_empty())]
    to: String,
    /// Such as intent.email.send.v1
    #[arg(long = "type", value_name = "TYPE")]
    intent_type: String,
    /// A JSON object, @FILE, or - for standard input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    payload: String,
    /// Sender, with an operator's or owner's key; an agent's key sends as its own agent
    #[arg(long, value_name = "AGENT")]
    from: Option<String>,
    /// Agent that is told the result
    #[arg(long, value_name = "AGENT")]
    reply_to: Option<String>,
    /// UUID that groups a workflow
    #[arg(long, value_name = "UUID")]
    correlation_id: Option<String>,
    /// When the intent times out, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    deadline_at: Option<String>,
    /// Repeating a command with the same key sends nothing twice
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// Id of the intent
    #[arg(value_parser = super::not_empty())]
    intent_id: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Statuses, separated by commas, such as DELIVERED,IN_PROGRESS
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only intents from or to this agent
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Go on where a list ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl Intents {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        match self {
            Self::Send(verb) => verb.run(context),
            Self::Get(verb) => verb.run(context),
            Self::List(verb) => verb.run(context),
        }
    }
}

impl Send {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let request: CreateRequest = client::read(&json!({
            "intent_type": self.intent_type,
            "to_agent": self.to,
            "payload": payload(&self.payload)?,
            "from_agent": self.from,
            "reply_to": self.reply_to,
            "correlation_id": self.correlation_id,
            "deadline_at": self.deadline_at,
        }))?;
        let client = context.client()?;
        let idempotency_key = match self.idempotency_key {
            Some(key) => key,
            None => fresh_idempotency_key()?,
        };
        let answer = match client.post_once("/v1/intents", &request, &idempotency_key) {
            Ok(answer) => answer,
            Err(failure) => {
                context.output.note(format_args!("idempotency key: {idempotency_key}"))?;
                return Err(failure);
            }
        };
        context.output.answer(&answer, |output| {
            let sent = client::read::<CreateAnswer>(&answer)?;
            output.line(format_args!("Intent {} is {}.", sent.intent_id, sent.status))?;
            output.line(format_args!("  next  axme intents get {}", sent.intent_id))
        })
    }
}

/// The payload as typed, from a file or from standard input.
fn payload(text: &str) -> Result<JsonObject, Failure> {
    let wrong = |why: String| Failure::Usage(format!("--payload: {why}"));
    let read = |source: &mut dyn Read| {
        let mut content = String::new();
        source.take(PAYLOAD_BYTES_MAX).read_to_string(&mut content).map(|_| content)
    };
    let content = match text.strip_prefix('@') {
        Some(path) => std::fs::File::open(path)
            .and_then(|mut file| read(&mut file))
            .map_err(|source| wrong(format!("cannot read {path}: {source}")))?,
        None if text == "-" => read(&mut std::io::stdin())
            .map_err(|source| wrong(format!("cannot read standard input: {source}")))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&content)
        .map_err(|source| wrong(format!("is not a JSON object such as '{{\"n\": 1}}': {source}")))
}

/// Chance is read here only, for a command that was given no key of its own.
fn fresh_idempotency_key() -> Result<String, Failure> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|source| {
        Failure::local("No random numbers", source, "Choose one: --idempotency-key TEXT")
    })?;
    Ok(format!("cli-{}", hex::encode(bytes)))
}

/// The part of the answer that is shown.
#[derive(Deserialize)]
struct Page {
    intent: Intent,
}

impl Get {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let client = context.client()?;
        let path = format!("/v1/intents/{}", path_part(&self.intent_id));
        let answer = client.get(&path, &json!({}))?;
        context.output.answer(&answer, |output| {
            show(output, &client::read::<Page>(&answer)?.intent)?;
            let events = client.get(&format!("{path}/events"), &json!({}))?;
            let events = client::read::<IntentEventsAnswer>(&events)?.events;
            let rows = events.into_iter().map(|event| {
                let actor = event.actor.unwrap_or_else(|| "-".to_owned());
                vec![event.seq.to_string(), time(Some(&event.at)), event.event_type, actor]
            });
            output.line("")?;
            output.table(&["SEQ", "AT", "EVENT", "BY"], rows.collect(), "No events.")
        })
    }
}

fn show(output: &mut Output<'_>, intent: &Intent) -> Result<(), Failure> {
    let late = if intent.late { ", reported while the agent was stopped" } else { "" };
    output.line(format_args!("{} is {}{late}", intent.intent_id, intent.status))?;
    output.line(format_args!("  type     {}", intent.intent_type))?;
    output.line(format_args!("  from     {}", intent.from_agent))?;
    output.line(format_args!("  to       {}", intent.to_agent))?;
    output.line(format_args!("  created  {}", time(Some(&intent.created_at))))?;
    if let Some(deadline) = &intent.deadline_at {
        output.line(format_args!("  deadline {}", time(Some(deadline))))?;
    }
    for (name, value) in
        [("payload ", &intent.payload), ("result  ", &intent.result), ("error   ", &intent.error)]
    {
        if let Some(value) = value {
            output.line(format_args!("  {name} {}", Value::Object(value.clone())))?;
        }
    }
    match &intent.reason {
        Some(reason) => output.line(format_args!("  reason   {reason}")),
        None => Ok(()),
    }
}

impl List {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let query = IntentListQuery {
            limit: Some(self.limit),
            cursor: self.cursor,
            status: self.status,
            owner_agent: self.agent,
        };
        let answer = context.client()?.get("/v1/intents", &query)?;
        context.output.answer(&answer, |output| {
            let list = client::read::<IntentListAnswer>(&answer)?;
            let rows = list.intents.into_iter().map(|intent| {
                vec![
                    intent.intent_id,
                    intent.status,
                    intent.intent_type,
                    intent.from_agent,
                    intent.to_agent,
                    time(Some(&intent.created_at)),
                ]
            });
            let heading = ["INTENT", "STATUS", "TYPE", "FROM", "TO", "CREATED"];
            output.table(&heading, rows.collect(), "No intents.")?;
            super::more(output, "axme intents list", list.next_cursor.as_ref())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_an_object_from_the_line_or_a_file() {
        assert_eq!(payload(r#"{"n":1}"#).unwrap().len(), 1);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        std::fs::write(&path, r#"{"a":1,"b":2}"#).unwrap();
        assert_eq!(payload(&format!("@{}", path.display())).unwrap().len(), 2);
        for wrong in ["[1]", "n=1", "", "@/nowhere/at/all"] {
            let text = payload(wrong).unwrap_err().to_string();
            assert!(text.starts_with("error: --payload: "), "{text}");
        }
    }
}
