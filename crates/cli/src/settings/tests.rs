//! Precedence of flags, environment and profile.

use super::*;
use std::collections::BTreeMap;

fn profiles() -> Profiles {
    let profile =
        |url: &str, key: &str| Profile { url: url.into(), key: key.into(), ca_cert: None };
    Profiles {
        current: Some("work".into()),
        profiles: BTreeMap::from([
            ("work".to_owned(), profile("https://work.example", "work-key")),
            ("home".to_owned(), profile("https://home.example", "home-key")),
        ]),
    }
}

fn key_of(settings: &Settings) -> Option<&str> {
    settings.key.as_ref().map(|key| key.token.as_str())
}

#[test]
fn nothing_given_means_the_local_gateway_without_a_key() {
    let flags = GlobalFlags::default();
    let found = resolve(&flags, &Environment::default(), &Profiles::default()).unwrap();
    assert_eq!(found.url.to_string(), LOCAL_GATEWAY);
    assert_eq!(found.key, None);
    assert!(found.missing_key().contains("axme login --url http://127.0.0.1:8080"));
}

#[test]
fn flags_win_over_environment_over_profile() {
    let mut flags = GlobalFlags::default();
    let mut environment = Environment::default();
    let found = resolve(&flags, &environment, &profiles()).unwrap();
    assert_eq!(found.url.to_string(), "https://work.example");
    assert_eq!(key_of(&found), Some("work-key"));

    environment.url = Some("https://env.example".into());
    environment.key = Some("env-key".into());
    let found = resolve(&flags, &environment, &profiles()).unwrap();
    assert_eq!(found.url.to_string(), "https://env.example");
    assert_eq!(key_of(&found), Some("env-key"));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "file-key\n").unwrap();
    flags.url = Some("https://flag.example".into());
    flags.key_file = Some(path);
    let found = resolve(&flags, &environment, &profiles()).unwrap();
    assert_eq!(found.url.to_string(), "https://flag.example");
    assert_eq!(key_of(&found), Some("file-key"));
}

#[test]
fn a_named_profile_must_exist() {
    let mut flags = GlobalFlags { profile: Some("home".into()), ..GlobalFlags::default() };
    let environment = Environment { profile: Some("work".into()), ..Environment::default() };
    let found = resolve(&flags, &environment, &profiles()).unwrap();
    assert_eq!(key_of(&found), Some("home-key"));

    flags.profile = Some("nowhere".into());
    let text = resolve(&flags, &environment, &profiles()).unwrap_err().to_string();
    assert!(text.contains("nowhere") && text.contains("home, work"), "{text}");
}

#[test]
fn the_key_of_a_profile_goes_to_its_own_gateway_only() {
    let flags = GlobalFlags { url: Some("https://other.example".into()), ..GlobalFlags::default() };
    let found = resolve(&flags, &Environment::default(), &profiles()).unwrap();
    assert_eq!(found.key, None);
    assert!(found.missing_key().contains("is for https://work.example"));

    let flags = GlobalFlags { url: Some("https://WORK.example/".into()), ..flags };
    let found = resolve(&flags, &Environment::default(), &profiles()).unwrap();
    assert_eq!(key_of(&found), Some("work-key"));
}

#[test]
fn text_that_is_no_key_is_refused_by_its_source_and_not_shown() {
    let environment =
        Environment { key: Some("two words secret".into()), ..Environment::default() };
    let found = resolve(&GlobalFlags::default(), &environment, &profiles());
    let text = found.unwrap_err().to_string();
    assert!(text.contains("AXME_API_KEY") && !text.contains("secret"), "{text}");
}

#[test]
fn the_authority_of_a_profile_counts_for_its_own_gateway_only() {
    let mut profiles = profiles();
    profiles.profiles.get_mut("work").unwrap().ca_cert = Some("/work/ca.pem".into());
    let mut environment = Environment::default();
    let ca_cert = |flags: &GlobalFlags, environment: &Environment| {
        resolve(flags, environment, &profiles).unwrap().ca_cert
    };
    let mut flags = GlobalFlags::default();
    assert_eq!(ca_cert(&flags, &environment), Some("/work/ca.pem".into()));
    flags.url = Some("https://other.example".into());
    assert_eq!(ca_cert(&flags, &environment), None);
    environment.ca_cert = Some("/env/ca.pem".into());
    assert_eq!(ca_cert(&flags, &environment), Some("/env/ca.pem".into()));
    flags.ca_cert = Some("ca.pem".into());
    let found = ca_cert(&flags, &environment).unwrap();
    assert!(found.is_absolute() && found.ends_with("ca.pem"), "{}", found.display());
}
