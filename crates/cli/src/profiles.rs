//! Gateways that someone signed in to: a TOML file that only its owner can read.

use crate::failure::Failure;
use etcetera::{BaseStrategy, choose_base_strategy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The profile that is used when none is named and none was signed in to last.
pub(crate) const DEFAULT_PROFILE: &str = "default";

/// All profiles of this user.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profiles {
    /// The one signed in to last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// One gateway and the key for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    pub(crate) url: String,
    pub(crate) key: String,
    /// PEM file of the authority that is trusted with this gateway's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_cert: Option<PathBuf>,
}

/// Where the profiles are kept: `AXME_CONFIG_DIR`, else the user's configuration folder.
pub(crate) fn path(config_dir: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = match config_dir {
        Some(folder) => folder.to_owned(),
        None => choose_base_strategy()
            .map_err(|source| {
                Failure::local("No home folder is known", source, "Set AXME_CONFIG_DIR")
            })?
            .config_dir()
            .join("axme"),
    };
    Ok(folder.join("profiles.toml"))
}

impl Profiles {
    /// Reads the file; no file means no profiles.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(source) => {
                let what = format!("Cannot read {}", path.display());
                return Err(Failure::local(what, source, "Check who may read it."));
            }
        };
        // The parser's own words would quote the line, which may hold a key.
        toml::from_str(&text).map_err(|source| {
            let what = format!("{} is not a file of profiles", path.display());
            Failure::local(what, source.message(), "Correct it, or remove it and run: axme login")
        })
    }

    /// Replaces the file as a whole; it is private from its first byte.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Failure> {
        self.write(path).map_err(|source| {
            let what = format!("Cannot write {}", path.display());
            Failure::local(what, source, "Check the folder, or set AXME_CONFIG_DIR.")
        })
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = toml::to_string(self).map_err(std::io::Error::other)?;
        if let Some(folder) = path.parent() {
            create_private_folder(folder)?;
        }
        let fresh = path.with_extension(format!("toml.{}", std::process::id()));
        // A leftover may have other permissions; `create_new` below would refuse it.
        let _ = std::fs::remove_file(&fresh);
        let written = create_private_file(&fresh).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        let replaced = written.and_then(|()| std::fs::rename(&fresh, path));
        if replaced.is_err() {
            let _ = std::fs::remove_file(&fresh);
        }
        replaced
    }

    /// The profile to use when the command line names none.
    pub(crate) fn current_name(&self) -> &str {
        self.current.as_deref().unwrap_or(DEFAULT_PROFILE)
    }
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(unix)]
fn create_private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create_private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

#[cfg(unix)]
fn create_private_file(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create_private_file(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_profile() -> Profiles {
        let profile = Profile {
            url: "http://127.0.0.1:1".into(),
            key: "axme_sa_secret".into(),
            ca_cert: Some("/etc/ca.pem".into()),
        };
        Profiles {
            current: Some("work".into()),
            profiles: BTreeMap::from([("work".to_owned(), profile)]),
        }
    }

    #[test]
    fn what_was_saved_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(Some(&folder.path().join("deep/axme"))).unwrap();
        assert_eq!(Profiles::load(&path).unwrap(), Profiles::default());
        one_profile().save(&path).unwrap();
        assert_eq!(Profiles::load(&path).unwrap(), one_profile());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_file_whatever_it_was_before() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = path(Some(&folder.path().join("axme"))).unwrap();
        one_profile().save(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        one_profile().save(&path).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_file_is_named_without_showing_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(Some(folder.path())).unwrap();
        std::fs::write(&path, "[profiles.default]\nurl = 'u'\nkey = axme_sa_secret").unwrap();
        let text = Profiles::load(&path).unwrap_err().to_string();
        assert!(text.contains("profiles.toml"), "{text}");
        assert!(!text.contains("axme_sa_secret"), "{text}");
        assert!(!format!("{:?}", one_profile()).contains("axme_sa_secret"));
    }
}
