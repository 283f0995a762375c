//! Instances without an SDK: threads of this process that share a queue of e-mails.
//!
//! They know nothing of kills. A refusal puts the e-mail back into the queue, and after a pause the
//! instance tries the next one, for as long as there is one: what stops them is the gateway.

use super::agents::{Identity, MAILER};
use super::campaign::{Campaign, INSTANCES_COUNT};
use super::ending::Ending;
use crate::client::Client;
use crate::failure::Failure;
use axme_api::intents::CreateRequest;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{Scope, ScopedJoinHandle, sleep};
use std::time::Duration;

/// Requests of one instance at a time.
const REQUESTS_AT_ONCE: usize = 6;
/// How long an instance waits after a refusal.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);
/// How long it waits for an e-mail that another one may put back.
const EMPTY_PAUSE: Duration = Duration::from_millis(5);
/// Failures in a row, other than denials, after which an instance gives up.
const FAILURES_MAX: u32 = 100;

pub(super) struct Threads {
    /// Numbers of the e-mails that nobody sends at the moment.
    unsent: Mutex<VecDeque<u64>>,
}

/// What became of one try.
enum Tried {
    Sent,
    /// The gateway says that an agent is stopped.
    Denied,
    /// Busy, or no whole answer: the same request again is safe, its key makes it one e-mail.
    Again(Failure),
    Broken(Failure),
}

impl Threads {
    pub(super) fn new(emails_total: u64) -> Self {
        Self { unsent: Mutex::new((1..=emails_total).collect()) }
    }

    /// Starts the instances. They end when every e-mail has been sent, or with the demo.
    pub(super) fn spawn<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        identity: &Identity,
        (campaign, ending): (&'scope Campaign, &'scope Ending),
    ) -> Result<Vec<ScopedJoinHandle<'scope, ()>>, Failure> {
        let mut threads = Vec::new();
        for instance in 0..INSTANCES_COUNT {
            for _ in 0..REQUESTS_AT_ONCE {
                let client = identity.client()?;
                threads.push(scope.spawn(move || self.run(&client, instance, campaign, ending)));
            }
        }
        Ok(threads)
    }

    fn run(&self, client: &Client, instance: usize, campaign: &Campaign, ending: &Ending) {
        let mut failures = 0;
        while !ending.is_asked() && !campaign.is_over() {
            let Some(email) = self.unsent().pop_front() else {
                sleep(EMPTY_PAUSE);
                continue;
            };
            let tried = send(client, email);
            if matches!(tried, Tried::Sent) {
                failures = 0;
                campaign.count_sent(instance);
                continue;
            }
            self.unsent().push_front(email);
            match tried {
                Tried::Sent => {}
                Tried::Denied => campaign.count_denied(),
                Tried::Again(_) if failures < FAILURES_MAX => failures += 1,
                Tried::Again(failure) | Tried::Broken(failure) => return ending.fail(failure),
            }
            sleep(REFUSED_PAUSE);
        }
    }

    fn unsent(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn send(client: &Client, email: u64) -> Tried {
    let sent = client.post_once("/v1/intents", &intent(email), &format!("email-{email:08}"));
    match sent {
        Ok(_) => Tried::Sent,
        Err(Failure::Refused(refusal)) => {
            let stopped = refusal.status == 403 && refusal.code.starts_with("agent_");
            match refusal.status {
                _ if stopped => Tried::Denied,
                429 | 500.. => Tried::Again(Failure::Refused(refusal)),
                _ => Tried::Broken(Failure::Refused(refusal)),
            }
        }
        Err(failure) => Tried::Again(failure),
    }
}

fn intent(email: u64) -> CreateRequest {
    let payload = json!({
        "n": email,
        "to": format!("customer-{email}@example.com"),
        "subject": format!("Offer no. {email}"),
    });
    CreateRequest {
        intent_type: "intent.email.send.v1".to_owned(),
        to_agent: MAILER.to_owned(),
        payload: payload.as_object().cloned(),
        correlation_id: None,
        from_agent: None,
        reply_to: None,
        deadline_at: None,
        remind_after_seconds: None,
        remind_interval_seconds: None,
        max_reminders: None,
        max_delivery_attempts: None,
        escalate_to: None,
        human_task: None,
        delivery_mode: None,
        metadata: None,
    }
}
