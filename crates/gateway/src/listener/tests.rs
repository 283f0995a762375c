use super::*;
use crate::tls::tests::Pair;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn serving(connections_max: usize) -> (SocketAddr, CancellationToken) {
    serving_with(connections_max, None).await
}

async fn serving_with(connections_max: usize, tls: Option<Tls>) -> (SocketAddr, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let told = |peer: axum::Extension<Peer>| async move { peer.reserved.to_string() };
    let server = Server {
        listener,
        served: Served::new(Router::new().route("/", get(told))),
        connections_max,
        operators_only: false,
        tls,
        stop: stop.clone(),
        tasks: TaskTracker::new(),
    };
    server.tasks.clone().spawn(server.run());
    (address, stop)
}

async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = vec![0; 1024];
    let count = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

#[tokio::test]
async fn beyond_the_bound_connections_are_for_operators_only() {
    let (address, _stop) = serving(1).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut first).await.ends_with("false"));
    let mut second = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut second).await.ends_with("true"));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_dawdles_is_refused_and_a_resting_connection_is_not() {
    let (address, _stop) = serving(8).await;
    let mut resting = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut resting).await.starts_with("HTTP/1.1 200"));
    let mut dawdling = TcpStream::connect(address).await.unwrap();
    dawdling.write_all(b"GET / HT").await.unwrap();
    let mut rest = Vec::new();
    // Time runs by itself here: it jumps to the next timer whenever everybody waits.
    let _ = dawdling.read_to_end(&mut rest).await;
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 4"), "closed without being served");
    assert!(ask(&mut resting).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_stopped_server_ends_its_connections() {
    let (address, stop) = serving(8).await;
    let mut open = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200"));
    stop.cancel();
    let mut rest = Vec::new();
    assert_eq!(open.read_to_end(&mut rest).await.unwrap(), 0);
}

#[tokio::test]
async fn requests_come_in_over_tls_and_a_stop_ends_them() {
    let pair = Pair::new();
    let (tls, _reload) = Tls::open(pair.files()).unwrap();
    let (address, stop) = serving_with(8, Some(tls)).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let mut open = pair.client().connect(stream).await.unwrap();
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200"));
    let mut dawdling = TcpStream::connect(address).await.unwrap();
    stop.cancel();
    let mut rest = Vec::new();
    assert_eq!(open.read_to_end(&mut rest).await.unwrap(), 0, "ended in good order");
    assert_eq!(dawdling.read(&mut [0; 8]).await.unwrap_or(0), 0, "handshakes do not hold it up");
}

#[tokio::test]
async fn whoever_dawdles_in_the_handshake_takes_up_a_place() {
    let pair = Pair::new();
    let (tls, _reload) = Tls::open(pair.files()).unwrap();
    let (address, _stop) = serving_with(1, Some(tls)).await;
    let _dawdling = TcpStream::connect(address).await.unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut second = pair.client().connect(stream).await.unwrap();
    assert!(ask(&mut second).await.ends_with("true"), "only places for operators are left");
}

#[tokio::test(start_paused = true)]
async fn the_time_for_a_head_begins_after_the_handshake() {
    let pair = Pair::new();
    let (tls, _reload) = Tls::open(pair.files()).unwrap();
    let (address, _stop) = serving_with(8, Some(tls)).await;
    let stream = TcpStream::connect(address).await.unwrap();
    // Most of the time for the handshake goes by.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let mut dawdling = pair.client().connect(stream).await.unwrap();
    let begun = tokio::time::Instant::now();
    dawdling.write_all(b"GET / HT").await.unwrap();
    dawdling.flush().await.unwrap();
    let mut rest = Vec::new();
    let _ = dawdling.read_to_end(&mut rest).await;
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 4"), "closed without being served");
    assert!(begun.elapsed() >= Duration::from_secs(9), "it had its time");
}

#[tokio::test]
async fn plain_text_at_a_port_with_tls_is_not_served() {
    let (tls, _reload) = Tls::open(Pair::new().files()).unwrap();
    let (address, _stop) = serving_with(8, Some(tls)).await;
    let mut plain = TcpStream::connect(address).await.unwrap();
    assert!(!ask(&mut plain).await.starts_with("HTTP/1.1 200"));
}
