//! A lean HTTP/1.1 client: requests are bytes made beforehand, answers are looked into as little
//! as possible. What a client costs is taken from the gateway on a small machine.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ANSWER_BYTES_FIRST: usize = 4 << 10;
/// No answer to an order or a question takes longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// The bytes of a request.
pub fn request(method: &str, path: &str, key: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: bench\r\nx-api-key: {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A connection that waits for each answer; for setting up and for orders.
pub struct Blocking {
    stream: std::net::TcpStream,
    received: Vec<u8>,
    key: String,
}

impl Blocking {
    pub fn open(address: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        Ok(Self { stream, received: Vec::new(), key: key.to_owned() })
    }

    /// Sends JSON, and answers what came back with a 2xx.
    pub fn call(&mut self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(method, path, body)?;
        self.answer(path)
    }

    /// Sends JSON. What comes back is read by [`Blocking::answer`].
    pub fn send(&mut self, method: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        Ok(self.stream.write_all(&request(method, path, &self.key, &body.to_string()))?)
    }

    /// What came back, with a 2xx, of what was sent.
    pub fn answer(&mut self, path: &str) -> anyhow::Result<Value> {
        let (status, answer) = self.receive(path)?;
        if !(200..300).contains(&status) {
            bail!("{path} answered {status}: {answer}");
        }
        Ok(answer)
    }

    /// Answers the status and what came with it.
    pub fn ask(&mut self, path: &str) -> anyhow::Result<(u16, Value)> {
        self.stream.write_all(&request("GET", path, &self.key, ""))?;
        self.receive(path)
    }

    fn receive(&mut self, path: &str) -> anyhow::Result<(u16, Value)> {
        self.received.clear();
        let head = loop {
            let mut part = [0; ANSWER_BYTES_FIRST];
            let length = self.stream.read(&mut part)?;
            anyhow::ensure!(length > 0, "{path}: the connection was closed");
            self.received.extend_from_slice(&part[..length]);
            if let Some(head) = Head::parse(&self.received)
                && self.received.len() >= head.end + head.body_bytes
            {
                break head;
            }
        };
        let body = &self.received[head.end..head.end + head.body_bytes];
        let answer =
            serde_json::from_slice(body).with_context(|| format!("{path} answered no JSON"))?;
        Ok((head.status, answer))
    }
}

/// A connection of a task.
pub struct Connection {
    stream: tokio::net::TcpStream,
    received: Vec<u8>,
    filled: usize,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: vec![0; ANSWER_BYTES_FIRST], filled: 0 })
    }

    /// Sends a request and reads its answer to the end; answers the status.
    pub async fn call(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        let head = self.begin(request).await?;
        while self.filled < head.end + head.body_bytes {
            self.receive().await?;
        }
        Ok(head.status)
    }

    /// Sends a request and reads the head of its answer.
    pub async fn begin(&mut self, request: &[u8]) -> anyhow::Result<Head> {
        self.filled = 0;
        self.stream.write_all(request).await?;
        loop {
            self.receive().await?;
            if let Some(head) = Head::parse(&self.received[..self.filled]) {
                return Ok(head);
            }
        }
    }

    /// Reads an answer of unknown length until its last chunk, or until the connection is closed
    /// under it.
    pub async fn to_end(&mut self) {
        while !self.received[..self.filled].ends_with(b"0\r\n\r\n") {
            if self.receive().await.is_err() {
                return;
            }
        }
    }

    /// Reads on in an answer that comes in frames, a chunk each, until a frame has come to its end;
    /// answers what `look` makes of what has come since the last time.
    pub async fn frame<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> anyhow::Result<T> {
        while !self.received[..self.filled].ends_with(b"\n\n\r\n") {
            self.receive().await?;
        }
        let seen = look(&self.received[..self.filled]);
        self.filled = 0;
        Ok(seen)
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        if self.filled == self.received.len() {
            self.received.resize(self.received.len() * 2, 0);
        }
        let length = self.stream.read(&mut self.received[self.filled..]).await?;
        anyhow::ensure!(length > 0, "the connection was closed");
        self.filled += length;
        Ok(())
    }
}

/// What is read of an answer's head.
#[derive(Clone, Copy)]
pub struct Head {
    pub status: u16,
    /// Where the body begins.
    end: usize,
    body_bytes: usize,
}

impl Head {
    /// None while it is not whole.
    fn parse(received: &[u8]) -> Option<Self> {
        let end = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&received[..end]).ok()?;
        let status = head.get(9..12)?.parse().ok()?;
        let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
        let body_bytes = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        Some(Self { status, end, body_bytes })
    }
}
