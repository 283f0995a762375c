//! Calls to the gateway: blocking HTTP, JSON in and out, the key to one host only.

use crate::failure::{Failure, Refusal};
use crate::settings::{BaseUrl, Settings};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use ureq::http::{Method, Request, Response};
use ureq::tls::{PemItem, RootCerts, TlsConfig};
use ureq::{Agent, Body};

const CONNECT_TIMEOUT_MS: u64 = 5_000;
/// A kill answers within about a second; lists of a large installation may take longer.
const CALL_TIMEOUT_MS: u64 = 30_000;
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A list that is longer was not meant to be read in one go.
const PAGES_COUNT_MAX: usize = 1_000;

/// Kept as they are in a part of a path; everything else is escaped.
const PATH_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(crate) struct Client {
    agent: Agent,
    settings: Settings,
}

impl Client {
    /// # Errors
    /// A file of the authority to trust that cannot be read, or holds no certificate.
    pub(crate) fn new(settings: Settings) -> Result<Self, Failure> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry the key to a host that nobody configured.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_millis(CONNECT_TIMEOUT_MS)))
            .timeout_global(Some(Duration::from_millis(CALL_TIMEOUT_MS)))
            .user_agent(concat!("axme-cli/", env!("CARGO_PKG_VERSION")));
        // A proxy may pass encrypted calls on; of plain ones it would read the key.
        let config = if settings.url.is_encrypted() { config } else { config.proxy(None) };
        let config = match settings.ca_cert.as_deref().filter(|_| settings.url.is_encrypted()) {
            Some(path) => config.tls_config(trusting_only(path)?),
            None => config,
        };
        Ok(Self { agent: Agent::new_with_config(config.build()), settings })
    }

    pub(crate) fn url(&self) -> &BaseUrl {
        &self.settings.url
    }

    pub(crate) fn get(&self, path: &str, query: &impl Serialize) -> Result<Value, Failure> {
        self.call(Method::GET, &format!("{path}{}", query_string(query)), None, None)
    }

    /// Sends a body as JSON.
    pub(crate) fn post(&self, path: &str, body: &impl Serialize) -> Result<Value, Failure> {
        self.call(Method::POST, path, Some(to_json(body)?), None)
    }

    /// As [`post`](Self::post), and safe to repeat with the same idempotency key.
    pub(crate) fn post_once(
        &self,
        path: &str,
        body: &impl Serialize,
        idempotency_key: &str,
    ) -> Result<Value, Failure> {
        self.call(Method::POST, path, Some(to_json(body)?), Some(idempotency_key))
    }

    pub(crate) fn put(&self, path: &str, body: &impl Serialize) -> Result<Value, Failure> {
        self.call(Method::PUT, path, Some(to_json(body)?), None)
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::DELETE, path, None, None)
    }

    /// Reads a list to its end: the first answer, with the entries of the others added.
    pub(crate) fn get_all(
        &self,
        path: &str,
        query: &impl Serialize,
        list: &str,
    ) -> Result<Value, Failure> {
        let mut query = serde_json::to_value(query).unwrap_or_default();
        let mut answer = self.get(path, &query)?;
        for _ in 1..PAGES_COUNT_MAX {
            let Some(cursor) = answer.get("next_cursor").filter(|cursor| !cursor.is_null()) else {
                return Ok(answer);
            };
            if let Value::Object(query) = &mut query {
                query.insert("cursor".to_owned(), cursor.clone());
            }
            let mut page = self.get(path, &query)?;
            let next = page.get("next_cursor").cloned().unwrap_or_default();
            let more = page.get_mut(list).and_then(Value::as_array_mut).map(std::mem::take);
            let entries = answer.get_mut(list).and_then(Value::as_array_mut);
            if let (Some(entries), Some(more)) = (entries, more) {
                entries.extend(more);
            }
            if let Value::Object(answer) = &mut answer {
                answer.insert("next_cursor".to_owned(), next);
            }
        }
        Ok(answer)
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        idempotency_key: Option<&str>,
    ) -> Result<Value, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.settings.url))
            .header("accept", "application/json");
        if let Some(key) = &self.settings.key {
            request = request.header("x-api-key", &key.token);
        }
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let answer = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body)
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
            None => request
                .body(())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
        };
        self.read(answer.map_err(|source| self.unreachable(&source))?)
    }

    fn read(&self, mut answer: Response<Body>) -> Result<Value, Failure> {
        let status = answer.status().as_u16();
        let header = |name: &str| {
            let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or("").to_owned()
        };
        let (request_id, location) = (header("x-request-id"), header("location"));
        if (300..400).contains(&status) {
            return Err(Failure::Failed {
                what: format!(
                    "{} answers with a redirect to {location}. It was not followed, because the \
                     key is sent to no other host.",
                    self.settings.url
                ),
                next: "Give the gateway's own address: --url URL, or axme login --url URL".into(),
            });
        }
        let bytes = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec()
            .map_err(|source| self.unreachable(&source))?;
        if (200..300).contains(&status)
            && let Ok(value) = serde_json::from_slice(&bytes)
        {
            return Ok(value);
        }
        let mut refusal = Refusal::read(status, &request_id, &bytes);
        refusal.key_source = self.settings.key.as_ref().map(|key| key.source.clone());
        Err(Failure::Refused(Box::new(refusal)))
    }

    fn unreachable(&self, source: &ureq::Error) -> Failure {
        let (url, sent) = (&self.settings.url, !was_not_sent(source));
        let source = source.to_string();
        let source = source.strip_prefix("io: ").unwrap_or(&source);
        if let Some((claim, next)) = misunderstanding(source) {
            let what = format!("Cannot talk with the gateway at {url}: {source}.{claim}");
            return Failure::Failed { what, next: next.to_owned() };
        }
        if !sent {
            return Failure::Failed {
                what: format!("Cannot reach the gateway at {url}: {source}. Nothing was sent."),
                next: "Is it running, and is the URL right? Start one: axme serve. Other URL: \
                       --url URL"
                    .to_owned(),
            };
        }
        Failure::Failed {
            what: format!(
                "No complete answer came from {url}: {source}. The command may have taken effect."
            ),
            next: "Look (axme ps), or repeat the command: a kill is harmless twice.".to_owned(),
        }
    }
}

/// The answer as a typed value.
///
/// # Errors
/// An answer in another shape than this version knows.
pub(crate) fn read<T: DeserializeOwned>(answer: &Value) -> Result<T, Failure> {
    serde_json::from_value(answer.clone()).map_err(|source| {
        Failure::local(
            "The gateway's answer is not understood",
            source,
            "Is the gateway of the same version (axme status)? --json shows the answer.",
        )
    })
}

/// One part of a path, escaped. An address stays one part, so that no proxy on the way can
/// merge its slashes.
pub(crate) fn path_part(text: &str) -> String {
    utf8_percent_encode(text, PATH_PART).to_string()
}

/// `?a=1&b=2` for the set fields of a flat struct, or nothing.
fn query_string(query: &impl Serialize) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(query) else {
        return String::new();
    };
    let mut text = String::new();
    for (name, value) in &fields {
        let value = match value {
            Value::Null => continue,
            Value::String(value) => value.clone(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                value.to_string()
            }
        };
        let separator = if text.is_empty() { '?' } else { '&' };
        text.push_str(&format!("{separator}{name}={}", path_part(&value)));
    }
    text
}

fn to_json(body: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(body).map_err(|source| Failure::local("Cannot write JSON", source, ""))
}

/// Trust in the certificates of a PEM file, instead of the public authorities.
fn trusting_only(path: &Path) -> Result<TlsConfig, Failure> {
    let unusable = |problem: &dyn std::fmt::Display| {
        let shown = path.display();
        Failure::Usage(format!("Cannot use the CA certificate {shown}: {problem}"))
    };
    let text = std::fs::read(path).map_err(|source| unusable(&source))?;
    let mut trusted = Vec::new();
    for item in ureq::tls::parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.map_err(|source| unusable(&source))? {
            trusted.push(certificate);
        }
    }
    if trusted.is_empty() {
        return Err(unusable(&"it holds no certificate (-----BEGIN CERTIFICATE-----)"));
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&trusted)).build())
}

/// What is certain, and what to do, when the two sides do not speak the same, or not with whom they
/// meant to.
fn misunderstanding(source: &str) -> Option<(&'static str, &'static str)> {
    // Certificates are looked at in the handshake only.
    let not_sent = " Nothing was sent.";
    if source.contains("invalid peer certificate: UnknownIssuer") {
        let next = "Is it of a private authority? Name its certificate: --ca-cert PATH";
        return Some((not_sent, next));
    }
    if source.contains("invalid peer certificate") {
        let next = "Is this the gateway that you mean? Its certificate says otherwise.";
        return Some((not_sent, next));
    }
    if source.contains("received corrupt message of type InvalidContentType") {
        return Some(("", "Does it speak TLS at all? If not, its address begins with http://"));
    }
    let not_http = source.contains("invalid HTTP version");
    not_http.then_some(("", "Does it speak TLS? Then its address begins with https://"))
}

/// Whether the call failed before any byte of the request left.
fn was_not_sent(source: &ureq::Error) -> bool {
    if let ureq::Error::Io(source) = source {
        let never_connected = matches!(
            source.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable
        );
        // The standard library has no kind for a name that cannot be resolved.
        return never_connected || source.to_string().contains("lookup address");
    }
    matches!(
        source,
        ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::BadUri(_)
            | ureq::Error::Http(_)
            | ureq::Error::Tls(_)
            | ureq::Error::Rustls(_)
            | ureq::Error::InvalidProxyUrl
            | ureq::Error::ConnectProxyFailed(_)
            | ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_is_one_part_of_a_path() {
        assert_eq!(path_part("agent://org/ws/mail.er"), "agent%3A%2F%2Forg%2Fws%2Fmail.er");
    }

    #[test]
    fn a_query_holds_the_set_fields_escaped() {
        assert_eq!(query_string(&json!({})), "");
        let query = json!({"limit": 5, "agent": "agent://o/w/n", "cursor": null});
        assert_eq!(query_string(&query), "?agent=agent%3A%2F%2Fo%2Fw%2Fn&limit=5");
    }
}
