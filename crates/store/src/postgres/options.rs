//! How to reach a server, and how to behave there.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::postgres::lane::BULK_WAITING_MAX;
use crate::postgres::tls::{self, Trust};

/// The schema that a store uses unless its URL names another.
const SCHEMA_DEFAULT: &str = "axme";
/// With more its sessions' names would be cut by the server.
const SCHEMA_BYTES_MAX: usize = 32;

/// How to run a store at a PostgreSQL server.
///
/// The URL is `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?…`. Of several hosts the first
/// one that takes writes is used (`target_session_attrs=read-write` unless it says otherwise).
/// Beyond what `tokio_postgres` knows it may say:
///
/// * `schema=NAME`: where the tables are; `axme` by default.
/// * `sslmode=disable`: no TLS. `prefer`, the default: TLS where the server offers it, without
///   knowing to whom. `require`: TLS always; verified as by `verify-full` when `sslrootcert` is
///   given, else encrypted without knowing to whom. `verify-full`: TLS always, and the server's
///   certificate has to be for its host name and signed by an authority of `sslrootcert`, or by
///   one that the public web trusts when there is none.
/// * `sslrootcert=PATH`: a PEM file of authorities.
#[derive(Clone)]
pub struct PgOptions {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
    pub(super) schema: Box<str>,
    /// Whether replicas tell each other what they write. Without it they find out by asking.
    pub hints: bool,
    /// Uses a server that may lose or tear what it acknowledged (`fsync` or `full_page_writes` is
    /// off). Only for benches and tests of servers that are thrown away.
    pub allow_unsafe: bool,
    /// Bulk writes that may wait in each lane; one more is answered `Busy`.
    pub bulk_waiting_max: usize,
}

/// Why a URL cannot be used. Never holds its password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the URL of the store cannot be used: {0}")]
pub struct BadUrl(String);

impl PgOptions {
    /// Reads a URL. Nothing is opened but the file of `sslrootcert`.
    pub fn parse(url: &str) -> Result<Self, BadUrl> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(BadUrl("it has to begin with postgres://".to_owned()));
        }
        let own = Own::take(url)?;
        let mut config = Config::from_str(&own.rest).map_err(|error| {
            // The cause names the part that is wrong, and no value of it.
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            BadUrl(cause.unwrap_or_else(|| error.to_string()))
        })?;
        if !own.rest.contains("target_session_attrs=") {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let (mode, trust) = security(own.ssl_mode.as_deref(), own.root)?;
        config.ssl_mode(mode);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(2));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(2));
        }
        config.keepalives(true);
        config.keepalives_idle(Duration::from_secs(5));
        config.keepalives_interval(Duration::from_secs(1));
        config.keepalives_retries(3);
        let tls = tls::connector(&trust).map_err(BadUrl)?;
        let schema = own.schema.unwrap_or_else(|| SCHEMA_DEFAULT.to_owned());
        require_name(&schema)?;
        Ok(Self {
            config,
            tls,
            schema: schema.into(),
            hints: true,
            allow_unsafe: false,
            bulk_waiting_max: BULK_WAITING_MAX,
        })
    }

    /// The same server, and tables of another schema.
    #[must_use]
    pub(super) fn in_schema(&self, schema: &str) -> Self {
        Self { schema: schema.into(), ..self.clone() }
    }

    /// The schema that holds the tables.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }
}

impl std::fmt::Debug for PgOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgOptions")
            .field("hosts", &self.config.get_hosts())
            .field("schema", &self.schema)
            .field("hints", &self.hints)
            .finish_non_exhaustive()
    }
}

/// The parameters that are ours, and the URL without them.
#[derive(Debug, Default)]
struct Own {
    rest: String,
    schema: Option<String>,
    ssl_mode: Option<String>,
    root: Option<PathBuf>,
}

impl Own {
    fn take(url: &str) -> Result<Self, BadUrl> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut own = Self::default();
        let mut others = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = percent_decode_str(value)
                .decode_utf8()
                .map_err(|_invalid| BadUrl(format!("{name} is not UTF-8")))?
                .into_owned();
            match name {
                "schema" => own.schema = Some(decoded),
                "sslmode" => own.ssl_mode = Some(decoded),
                "sslrootcert" => own.root = Some(decoded.into()),
                _ => others.push(pair),
            }
        }
        let separator = if others.is_empty() { "" } else { "?" };
        own.rest = format!("{base}{separator}{}", others.join("&"));
        Ok(own)
    }
}

fn security(mode: Option<&str>, root: Option<PathBuf>) -> Result<(SslMode, Trust), BadUrl> {
    let known = root.map(Trust::File);
    match mode {
        Some("disable") => Ok((SslMode::Disable, Trust::Anyone)),
        None | Some("prefer") => Ok((SslMode::Prefer, known.unwrap_or(Trust::Anyone))),
        Some("require") => Ok((SslMode::Require, known.unwrap_or(Trust::Anyone))),
        Some("verify-full") => Ok((SslMode::Require, known.unwrap_or(Trust::Web))),
        Some(other) => Err(BadUrl(format!(
            "sslmode is {other:?}; it may be disable, prefer, require or verify-full"
        ))),
    }
}

/// A schema's name stands in statements and in the names of sessions and channels.
fn require_name(schema: &str) -> Result<(), BadUrl> {
    let mut letters = schema.chars();
    let begins = letters.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_');
    let goes_on = letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if begins && goes_on && schema.len() <= SCHEMA_BYTES_MAX && !schema.starts_with("pg_") {
        return Ok(());
    }
    Err(BadUrl(format!(
        "schema is {schema:?}; it may have up to {SCHEMA_BYTES_MAX} of a-z, 0-9 and _, not begin \
         with a digit, and not with pg_"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_parameters_are_taken_and_the_others_left() {
        let url = "postgres://u:p@a:1,b:2/d?schema=one&connect_timeout=7&sslmode=disable";
        let options = PgOptions::parse(url).unwrap();
        assert_eq!(options.schema(), "one");
        assert_eq!(options.config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(options.config.get_hosts().len(), 2);
        assert_eq!(options.config.get_connect_timeout(), Some(&Duration::from_secs(7)));
        assert_eq!(options.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    }

    #[test]
    fn what_cannot_be_used_is_said_without_the_password() {
        for url in [
            "mysql://u:secret@a/d",
            "postgres://u:secret@a/d?sslmode=perhaps",
            "postgres://u:secret@a/d?schema=a%22b",
            "postgres://u:secret@a/d?schema=pg_own",
            "postgres://u:secret@a:port/d",
            "postgres://u:secret@a/d?unknown=1",
            "postgres://u:secret@a/d?sslrootcert=/nowhere/at/all.pem",
        ] {
            let told = PgOptions::parse(url).unwrap_err().to_string();
            assert!(!told.contains("secret"), "{told}");
        }
        let told = format!("{:?}", PgOptions::parse("postgres://u:secret@a/d").unwrap());
        assert!(!told.contains("secret"), "{told}");
    }
}
