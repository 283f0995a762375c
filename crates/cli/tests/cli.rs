//! The binary from outside, against a gateway that is a few lines long.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "cli/stub.rs"]
mod stub;

use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Output, Stdio};
use stub::{Request, Stub};

const KEY: &str = "axme_sa_sak_1_secret";

/// Runs `axme` with a folder of its own and no environment but `variables`.
fn axme(folder: &tempfile::TempDir, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    axme_with_input(folder, variables, arguments, "")
}

fn axme_with_input(
    folder: &tempfile::TempDir,
    variables: &[(&str, &str)],
    arguments: &[&str],
    input: &str,
) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_axme"))
        .args(arguments)
        .env_clear()
        .env("AXME_CONFIG_DIR", folder.path().join("config"))
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn agent(name: &str, killed: bool) -> Value {
    let kill = json!({"kill_id": "kill_9", "reason": "too many mails", "by": "ops",
        "at": "2026-11-01T10:00:00.5Z", "revision": 41});
    json!({
        "address_id": format!("addr_{name}"), "address": format!("agent://org/prod/{name}"),
        "display_name": name, "health_status": if killed { "killed" } else { "healthy" },
        "run_state": if killed { "killed" } else { "active" },
        "kill": if killed { kill } else { Value::Null },
        "last_heartbeat_at": null, "created_at": "", "intents_period": 0, "cost_period": 0.0,
        "metadata": null, "revision": 42,
    })
}

fn kill_answer(address: &str) -> Value {
    json!({
        "ok": true, "kill_id": "kill_9", "status": "killed", "health_status": "killed",
        "address_id": "addr_1", "address": address, "mode": "halt", "revision": 41,
        "event_id": "evt_c41", "killed_at": "2026-11-01T10:00:00Z", "killed_by": "ops",
        "reason": null, "already": false, "open_streams_closed": 3,
        "receipt": {
            "bound_ms": 900, "enforced_in_ms": 0.83, "durability": "single",
            "replicas": [{"replica_id": "r1", "region": null, "state": "enforced", "after_ms": 0.5}],
            "delivered_unfinished": 12, "streams_closed": 3, "connections_cut": 0,
            "bytes_after_order": 0,
        },
    })
}

fn refusal(code: &str) -> Value {
    json!({
        "error": {"code": code, "message": "Somebody killed it again.", "category": "policy",
            "retryable": false, "details": {}, "at": "2026-11-01T10:00:00Z"},
        "detail": "Somebody killed it again.", "request_id": "req-1",
    })
}

/// A gateway with three agents, of which `mailer` is stopped.
fn mesh(request: &Request) -> (u16, Value) {
    let last = request.path.rsplit('/').next().unwrap_or("");
    match (request.method.as_str(), last) {
        ("GET", listed) if listed.starts_with("agents?") => {
            let agents = [agent("email-a", false), agent("email-b", false), agent("mailer", true)];
            (
                200,
                json!({"ok": true, "agents": agents, "next_cursor": null,
                "summary": {"total": 3, "healthy": 2, "degraded": 0, "unreachable": 0, "killed": 1}}),
            )
        }
        ("GET", "mailer") => (200, json!({"ok": true, "agent": agent("mailer", true)})),
        ("POST", "kill") => (200, kill_answer("agent://org/prod/email-a")),
        ("POST", "resume") => (409, refusal("killed_again")),
        _ => (404, refusal("agent_not_found")),
    }
}

#[test]
fn a_kill_by_name_is_one_call_and_one_sentence() {
    let (stub, folder) = (Stub::start(mesh), folder());
    let variables = [("AXME_URL", stub.url.as_str()), ("AXME_API_KEY", KEY)];
    let killed = axme(&folder, &variables, &["kill", "email-a", "--reason", "too many mails"]);
    assert_eq!(code(&killed), 0, "{}", err(&killed));
    assert_eq!(
        out(&killed),
        "agent://org/prod/email-a stopped in 0.8 ms: 1 of 1 replicas enforced, 3 streams closed, \
         12 delivered and unfinished.\n  kill    kill_9\n  resume  axme resume email-a\n"
    );
    let requests = stub.requests();
    assert_eq!(requests.len(), 1, "no listing before the order");
    assert_eq!(requests[0].path, "/v1/mesh/agents/email-a/kill");
    assert_eq!(requests[0].header("x-api-key"), Some(KEY));
    let body: Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_eq!(body, json!({"reason": "too many mails", "mode": "halt"}));

    let json = axme(&folder, &variables, &["kill", "agent://org/prod/email-a", "--json"]);
    let printed: Value = serde_json::from_str(&out(&json)).unwrap();
    assert_eq!(printed, kill_answer("agent://org/prod/email-a"));
    let path = stub.requests()[1].path.clone();
    assert_eq!(path, "/v1/mesh/agents/agent%3A%2F%2Forg%2Fprod%2Femail-a/kill");
}

#[test]
fn a_pattern_that_means_several_asks_or_needs_yes() {
    let (stub, folder) = (Stub::start(mesh), folder());
    let variables = [("AXME_URL", stub.url.as_str()), ("AXME_API_KEY", KEY)];
    let refused = axme(&folder, &variables, &["kill", "email-*"]);
    assert_eq!(code(&refused), 2);
    assert!(err(&refused).contains("kill 2 agents") && err(&refused).contains("--yes"));
    assert_eq!(stub.requests().len(), 1, "only the listing");

    let killed = axme(&folder, &variables, &["kill", "email-*", "--yes"]);
    assert_eq!(code(&killed), 0, "{}", err(&killed));
    let orders = stub.requests().into_iter().filter(|request| request.method == "POST");
    let mut paths: Vec<_> = orders.map(|request| request.path).collect();
    paths.sort();
    assert_eq!(paths.len(), 2);
    assert!(paths[1].ends_with("email-b/kill"), "{paths:?}");
}

#[test]
fn a_resume_shows_the_hold_and_names_the_revision_that_was_seen() {
    let (stub, folder) = (Stub::start(mesh), folder());
    let variables = [("AXME_URL", stub.url.as_str()), ("AXME_API_KEY", KEY)];
    let refused = axme(&folder, &variables, &["resume", "mailer", "--json"]);
    assert_eq!(code(&refused), 1);
    let told = err(&refused);
    let hold = "stopped by ops at 2026-11-01T10:00:00Z: too many mails (kill_9)";
    assert!(told.contains(hold), "{told}");
    assert!(told.contains("code: killed_again (HTTP 409)\n  request: req-1\n  next: "), "{told}");
    let printed: Value = serde_json::from_str(&out(&refused)).unwrap();
    assert_eq!(printed, refusal("killed_again"));
    let body: Value = serde_json::from_str(&stub.requests()[1].body).unwrap();
    assert_eq!(body, json!({"revision": 42}));
}

#[test]
fn a_redirect_is_not_followed_and_the_key_stays() {
    let elsewhere = Stub::start(mesh);
    let location = format!("{}/v1/mesh/agents", elsewhere.url);
    let stub = Stub::redirecting(&location);
    let variables = [("AXME_URL", stub.url.as_str()), ("AXME_API_KEY", KEY)];
    for arguments in [&["ps"][..], &["kill", "email-a"]] {
        let refused = axme(&folder(), &variables, arguments);
        assert_eq!(code(&refused), 1);
        assert!(err(&refused).contains("redirect"), "{}", err(&refused));
    }
    assert_eq!(stub.requests().len(), 2);
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn a_plain_call_goes_past_every_proxy() {
    let (stub, proxy) = (Stub::start(mesh), Stub::start(mesh));
    let mut variables = vec![("AXME_URL", stub.url.as_str()), ("AXME_API_KEY", KEY)];
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "HTTPS_PROXY"] {
        variables.push((name, &proxy.url));
    }
    assert_eq!(code(&axme(&folder(), &variables, &["ps"])), 0);
    assert_eq!((stub.requests().len(), proxy.requests().len()), (1, 0));
}

#[test]
fn login_tries_the_key_keeps_it_privately_and_logout_forgets_it() {
    let stub = Stub::start(|request| match request.header("x-api-key") {
        Some(KEY) if request.path == "/v1/keys/self" => (200, whose_key()),
        _ => mesh(request),
    });
    let folder = folder();
    let login = ["login", "--url", &stub.url];
    let wrong = axme_with_input(&folder, &[], &login, "axme_sa_wrong\n");
    assert_eq!(code(&wrong), 1);
    assert!(!folder.path().join("config").exists(), "a refused key is not kept");

    let signed_in = axme_with_input(&folder, &[], &login, &format!("{KEY}\n"));
    assert_eq!(code(&signed_in), 0, "{}", err(&signed_in));
    assert!(out(&signed_in).contains("as ops (operator, workspace scope, in org/prod)."));
    assert!(!out(&signed_in).contains(KEY));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let kept = std::fs::metadata(folder.path().join("config/profiles.toml")).unwrap();
        assert_eq!(kept.permissions().mode() & 0o777, 0o600);
    }

    let listed = axme(&folder, &[], &["ps"]);
    assert_eq!(code(&listed), 0, "{}", err(&listed));
    assert!(out(&listed).contains("agent://org/prod/mailer   killed"), "{}", out(&listed));

    let elsewhere = axme(&folder, &[("AXME_URL", "http://127.0.0.1:9")], &["ps"]);
    assert_eq!(code(&elsewhere), 2);
    assert!(err(&elsewhere).contains("not sent elsewhere"), "{}", err(&elsewhere));

    assert_eq!(code(&axme(&folder, &[], &["logout"])), 0);
    assert_eq!(code(&axme(&folder, &[], &["ps", "--url", &stub.url])), 2);
}

fn whose_key() -> Value {
    json!({
        "ok": true,
        "key": {"key_id": "sak_1", "name": "ops", "role": "operator", "scope": "workspace",
            "org_id": "o", "workspace_id": "w", "service_account_id": null,
            "agent_address": null, "key_hint": "cret", "status": "active", "created_at": "t",
            "created_by": "owner", "expires_at": null, "last_used_at": null, "revoked_at": null},
        "organization": {"org_id": "o", "slug": "org", "name": "Org", "legal_name": null,
            "primary_domain": null, "status": "active", "created_at": "t", "updated_at": "t"},
        "workspace": {"workspace_id": "w", "org_id": "o", "slug": "prod", "name": "Prod",
            "environment": null, "region": null, "status": "active", "created_at": "t",
            "updated_at": "t"},
        "agent": null,
    })
}

#[test]
fn exit_codes_tell_usage_from_failure() {
    let folder = folder();
    let unreachable = [("AXME_URL", "http://127.0.0.1:9"), ("AXME_API_KEY", KEY)];
    let failed = axme(&folder, &unreachable, &["kill", "mailer"]);
    assert_eq!(code(&failed), 1);
    assert!(err(&failed).contains("Nothing was sent"), "{}", err(&failed));
    for usage in [
        &["kill"][..],
        &["kill", ""],
        &["fly"],
        &["ps", "--url", "gate.example"],
        &["keys", "create", "k", "--role", "agent"],
        &["keys", "create", "k", "--role", "owner", "--offline"],
        &["audit", "verify", "--expect", "nonsense"],
    ] {
        assert_eq!(code(&axme(&folder, &[], usage)), 2, "{usage:?}");
    }
    assert_eq!(code(&axme(&folder, &[], &["--help"])), 0);
}

#[test]
fn a_made_agent_comes_with_lines_to_paste() {
    let stub = Stub::start(|request| match request.path.as_str() {
        "/v1/service-accounts" => (
            200,
            json!({"ok": true, "service_account": {
            "service_account_id": "sa_1", "org_id": "o", "workspace_id": "w", "name": "mailer",
            "description": null, "display_name": null, "status": "active",
            "created_by_actor_id": null, "created_at": "t", "updated_at": "t",
            "agent_address": "agent://org/prod/mailer", "address_id": "addr_1"}}),
        ),
        "/v1/service-accounts/sa_1/keys" => (
            200,
            json!({"ok": true, "key": {
            "key_id": "sak_2", "service_account_id": "sa_1", "key_hint": "cret",
            "status": "active", "created_at": "t", "expires_at": null,
            "token": "axme_sa_sa_1_secret"}}),
        ),
        _ => mesh(request),
    });
    let variables = [("AXME_URL", stub.url.as_str()), ("AXME_API_KEY", KEY)];
    let made = axme(&folder(), &variables, &["agents", "create", "mailer"]);
    assert_eq!(code(&made), 0, "{}", err(&made));
    let text = out(&made);
    assert!(text.contains(&format!("export AXME_BASE_URL={}\n", stub.url)), "{text}");
    assert!(text.contains("export AXME_API_KEY=axme_sa_sa_1_secret\n"), "{text}");
    assert!(text.contains("base_url="), "{text}");
}

#[test]
fn a_changed_audit_is_found_by_its_first_bad_position() {
    let stub = Stub::start(|request| {
        if !request.path.starts_with("/v1/audit/chain") {
            return (404, refusal("not_found"));
        }
        let hash = "0".repeat(64);
        let entry = json!({"position": 1, "hash": hash, "body_hash": hash, "body": "changed"});
        (
            200,
            json!({"ok": true, "chain": "control", "chains": ["control"],
            "entries": [entry], "head": {"position": 1, "hash": hash}}),
        )
    });
    let variables = [("AXME_URL", stub.url.as_str()), ("AXME_API_KEY", KEY)];
    let found = axme(&folder(), &variables, &["audit", "verify"]);
    assert_eq!(code(&found), 1);
    let expected = "control: position 1 does not hold: its content was changed.";
    assert!(err(&found).contains(expected), "{}", err(&found));
}

#[test]
fn a_ca_certificate_that_is_none_is_named_before_anything_is_sent() {
    let stub = Stub::start(|_| (200, json!({})));
    let url = stub.url.replace("http://", "https://");
    let folder = folder();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing\n").unwrap();
    for (path, problem) in
        [("/nowhere/ca.pem", "No such file"), (empty.to_str().unwrap(), "holds no certificate")]
    {
        let variables = [("AXME_URL", &*url), ("AXME_API_KEY", KEY)];
        let failed = axme(&folder, &variables, &["--ca-cert", path, "ps"]);
        assert_eq!(code(&failed), 2);
        let said = err(&failed);
        assert!(said.contains(path) && said.contains(problem), "{said}");
    }
}

/// A gateway that makes one link.
fn with_dashboard() -> Stub {
    Stub::start(|request| match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/v1/auth/dashboard-token") => (
            200,
            json!({"ok": true, "token": "axme_dt_1", "expires_in": 300,
                "url": "https://gate.example/auth/exchange?token=axme_dt_1"}),
        ),
        _ => (404, refusal("not_found")),
    })
}

#[test]
fn where_nobody_sits_the_link_to_the_dashboard_is_printed() {
    let (folder, gateway) = (folder(), with_dashboard());
    let known = [("AXME_URL", gateway.url.as_str()), ("AXME_API_KEY", KEY)];
    let printed = axme(&folder, &known, &["mesh", "dashboard"]);
    let link = "https://gate.example/auth/exchange?token=axme_dt_1";
    assert!(out(&printed).contains(link) && code(&printed) == 0, "{}", err(&printed));
    let json = axme(&folder, &known, &["mesh", "dashboard", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&out(&json)).unwrap()["url"], json!(link));
    let mut elsewhere = known.to_vec();
    elsewhere.push(("AXME_MESH_DASHBOARD_URL", "https://ops.example/"));
    let printed = axme(&folder, &elsewhere, &["mesh", "dashboard", "--no-browser"]);
    assert!(out(&printed).contains("https://ops.example/auth/exchange?token=axme_dt_1"));
    assert_eq!(gateway.requests().len(), 3);
}

#[cfg(target_os = "linux")]
#[test]
fn at_a_desktop_the_dashboard_is_opened_and_printed_when_that_fails() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, gateway) = (folder(), with_dashboard());
    let opener = folder.path().join("xdg-open");
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let known = [
        ("AXME_URL", gateway.url.as_str()),
        ("AXME_API_KEY", KEY),
        ("DISPLAY", ":0"),
        ("PATH", path.as_str()),
    ];
    let link = "https://gate.example/auth/exchange?token=axme_dt_1";
    for (ends_with, is_printed) in [(0, false), (3, true)] {
        let script =
            format!("#!/bin/sh\necho \"$1\" > \"$(dirname \"$0\")/opened\"\nexit {ends_with}\n");
        std::fs::write(&opener, script).unwrap();
        std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
        let ran = axme(&folder, &known, &["mesh", "dashboard"]);
        let opened = std::fs::read_to_string(folder.path().join("opened")).unwrap();
        assert_eq!(opened.trim(), link);
        assert_eq!(out(&ran).contains(link), is_printed, "{}", out(&ran));
    }
}

#[test]
fn an_agents_key_opens_no_dashboard_and_says_so() {
    let gateway = Stub::start(|_| (403, refusal("forbidden")));
    let known = [("AXME_URL", gateway.url.as_str()), ("AXME_API_KEY", KEY)];
    let refused = axme(&folder(), &known, &["mesh", "dashboard", "--no-browser"]);
    assert_eq!(code(&refused), 1, "{}", err(&refused));
}
