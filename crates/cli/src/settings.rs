//! Which gateway and which key: flags, then environment, then profile, then the local gateway.

use crate::failure::Failure;
use crate::profiles::{Profile, Profiles};
use std::path::{Path, PathBuf};

mod base_url;

pub(crate) use base_url::BaseUrl;

/// A gateway that was started on this machine without options.
const LOCAL_GATEWAY: &str = "http://127.0.0.1:8080";

/// Heading of these flags in the help, apart from those of the verb.
const EVERYWHERE: &str = "Everywhere";

/// Flags of every verb.
#[derive(Debug, Default, Clone, clap::Args)]
pub(crate) struct GlobalFlags {
    /// Base URL of the gateway [env: AXME_URL, AXME_BASE_URL]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// File that holds the key [env: AXME_API_KEY_FILE; the key itself: AXME_API_KEY]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "PATH")]
    pub(crate) key_file: Option<PathBuf>,
    /// PEM file of the authority that alone is trusted with the gateway's certificate
    /// [env: AXME_CA_CERT]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "PATH")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// Which of the gateways signed in to [env: AXME_PROFILE]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Print the gateway's JSON answer
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Ask nothing
    #[arg(long, short = 'y', global = true, help_heading = EVERYWHERE)]
    pub(crate) yes: bool,
}

/// What the environment says. A value, so that tests need not change the process.
#[derive(Default, Clone)]
pub(crate) struct Environment {
    pub(crate) url: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) ca_cert: Option<PathBuf>,
    pub(crate) profile: Option<String>,
    pub(crate) config_dir: Option<PathBuf>,
    /// Where people reach the dashboard.
    pub(crate) dashboard_url: Option<String>,
    pub(crate) desktop: Option<Desktop>,
}

/// What opens links here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Desktop {
    /// Linux and its like, with a display.
    FreeDesktop,
    Mac,
}

impl Desktop {
    /// The desktop of this process; none where nobody sits in front of it.
    fn found() -> Option<Self> {
        if cfg!(target_os = "macos") {
            return Some(Self::Mac);
        }
        let shows = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        (shows("DISPLAY") || shows("WAYLAND_DISPLAY")).then_some(Self::FreeDesktop)
    }
}

impl Environment {
    /// Reads the variables of this process; empty ones count as unset.
    pub(crate) fn read() -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        Self {
            url: var("AXME_URL").or_else(|| var("AXME_BASE_URL")),
            key: var("AXME_API_KEY"),
            key_file: path("AXME_API_KEY_FILE"),
            ca_cert: path("AXME_CA_CERT"),
            profile: var("AXME_PROFILE"),
            config_dir: path("AXME_CONFIG_DIR"),
            dashboard_url: var("AXME_MESH_DASHBOARD_URL"),
            desktop: Desktop::found(),
        }
    }
}

/// A key and where it came from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ApiKey {
    pub(crate) token: String,
    pub(crate) source: String,
}

/// Where to call, and with which key.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) url: BaseUrl,
    pub(crate) key: Option<ApiKey>,
    /// The authority to trust instead of the public ones; an absolute path.
    pub(crate) ca_cert: Option<PathBuf>,
    pub(crate) profile: String,
    /// Set when the profile holds a key that belongs to another gateway than `url`.
    profile_is_for: Option<String>,
}

/// Decides gateway and key.
///
/// The key of a profile is used only for the URL of that profile: otherwise `--url` would hand
/// it to any host.
///
/// # Errors
/// A profile that does not exist, a URL or key that cannot be used, a file that cannot be read.
pub(crate) fn resolve(
    flags: &GlobalFlags,
    environment: &Environment,
    profiles: &Profiles,
) -> Result<Settings, Failure> {
    let named = flags.profile.as_ref().or(environment.profile.as_ref());
    let name = named.map_or_else(|| profiles.current_name(), String::as_str);
    let profile = profiles.profiles.get(name);
    if named.is_some() && profile.is_none() {
        return Err(Failure::Usage(unknown_profile(name, profiles)));
    }
    let given_url = flags.url.as_ref().or(environment.url.as_ref());
    let of_profile = profile.map(|profile| BaseUrl::parse(&profile.url)).transpose()?;
    let url = match (given_url, &of_profile) {
        (Some(url), _) => BaseUrl::parse(url)?,
        (None, Some(url)) => url.clone(),
        (None, None) => BaseUrl::parse(LOCAL_GATEWAY)?,
    };
    let same_gateway = of_profile.as_ref() == Some(&url);
    let key = match given_key(flags, environment)? {
        Some(key) => Some(key),
        None => {
            profile.filter(|_| same_gateway).map(|profile| key_of(name, profile)).transpose()?
        }
    };
    let ca_cert = match flags.ca_cert.as_ref().or(environment.ca_cert.as_ref()) {
        Some(path) => Some(absolute(path)?),
        None => profile.filter(|_| same_gateway).and_then(|profile| profile.ca_cert.clone()),
    };
    let profile_is_for = of_profile.filter(|_| !same_gateway).map(|url| url.to_string());
    Ok(Settings { url, key, ca_cert, profile: name.to_owned(), profile_is_for })
}

/// The key that flags or environment give.
pub(crate) fn given_key(
    flags: &GlobalFlags,
    environment: &Environment,
) -> Result<Option<ApiKey>, Failure> {
    if let Some(path) = &flags.key_file {
        return key_file(path).map(Some);
    }
    if let Some(token) = &environment.key {
        return ApiKey::new(token, "AXME_API_KEY").map(Some);
    }
    environment.key_file.as_ref().map(key_file).transpose()
}

impl ApiKey {
    /// # Errors
    /// Text that no header can carry.
    pub(crate) fn new(token: &str, source: impl Into<String>) -> Result<Self, Failure> {
        let (token, source) = (token.trim(), source.into());
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::Usage(format!(
                "{source} holds no key: a key is one line of letters, digits and signs."
            )));
        }
        Ok(Self { token: token.to_owned(), source })
    }
}

impl Settings {
    /// What to say when a verb needs a key and there is none.
    pub(crate) fn missing_key(&self) -> String {
        let url = &self.url;
        match &self.profile_is_for {
            Some(other) => format!(
                "No key for {url}: the profile `{}` is for {other}, and its key is not sent \
                 elsewhere. Sign in: axme login --url {url} --profile NAME",
                self.profile
            ),
            None => {
                format!("No key for {url}. Sign in (axme login --url {url}), or set AXME_API_KEY.")
            }
        }
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey").field("source", &self.source).finish_non_exhaustive()
    }
}

/// As a profile keeps it: later commands may be run in other folders.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|source| {
        Failure::Usage(format!("Cannot use the CA certificate {}: {source}", path.display()))
    })
}

fn key_of(name: &str, profile: &Profile) -> Result<ApiKey, Failure> {
    ApiKey::new(&profile.key, format!("the profile `{name}`"))
}

fn key_file(path: impl AsRef<Path>) -> Result<ApiKey, Failure> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).map_err(|source| {
        Failure::Usage(format!("Cannot read the key file {}: {source}", path.display()))
    })?;
    ApiKey::new(&text, path.display().to_string())
}

fn unknown_profile(name: &str, profiles: &Profiles) -> String {
    let known: Vec<&str> = profiles.profiles.keys().map(String::as_str).collect();
    if known.is_empty() {
        return format!("No profile `{name}`: axme login --url URL --profile {name} makes it.");
    }
    format!("No profile `{name}`. There are: {}.", known.join(", "))
}

#[cfg(test)]
mod tests;
