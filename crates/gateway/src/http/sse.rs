//! Streams of the API: framed as every edge frames them, and asked for how long they may wait.

use std::time::Duration;

use super::error::ApiError;

pub(super) use crate::edge::sse::{Frames, answer, connection, end, event, keep_alive};

/// How long a stream waits for something new, in seconds.
const WAIT_SECONDS: std::ops::RangeInclusive<u32> = 1..=60;
const WAIT_SECONDS_DEFAULT: u32 = 15;

/// How long a stream may wait, as the caller asks.
pub(super) fn wait(asked_seconds: Option<u32>) -> Result<Duration, ApiError> {
    let seconds = asked_seconds.unwrap_or(WAIT_SECONDS_DEFAULT);
    if WAIT_SECONDS.contains(&seconds) {
        Ok(Duration::from_secs(seconds.into()))
    } else {
        let (least, most) = (WAIT_SECONDS.start(), WAIT_SECONDS.end());
        Err(ApiError::query("wait_seconds", format!("must be {least} to {most}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_wait_one_to_sixty_seconds() {
        assert_eq!(wait(None).unwrap(), Duration::from_secs(15));
        assert_eq!(wait(Some(60)).unwrap(), Duration::from_secs(60));
        assert!(wait(Some(0)).is_err() && wait(Some(61)).is_err());
    }
}
