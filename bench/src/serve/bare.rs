//! What the gateway is compared with: handlers as small as they can be in axum.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axme_api::mesh::{ControlChangeEvent, ControlState, HeartbeatAnswer, HeartbeatKill};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use futures_util::stream;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::broadcast;

use crate::server::{BARE_CHANGE, CONTROL_STREAM, HEARTBEAT};

const MOMENT: &str = "2026-11-23T17:00:00.000000Z";
/// Frames that a stream may be behind. The readers read each before the next one is ordered.
const FRAMES_KEPT_MAX: usize = 16;

/// Serves until this process's input ends.
pub async fn serve(router: Router) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    super::tell(listener.local_addr()?, "")?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    tokio::select! {
        served = axum::serve(listener, router) => Ok(served?),
        () = super::end_of_input() => Ok(()),
    }
}

/// One route, for heartbeats.
pub fn heartbeats() -> Router {
    Router::new().route(HEARTBEAT, post(heartbeat))
}

/// Streams that are all fed by one channel, and what feeds it once a row is on the disk. Nobody
/// counts the streams.
pub fn streams() -> anyhow::Result<Router> {
    let fan_out = FanOut {
        changes: broadcast::Sender::new(FRAMES_KEPT_MAX),
        log: Arc::new(Mutex::new(Log::open()?)),
    };
    let router = Router::new()
        .route(CONTROL_STREAM, get(stream_changes))
        .route(BARE_CHANGE, post(change))
        .with_state(fan_out);
    Ok(router)
}

#[derive(Clone)]
struct FanOut {
    changes: broadcast::Sender<Bytes>,
    log: Arc<Mutex<Log>>,
}

/// One table, with the settings of the gateway's store.
struct Log {
    connection: Connection,
    _folder: TempDir,
}

impl Log {
    fn open() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let connection = Connection::open(folder.path().join("bare.db"))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.execute_batch("CREATE TABLE told (n INTEGER PRIMARY KEY, frame BLOB) STRICT")?;
        Ok(Self { connection, _folder: folder })
    }

    fn put(&self, frame: &[u8]) -> rusqlite::Result<usize> {
        self.connection.execute("INSERT INTO told (frame) VALUES (?1)", [frame])
    }
}

/// Reads the body, and answers what the gateway answers to a heartbeat: the same members, of the
/// same lengths.
async fn heartbeat(body: Bytes) -> Json<HeartbeatAnswer> {
    let instance =
        if body.is_empty() { "key_019ab1f0a0007000800000000000000a@127.0.0.1" } else { "i-7" };
    Json(HeartbeatAnswer {
        ok: true,
        address_id: "addr_019ab1f0a0007000800000000000000a".to_owned(),
        address: "agent://myorg/production/sender-00".to_owned(),
        health_status: "healthy".to_owned(),
        status: "healthy".to_owned(),
        killed: false,
        run_state: "active".to_owned(),
        revision: 67,
        kill: None,
        instance_id: Some(instance.to_owned()),
        last_heartbeat_at: MOMENT.to_owned(),
        server_time: MOMENT.to_owned(),
        next_heartbeat_seconds: 30,
    })
}

/// Begins with a frame, so that its reader knows that it is open.
async fn stream_changes(State(FanOut { changes, .. }): State<FanOut>) -> impl IntoResponse {
    let first = Some(frame("control.state", "resumed"));
    let frames = stream::unfold((first, changes.subscribe()), |(first, mut changes)| async move {
        let frame = match first {
            Some(first) => first,
            // A stream that is too far behind just ends, and its reader fails.
            None => changes.recv().await.ok()?,
        };
        Some((Ok::<_, Infallible>(frame), (None, changes)))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(frames))
}

/// Writes down the word that was sent, and tells it to every stream.
async fn change(
    State(FanOut { changes, log }): State<FanOut>,
    Json(word): Json<String>,
) -> Json<Value> {
    let frame = frame("control.changed", &word);
    let row = frame.clone();
    let put = move || log.lock().is_ok_and(|log| log.put(&row).is_ok());
    let kept = tokio::task::spawn_blocking(put).await.unwrap_or(false);
    let streams = changes.send(frame).unwrap_or(0);
    Json(json!({ "ok": kept, "streams": streams }))
}

/// A frame of the gateway's: the same members, of the same lengths.
fn frame(name: &str, change: &str) -> Bytes {
    let killed = change == "killed";
    let kill = killed.then(|| HeartbeatKill {
        kill_id: "kill_019ab1f0a0007000800000000000000a".to_owned(),
        mode: "halt".to_owned(),
        reason: None,
        by: "sa_019ab1f0a0007000800000000000000a".to_owned(),
        at: MOMENT.to_owned(),
        revision: 67,
    });
    let run_state = if killed { "killed" } else { "active" }.to_owned();
    let event = ControlChangeEvent {
        control: ControlState { run_state, revision: 67, kill },
        change: change.to_owned(),
        at: MOMENT.to_owned(),
    };
    let json = serde_json::to_string(&event).unwrap_or_default();
    format!("id: 67\nevent: {name}\ndata: {json}\n\n").into()
}
