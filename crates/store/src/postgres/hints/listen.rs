//! Listening to what other replicas tell.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::postgres::connect::{Connector, Purpose};
use crate::postgres::failure::Failure;
use crate::postgres::hints::Hints;

/// Notifications that wait to be read; beyond them the connection is made anew.
const UNHEARD_MAX: usize = 4_096;
/// How long to wait before listening again, at first and at most.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// Listens for ever. After each connection anything may have been missed, which is told as
/// [`crate::Hint::Everything`].
pub(super) async fn listen(hints: &Hints, connector: &Connector) {
    let mut again_after = AGAIN_AFTER.0;
    loop {
        match attempt(hints, connector).await {
            Ok(()) => again_after = AGAIN_AFTER.0,
            Err(failure) => {
                tracing::debug!(?failure, "not listening to the other replicas");
                again_after = again_after.saturating_mul(2).min(AGAIN_AFTER.1);
            }
        }
        tokio::time::sleep(again_after).await;
    }
}

/// Listens until the connection ends.
async fn attempt(hints: &Hints, connector: &Connector) -> Result<(), Failure> {
    let (sender, mut heard) = mpsc::channel(UNHEARD_MAX);
    let session = connector.open("-", Purpose::Listen, Some(sender)).await?;
    session.script(&format!("LISTEN \"{}\"", hints.channel)).await?;
    hints.hear_everything();
    while let Some(notification) = heard.recv().await {
        if notification.channel() == hints.channel {
            hints.hear(notification.process_id(), notification.payload());
        }
    }
    Ok(())
}
