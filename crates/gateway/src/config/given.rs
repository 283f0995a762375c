//! What was given by flags, environment and file, before it is validated.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use super::{ConfigError, check_owner_key};

/// Every setting of `axme serve`. Flags win over the environment, the environment over the file.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Given {
    /// TOML file with any of these settings, named like the flags with underscores
    #[arg(long, value_name = "FILE", env = "AXME_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Address to serve on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", env = "AXME_LISTEN")]
    pub listen: Option<String>,

    /// A second address, for operators and owners only, that agents cannot fill
    #[arg(long, value_name = "ADDRESS", env = "AXME_OPERATOR_LISTEN")]
    pub operator_listen: Option<String>,

    /// Serve over TLS with the certificate chain in this PEM file; it is read again when it changes
    #[arg(long, value_name = "FILE", env = "AXME_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with the private key of that certificate
    #[arg(long, value_name = "FILE", env = "AXME_TLS_KEY")]
    pub tls_key: Option<PathBuf>,

    /// Folder for the store and the first owner key [default: ./axme-data]
    #[arg(long, value_name = "FOLDER", env = "AXME_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Where the store is: sqlite:PATH or postgres://USER@HOST,HOST/DATABASE [default: in the data
    /// folder]
    #[arg(long, value_name = "URL", env = "AXME_STORE")]
    pub store: Option<String>,

    /// Name of this replica; a pod's or a machine's [default: host name and a random suffix]
    #[arg(long, value_name = "NAME", env = "AXME_REPLICA_ID")]
    pub replica_id: Option<String>,

    /// Where this replica runs, as receipts show it
    #[arg(long, value_name = "REGION", env = "AXME_REGION")]
    pub region: Option<String>,

    /// How long a replica is trusted that does not renew; the longest one bounds every kill
    /// [default: 700]
    #[arg(long, value_name = "MS", env = "AXME_LEASE_MS")]
    pub lease_ms: Option<u64>,

    /// Slug of the first organization [default: default]
    #[arg(long, value_name = "SLUG", env = "AXME_ORG")]
    pub org: Option<String>,

    /// Slug of the first workspace [default: default]
    #[arg(long, value_name = "SLUG", env = "AXME_WORKSPACE")]
    pub workspace: Option<String>,

    /// Where people and agents reach this gateway [default: https:// with TLS, else http://, and --listen]
    #[arg(long, value_name = "URL", env = "AXME_PUBLIC_URL")]
    pub public_url: Option<String>,

    /// Networks whose X-Forwarded-For and X-Forwarded-Proto count [default: none]
    #[arg(long, value_name = "CIDR,…", value_delimiter = ',', env = "AXME_TRUSTED_PROXIES")]
    pub trusted_proxies: Option<Vec<String>>,

    /// How long to answer "not ready" before streams are ended [default: 2000]
    #[arg(long, value_name = "MS", env = "AXME_DRAIN_MS")]
    pub drain_ms: Option<u64>,

    /// How long work in flight has to finish [default: 10000]
    #[arg(long, value_name = "MS", env = "AXME_SHUTDOWN_MS")]
    pub shutdown_ms: Option<u64>,

    /// How long ended intents are kept [default: 30]
    #[arg(long, value_name = "DAYS", env = "AXME_RETAIN_INTENTS_DAYS")]
    pub retain_intents_days: Option<u32>,

    /// Requests of one agent at a time [default: 64]
    #[arg(long, value_name = "COUNT", env = "AXME_AGENT_INFLIGHT_MAX")]
    pub agent_inflight_max: Option<u32>,

    /// Connections at a time [default: 10000]
    #[arg(long, value_name = "COUNT", env = "AXME_CONNECTIONS_MAX")]
    pub connections_max: Option<usize>,

    /// Largest payload of an intent [default: 131072]
    #[arg(long, value_name = "BYTES", env = "AXME_PAYLOAD_BYTES_MAX")]
    pub payload_bytes_max: Option<usize>,

    /// Free disk space that is kept for kills and their audit [default: 64]
    #[arg(long, value_name = "MB", env = "AXME_RESERVE_MB")]
    pub reserve_mb: Option<u64>,

    /// Take addresses that nobody has registered, and short ones
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        env = "AXME_LENIENT_ADDRESSING"
    )]
    pub lenient_addressing: Option<bool>,

    /// Serve the dashboard without https to other machines too
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        env = "AXME_INSECURE_DASHBOARD"
    )]
    pub insecure_dashboard: Option<bool>,

    /// File that holds the owner key to use; AXME_OWNER_KEY holds the key itself
    #[arg(long, value_name = "FILE", env = "AXME_OWNER_KEY_FILE")]
    pub owner_key_file: Option<PathBuf>,

    /// The owner key to use. Only from the environment: flags can be read by everybody here.
    #[arg(skip)]
    #[serde(skip)]
    pub owner_key: Option<Secret>,
}

/// A secret that does not show when settings are printed.
#[derive(Clone)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Given {
    /// Takes the owner key from the environment, where `variable` reads it.
    #[must_use]
    pub fn with_owner_key(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        self.owner_key = variable("AXME_OWNER_KEY").filter(|key| !key.is_empty()).map(Secret);
        self
    }

    /// Fills what was not given from the file, if there is one.
    pub(super) fn with_file(self) -> Result<Self, ConfigError> {
        let Some(path) = self.config.clone() else { return Ok(self) };
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        let file: Self = toml::from_str(&text)
            .map_err(|error| ConfigError::File { path, problem: error.to_string() })?;
        Ok(self.or(file))
    }

    fn or(self, file: Self) -> Self {
        Self {
            config: self.config,
            listen: self.listen.or(file.listen),
            operator_listen: self.operator_listen.or(file.operator_listen),
            tls_cert: self.tls_cert.or(file.tls_cert),
            tls_key: self.tls_key.or(file.tls_key),
            data_dir: self.data_dir.or(file.data_dir),
            store: self.store.or(file.store),
            replica_id: self.replica_id.or(file.replica_id),
            region: self.region.or(file.region),
            lease_ms: self.lease_ms.or(file.lease_ms),
            org: self.org.or(file.org),
            workspace: self.workspace.or(file.workspace),
            public_url: self.public_url.or(file.public_url),
            trusted_proxies: self.trusted_proxies.or(file.trusted_proxies),
            drain_ms: self.drain_ms.or(file.drain_ms),
            shutdown_ms: self.shutdown_ms.or(file.shutdown_ms),
            retain_intents_days: self.retain_intents_days.or(file.retain_intents_days),
            agent_inflight_max: self.agent_inflight_max.or(file.agent_inflight_max),
            connections_max: self.connections_max.or(file.connections_max),
            payload_bytes_max: self.payload_bytes_max.or(file.payload_bytes_max),
            reserve_mb: self.reserve_mb.or(file.reserve_mb),
            lenient_addressing: self.lenient_addressing.or(file.lenient_addressing),
            insecure_dashboard: self.insecure_dashboard.or(file.insecure_dashboard),
            owner_key_file: self.owner_key_file.or(file.owner_key_file),
            owner_key: self.owner_key,
        }
    }

    /// The preset owner key, from the environment or the file that it stands in.
    pub(super) fn owner_key(&self) -> Result<Option<String>, ConfigError> {
        let key = match (&self.owner_key, &self.owner_key_file) {
            (Some(Secret(key)), _) => key.clone(),
            (None, Some(path)) => std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?,
            (None, None) => return Ok(None),
        };
        let key = key.trim().to_owned();
        check_owner_key(&key)?;
        Ok(Some(key))
    }
}
