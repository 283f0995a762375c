//! The mailer: takes what is delivered to it, writes it into the spool, reports it as done.

use super::agents::Identity;
use super::ending::Ending;
use super::frames::{Frame, Frames};
use super::spool::Spool;
use crate::client::Client;
use crate::failure::Failure;
use axme_api::intents::ResolveRequest;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{Scope, sleep};
use std::time::Duration;

/// E-mails that are written at the same time.
const EMAILS_AT_ONCE: usize = 24;
/// Deliveries that may wait for a worker.
const WAITING_COUNT_MAX: usize = 1_024;
const AGAIN_PAUSE: Duration = Duration::from_millis(100);
/// Tries of one call after which the mailer gives up.
const TRIES_MAX: u32 = 50;

pub(super) struct Mailer<'a> {
    spool: &'a Spool,
    ending: &'a Ending,
    /// Delivered and not done.
    in_hand: AtomicU64,
}

impl<'a> Mailer<'a> {
    pub(super) const fn new(spool: &'a Spool, ending: &'a Ending) -> Self {
        Self { spool, ending, in_hand: AtomicU64::new(0) }
    }

    /// Starts one reader of the delivery stream and the workers behind it.
    pub(super) fn spawn<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        identity: &Identity,
    ) -> Result<(), Failure> {
        let (queue, queued) = sync_channel(WAITING_COUNT_MAX);
        let queued = Arc::new(Mutex::new(queued));
        for _ in 0..EMAILS_AT_ONCE {
            let (client, queued) = (identity.client()?, Arc::clone(&queued));
            scope.spawn(move || self.work(&client, &queued));
        }
        let frames = Frames::new(identity);
        scope.spawn(move || self.listen(frames, &queue));
        Ok(())
    }

    /// Whether it has nothing to do at the moment.
    pub(super) fn is_idle(&self) -> bool {
        self.in_hand.load(Ordering::SeqCst) == 0
    }

    fn listen(&self, mut frames: Frames, queue: &SyncSender<Frame>) {
        while !self.ending.is_asked() {
            let read = frames.read(|frame| {
                self.in_hand.fetch_add(1, Ordering::SeqCst);
                // Workers leave only after this thread.
                let _ = queue.send(frame);
            });
            if read.is_err() {
                // Stopped, or the gateway is going: either passes, or the demo ends.
                sleep(AGAIN_PAUSE);
            }
        }
    }

    fn work(&self, client: &Client, queued: &Mutex<Receiver<Frame>>) {
        loop {
            let Ok(next) = queued.lock().map(|queued| queued.recv()) else { return };
            let Ok(frame) = next else { return };
            if let Err(failure) = self.mail(client, &frame) {
                self.ending.fail(failure);
            }
            self.in_hand.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn mail(&self, client: &Client, frame: &Frame) -> Result<(), Failure> {
        let Frame { intent_id, payload, .. } = frame;
        self.spool.write(intent_id, payload)?;
        let done = ResolveRequest {
            status: "COMPLETED".to_owned(),
            result: Some(json!({ "mailed": true })),
            error: None,
            reason: None,
            actor: None,
            expected_policy_generation: None,
        };
        // With a key, so that an answer that got lost can be asked for again.
        let key = format!("mailed-{intent_id}");
        let path = format!("/v1/intents/{intent_id}/resolve");
        self.again(|| client.post_once(&path, &done, &key)).map(drop)
    }

    /// Repeats a call that may work later: the gateway is busy, or no whole answer came.
    fn again<T>(&self, call: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match call() {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let final_refusal = matches!(&failure, Failure::Refused(refusal)
                if refusal.status < 500 && refusal.status != 429);
            if final_refusal || tries >= TRIES_MAX || self.ending.is_asked() {
                return Err(failure);
            }
            sleep(AGAIN_PAUSE);
        }
    }
}
