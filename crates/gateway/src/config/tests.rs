use super::*;

fn load(flags: Given, file: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("axme.toml");
    std::fs::write(&path, file).unwrap();
    Config::load(Given { config: Some(path), ..flags })
}

#[test]
fn what_is_not_given_has_its_default() {
    let config = Config::load(Given::default()).unwrap();
    assert_eq!(config.listen.to_string(), LISTEN_DEFAULT);
    assert_eq!(config.public_url, "http://127.0.0.1:8080");
    assert!(matches!(config.store, StorePlace::DataDir));
    assert_eq!(config.bootstrap.organization, "default");
    assert!(!config.engine.lenient_addressing && config.operator_listen.is_none());
}

#[test]
fn flags_win_over_the_file() {
    let flags = Given { listen: Some("127.0.0.1:9".into()), ..Given::default() };
    let config = load(flags, "listen = \"127.0.0.1:1\"\norg = \"acme\"\nreserve_mb = 2").unwrap();
    assert_eq!(config.listen.port(), 9);
    assert_eq!(config.bootstrap.organization, "acme");
    assert_eq!(config.engine.reserve_bytes, 2 << 20);
}

#[test]
fn an_unknown_key_is_named() {
    let error = load(Given::default(), "lissten = \"127.0.0.1:1\"").unwrap_err();
    assert!(error.to_string().contains("lissten"), "{error}");
}

#[test]
fn bad_values_are_named_with_what_to_write() {
    let cases = [
        ("listen = \"8080\"", "127.0.0.1:8080"),
        ("org = \"A\"", "lower-case"),
        ("trusted_proxies = [\"ten\"]", "10.0.0.0/8"),
        ("store = \"mysql://x\"", "postgres://"),
        ("store = \"postgres://u:p@x/d?sslmode=maybe\"", "verify-full"),
        ("replica_id = \"a b\"", "letters"),
        ("public_url = \"gateway.example\"", "https://gateway.example"),
        ("public_url = \"https://gateway.example/axme\"", "https://gateway.example"),
        ("lease_ms = 5", "between 100 and 60000"),
        ("agent_inflight_max = 0", "at least 1"),
        ("retain_intents_days = 0", "at least 1"),
    ];
    for (file, says) in cases {
        let error = load(Given::default(), file).unwrap_err().to_string();
        assert!(error.contains(says), "{file}: {error}");
    }
}

#[test]
fn the_dashboard_is_careful_unless_it_is_told_otherwise() {
    assert!(!Config::load(Given::default()).unwrap().dashboard.insecure);
    let file = "insecure_dashboard = true\npublic_url = \"https://gateway.example/\"";
    let config = load(Given::default(), file).unwrap();
    assert!(config.dashboard.insecure);
    assert_eq!(config.http.public_url.as_deref(), Some("https://gateway.example"));
    let flags = Given { insecure_dashboard: Some(false), ..Given::default() };
    assert!(!load(flags, file).unwrap().dashboard.insecure);
}

#[test]
fn a_preset_owner_key_is_long_and_never_shown() {
    let short = Given::default().with_owner_key(|_| Some("short".into()));
    assert!(Config::load(short).unwrap_err().to_string().contains("32"));
    let key = "k".repeat(40);
    let given = Given::default().with_owner_key(|_| Some("k".repeat(40)));
    assert!(!format!("{given:?}").contains(&key));
    let config = Config::load(given).unwrap();
    assert_eq!(config.bootstrap.owner_key.as_deref(), Some(&*key));
    assert!(!format!("{config:?}").contains(&key));
}

#[test]
fn a_proxy_may_be_one_address() {
    let config = load(Given::default(), "trusted_proxies = [\"10.1.2.3\", \"fd00::/8\"]").unwrap();
    assert_eq!(config.http.trusted_proxies.len(), 2);
}

#[test]
fn a_certificate_and_its_key_come_together_and_make_the_url_https() {
    let both = "tls_cert = \"c.pem\"\ntls_key = \"k.pem\"";
    let config = load(Given::default(), both).unwrap();
    assert_eq!(config.public_url, "https://127.0.0.1:8080");
    assert_eq!(config.tls.unwrap().key, PathBuf::from("k.pem"));
    for (half, missing) in [("tls_cert = \"c.pem\"", "tls_key"), ("tls_key = \"k\"", "tls_cert")] {
        let error = load(Given::default(), half).unwrap_err().to_string();
        assert!(error.starts_with(missing), "{half}: {error}");
    }
}
