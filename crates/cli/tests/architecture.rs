//! The layout as it is meant to be: crates and modules depend one way, and the map is true.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which of our crates each crate may use.
const CRATES: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("store", &["core"]),
    ("api", &["core"]),
    ("engine", &["core", "store"]),
    ("gateway", &["core", "store", "engine", "api"]),
    ("cli", &["core", "engine", "gateway", "api"]),
];

/// Modules, and what each may use.
type Uses = &'static [(&'static str, &'static [&'static str])];

/// Which modules of the same crate each module may use. What is not named uses none.
const MODULES: &[(&str, Uses)] = &[
    (
        "engine",
        &[
            ("bootstrap", &["chance", "clock", "control"]),
            ("caller", &["enforcer"]),
            ("control", &["chance", "clock", "enforcer", "holding"]),
            ("enforcer", &["clock"]),
            (
                "engine",
                &[
                    "clock",
                    "control",
                    "enforcer",
                    "heartbeats",
                    "holding",
                    "instances",
                    "intents",
                    "missed",
                    "observer",
                    "rates",
                    "schedule",
                    "sessions",
                    "verifier",
                ],
            ),
            (
                "heartbeats",
                &[
                    "caller",
                    "clock",
                    "control",
                    "enforcer",
                    "instances",
                    "intents",
                    "observer",
                    "sessions",
                ],
            ),
            ("holding", &["enforcer"]),
            ("instances", &["caller", "clock", "control", "enforcer", "holding"]),
            ("intents", &["caller", "chance", "clock", "control", "enforcer", "observer", "rates"]),
            ("missed", &["control", "enforcer", "instances"]),
            ("observer", &["enforcer"]),
            ("sessions", &["caller", "chance", "clock", "control", "enforcer"]),
        ],
    ),
    // The edges know neither each other nor how they are listened to; `read` and `orders` know no
    // HTTP; `app` knows everything.
    (
        "gateway",
        &[
            ("app", &["config", "dashboard", "http", "listener", "tls"]),
            ("config", &["dashboard", "http", "tls"]),
            ("dashboard", &["edge", "orders", "read"]),
            ("http", &["edge", "orders", "read"]),
            ("listener", &["edge", "tls"]),
            ("orders", &["read"]),
        ],
    ),
    (
        "core",
        &[
            ("address", &["id"]),
            ("audit", &["address", "change", "id", "role", "time"]),
            (
                "change",
                &[
                    "address", "hold", "id", "key", "policy", "role", "session", "state",
                    "tenancy", "time",
                ],
            ),
            ("command", &["address", "hold", "id", "key", "policy", "role", "tenancy", "time"]),
            ("decide", &["hold"]),
            ("health", &["hold", "time"]),
            ("hold", &["id", "time"]),
            ("invariants", &["chain", "change", "hold", "id", "lease", "state", "time"]),
            ("key", &["chain", "id", "role", "time"]),
            ("lease", &["id", "replica", "time"]),
            ("period", &["time"]),
            (
                "plan",
                &[
                    "address", "change", "command", "hold", "id", "key", "policy", "refusal",
                    "role", "session", "state", "tenancy", "time",
                ],
            ),
            ("policy", &["period", "time"]),
            ("refusal", &["hold", "id", "role"]),
            ("replica", &["id"]),
            ("role", &["id"]),
            ("session", &["id", "key", "role", "time"]),
            (
                "state",
                &[
                    "address", "change", "command", "hold", "id", "key", "policy", "role",
                    "session", "tenancy", "time",
                ],
            ),
            ("tenancy", &["hold", "id", "role", "time"]),
            ("word", &["hold"]),
        ],
    ),
];

/// Files that may read the clock or draw chance.
const CLOCK_READERS: &[&str] = &["crates/engine/src/clock.rs"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn crates_depend_one_way() {
    for (name, allowed) in CRATES {
        let manifest = root().join("crates").join(name).join("Cargo.toml");
        let manifest: toml::Table = std::fs::read_to_string(manifest).unwrap().parse().unwrap();
        let used = manifest.get("dependencies").and_then(toml::Value::as_table).unwrap();
        let used = used.keys().filter_map(|used| used.strip_prefix("axme-"));
        let beyond: Vec<_> = used.filter(|used| !allowed.contains(used)).collect();
        assert!(beyond.is_empty(), "{name} must not depend on {beyond:?}");
    }
    let folders = std::fs::read_dir(root().join("crates")).unwrap().count();
    assert_eq!(folders, CRATES.len(), "a new crate belongs into the table");
}

#[test]
fn modules_use_each_other_as_the_table_says() {
    for (name, table) in MODULES {
        let source = root().join("crates").join(name).join("src");
        let allowed: BTreeMap<_, _> = table.iter().copied().collect();
        for path in sources(&source) {
            let within = path.strip_prefix(&source).unwrap();
            let module = within.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
            if module == "lib" {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let mut used = uses(&text);
            used.remove(module);
            let allowed = allowed.get(module).copied().unwrap_or_default();
            let beyond: Vec<_> =
                used.iter().filter(|used| !allowed.contains(&used.as_str())).collect();
            assert!(beyond.is_empty(), "{}: must not use {beyond:?}", path.display());
        }
    }
}

/// The modules that a text names as `crate::module`.
fn uses(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = code.flat_map(|line| [line, "\n"]).collect();
    let name = |rest: &str| {
        let is_name = |c: &char| c.is_ascii_lowercase() || *c == '_';
        rest.chars().take_while(is_name).collect::<String>()
    };
    code.split("crate::").skip(1).map(name).filter(|name| !name.is_empty()).collect()
}

#[test]
fn one_file_reads_the_clock() {
    for path in sources(&root().join("crates")) {
        let within = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let reads = ["SystemTime::", "Timestamp::now", "clock_gettime"];
        let reads = reads.iter().any(|call| text.contains(call));
        let is_this = within.ends_with("architecture.rs");
        assert!(
            !reads || is_this || CLOCK_READERS.contains(&within.as_str()),
            "{within} reads the clock"
        );
    }
}

#[test]
fn every_path_that_the_map_names_exists() {
    for document in ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let quoted = text.split('`').skip(1).step_by(2);
        let is_path = |quoted: &&str| {
            let begins = ["crates/", "tests/", "bench/", "docs/", ".ci/"];
            begins.iter().any(|begin| quoted.starts_with(begin))
                && !quoted.contains([' ', '*', '<'])
        };
        for path in quoted.filter(is_path) {
            assert!(root().join(path).exists(), "{document} names {path}, which is not there");
        }
    }
}
