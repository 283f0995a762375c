//! Configuration: flags before environment before file, validated once into [`Config`].
//!
//! It is read at the start and does not change; policies live in the store.

mod given;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axme_core::address::is_slug;
use axme_core::lease::Lease;
use axme_engine::EngineOptions;
use axme_engine::bootstrap::{Bootstrap, OWNER_KEY_CHARS_MIN};
use axme_store::postgres::PgOptions;
use ipnet::IpNet;

pub use crate::tls::TlsFiles;
pub use given::Given;

use crate::dashboard::DashboardOptions;
use crate::http::HttpOptions;

const LISTEN_DEFAULT: &str = "127.0.0.1:8080";
const DATA_DIR_DEFAULT: &str = "./axme-data";
const SLUG_DEFAULT: &str = "default";
const DRAIN_MS_DEFAULT: u64 = 2_000;
const SHUTDOWN_MS_DEFAULT: u64 = 10_000;
const CONNECTIONS_MAX_DEFAULT: usize = 10_000;
/// Longest name of a replica or region, in bytes.
const NAME_BYTES_MAX: usize = 128;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a gateway runs with.
#[derive(Debug)]
pub struct Config {
    pub listen: SocketAddr,
    /// A listener of its own for operators and owners, which agents cannot fill.
    pub operator_listen: Option<SocketAddr>,
    /// What both listeners encrypt with; in the clear without it.
    pub tls: Option<TlsFiles>,
    pub connections_max: usize,
    pub data_dir: PathBuf,
    pub store: StorePlace,
    pub replica: ReplicaConfig,
    pub public_url: String,
    /// How long to answer "not ready" before streams are ended.
    pub drain: Duration,
    /// How long work in flight has to finish.
    pub shutdown: Duration,
    pub bootstrap: Bootstrap,
    pub engine: EngineOptions,
    pub http: HttpOptions,
    pub dashboard: DashboardOptions,
}

/// What this replica is called, and what it trusts itself by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaConfig {
    /// The host's name when none was given.
    pub id: Option<String>,
    pub region: Option<String>,
    pub lease: Lease,
}

/// Where the store is.
#[derive(Clone, Debug)]
pub enum StorePlace {
    /// In the data folder.
    DataDir,
    /// A SQLite file somewhere else.
    SqliteFile(PathBuf),
    /// A PostgreSQL server, which replicas share.
    Postgres(Box<PgOptions>),
}

/// Why a gateway cannot run with what it was given.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: {problem}", path.display())]
    File { path: PathBuf, problem: String },
    #[error("{setting}: {problem}")]
    Invalid { setting: &'static str, problem: String },
}

impl Config {
    /// Puts together what was given: flags and environment in `given`, the rest from its file.
    pub fn load(given: Given) -> Result<Self, ConfigError> {
        let given = given.with_file()?;
        let owner_key = given.owner_key()?;
        let listen = address("listen", given.listen.as_deref().unwrap_or(LISTEN_DEFAULT))?;
        let operator_listen = given.operator_listen.as_deref();
        let operator_listen =
            operator_listen.map(|text| address("operator_listen", text)).transpose()?;
        let engine = engine_options(&given)?;
        let replica = replica_config(&given)?;
        let store = given.store.as_deref().map_or(Ok(StorePlace::DataDir), store_place)?;
        let tls = tls_files(&given)?;
        let public_url = given.public_url.as_deref().map(public_url).transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        Ok(Self {
            http: HttpOptions {
                storage: store.kind(),
                public_url: public_url.clone(),
                ..http_options(&given)?
            },
            dashboard: DashboardOptions { insecure: given.insecure_dashboard.unwrap_or_default() },
            bootstrap: Bootstrap {
                organization: slug("org", given.org.as_deref())?,
                workspace: slug("workspace", given.workspace.as_deref())?,
                owner_key,
            },
            listen,
            operator_listen,
            tls,
            connections_max: at_least_one(
                "connections_max",
                given.connections_max,
                CONNECTIONS_MAX_DEFAULT,
            )?,
            data_dir: given.data_dir.unwrap_or_else(|| DATA_DIR_DEFAULT.into()),
            store,
            replica,
            public_url: public_url.unwrap_or_else(|| format!("{scheme}://{listen}")),
            drain: Duration::from_millis(given.drain_ms.unwrap_or(DRAIN_MS_DEFAULT)),
            shutdown: Duration::from_millis(given.shutdown_ms.unwrap_or(SHUTDOWN_MS_DEFAULT)),
            engine,
        })
    }
}

impl StorePlace {
    /// As `/health` calls it.
    const fn kind(&self) -> &'static str {
        match self {
            Self::DataDir | Self::SqliteFile(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }
}

fn replica_config(given: &Given) -> Result<ReplicaConfig, ConfigError> {
    let lease = match given.lease_ms {
        None => Lease::DEFAULT,
        Some(ms) => Lease::new(Duration::from_millis(ms)).ok_or_else(|| {
            let (least, most) = (Lease::MIN.as_millis(), Lease::MAX.as_millis());
            invalid("lease_ms", &format!("must be between {least} and {most}"))
        })?,
    };
    Ok(ReplicaConfig {
        id: given.replica_id.as_deref().map(|text| name("replica_id", text)).transpose()?,
        region: given.region.as_deref().map(|text| name("region", text)).transpose()?,
        lease,
    })
}

/// A name that tables and logs show as it is.
fn name(setting: &'static str, text: &str) -> Result<String, ConfigError> {
    let fits = (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    if fits {
        return Ok(text.to_owned());
    }
    let problem = format!("{text:?} is not 1 to {NAME_BYTES_MAX} letters, digits and -_.:");
    Err(invalid(setting, &problem))
}

fn engine_options(given: &Given) -> Result<EngineOptions, ConfigError> {
    let defaults = EngineOptions::default();
    let days = given.retain_intents_days;
    if days == Some(0) {
        return Err(invalid("retain_intents_days", "must be at least 1"));
    }
    Ok(EngineOptions {
        lenient_addressing: given.lenient_addressing.unwrap_or(defaults.lenient_addressing),
        retain_intents: days.map_or(defaults.retain_intents, |days| DAY * days),
        reserve_bytes: given.reserve_mb.map_or(defaults.reserve_bytes, |mb| mb << 20),
    })
}

fn http_options(given: &Given) -> Result<HttpOptions, ConfigError> {
    let defaults = HttpOptions::default();
    let proxies = given.trusted_proxies.iter().flatten();
    let trusted_proxies = proxies.map(|text| network(text)).collect::<Result<_, _>>()?;
    let payload = given.payload_bytes_max;
    Ok(HttpOptions {
        payload_bytes_max: at_least_one("payload_bytes_max", payload, defaults.payload_bytes_max)?,
        agent_inflight_max: at_least_one(
            "agent_inflight_max",
            given.agent_inflight_max,
            defaults.agent_inflight_max,
        )?,
        trusted_proxies,
        lenient_addressing: given.lenient_addressing.unwrap_or(defaults.lenient_addressing),
        ..defaults
    })
}

fn tls_files(given: &Given) -> Result<Option<TlsFiles>, ConfigError> {
    match (given.tls_cert.clone(), given.tls_key.clone()) {
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(invalid("tls_key", "is missing: tls_cert has no use without it")),
        (None, Some(_)) => Err(invalid("tls_cert", "is missing: tls_key has no use without it")),
    }
}

fn address(setting: &'static str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_bad: std::net::AddrParseError| {
        invalid(setting, &format!("{text:?} is not an address and port, such as 127.0.0.1:8080"))
    })
}

/// The address by which people come: a scheme and a host, and nothing behind it.
fn public_url(text: &str) -> Result<String, ConfigError> {
    let trimmed = text.trim().trim_end_matches('/');
    let parsed: Option<axum::http::Uri> = trimmed.parse().ok();
    let fits = parsed.is_some_and(|uri| {
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        let whole = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let named = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        scheme && whole && named
    });
    if fits {
        return Ok(trimmed.to_owned());
    }
    let problem = format!("{text:?} is not like https://gateway.example or http://10.0.0.7:8080");
    Err(invalid("public_url", &problem))
}

fn network(text: &str) -> Result<IpNet, ConfigError> {
    let text = text.trim();
    let single = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse().or_else(|_: ipnet::AddrParseError| single()).map_err(
        |_bad: std::net::AddrParseError| {
            invalid("trusted_proxies", &format!("{text:?} is not a network, such as 10.0.0.0/8"))
        },
    )
}

fn slug(setting: &'static str, text: Option<&str>) -> Result<String, ConfigError> {
    let text = text.unwrap_or(SLUG_DEFAULT);
    if is_slug(text) {
        return Ok(text.to_owned());
    }
    Err(invalid(
        setting,
        &format!("{text:?} is not 3 to 63 lower-case letters, digits and hyphens"),
    ))
}

fn store_place(text: &str) -> Result<StorePlace, ConfigError> {
    match text.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => {
            Ok(StorePlace::SqliteFile(path.trim_start_matches("//").into()))
        }
        // The text is not repeated in an error: it may hold a password.
        Some(("postgres" | "postgresql", _)) => PgOptions::parse(text)
            .map(|options| StorePlace::Postgres(Box::new(options)))
            .map_err(|error| invalid("store", &error.to_string())),
        Some((scheme, _)) => {
            let wanted = "it must be sqlite:PATH or postgres://USER@HOST/DATABASE";
            Err(invalid("store", &format!("{scheme:?} is no kind of store; {wanted}")))
        }
        None => Err(invalid("store", "it must be sqlite:PATH or postgres://USER@HOST/DATABASE")),
    }
}

fn at_least_one<T: From<u8> + PartialOrd>(
    setting: &'static str,
    given: Option<T>,
    default: T,
) -> Result<T, ConfigError> {
    match given {
        Some(value) if value < T::from(1) => Err(invalid(setting, "must be at least 1")),
        Some(value) => Ok(value),
        None => Ok(default),
    }
}

fn invalid(setting: &'static str, problem: &str) -> ConfigError {
    ConfigError::Invalid { setting, problem: problem.to_owned() }
}

fn check_owner_key(key: &str) -> Result<(), ConfigError> {
    if key.chars().count() < OWNER_KEY_CHARS_MIN {
        let problem = format!("the owner key must have at least {OWNER_KEY_CHARS_MIN} characters");
        return Err(invalid("AXME_OWNER_KEY", &problem));
    }
    if key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(invalid("AXME_OWNER_KEY", "the owner key must be visible characters without spaces"))
    }
}

#[cfg(test)]
mod tests;
