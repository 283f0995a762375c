//! Reading a stream of events, frame by frame.

use axum::body::BodyDataStream;
use axum::response::Response;
use futures_util::StreamExt as _;
use serde_json::Value;

/// An open stream.
pub(crate) struct Frames {
    data: BodyDataStream,
    read: String,
}

impl Frames {
    #[track_caller]
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self { data: response.into_body().into_data_stream(), read: String::new() }
    }

    /// The name and the data of the next event.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some((frame, rest)) = self.read.split_once("\n\n") {
                let line = |name: &str| {
                    frame.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
                };
                let event = line("event: ").zip(line("data: "));
                self.read = rest.to_owned();
                if let Some((name, data)) = event {
                    return (name, serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            let bytes = self.data.next().await.expect("the stream goes on").unwrap();
            self.read.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// Whether nothing more comes.
    pub(crate) async fn ends(&mut self) -> bool {
        self.data.next().await.is_none()
    }
}
