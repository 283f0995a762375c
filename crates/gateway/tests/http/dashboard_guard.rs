//! What keeps others out of the dashboard: https, the origin of forms, cookies, headers.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axme_core::time::Timestamp;
use axme_engine::clock::Clock;
use axme_gateway::dashboard::DashboardOptions;
use axme_gateway::dashboard::access::{Access, TABLE};
use axme_gateway::http::HttpOptions;
use axme_store::faults::Fault;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span;

use crate::browser::{Browser, link};
use crate::gateway::Gateway;

#[tokio::test]
async fn a_cookie_opens_pages_and_never_the_api() {
    let gateway = Gateway::start().await;
    let browser = Browser::signed_in(&gateway, &gateway.owner()).await;
    let secret = browser.cookie.clone().unwrap();
    let secret = secret.split('=').next_back().unwrap();
    for path in ["/v1/mesh/agents", "/v1/keys", "/v1/dashboard/sessions"] {
        browser.get(path).await.refused(401, "missing_platform_api_key");
        gateway.with_key(secret).get(path).await.refused(401, "invalid_platform_api_key");
    }
    let by_key = Browser::new(&gateway).header("x-api-key", &gateway.owner().key.unwrap());
    assert_eq!(by_key.get("/").await.status, 303, "and a key opens no pages");
}

#[tokio::test]
async fn a_form_without_the_proof_of_its_session_changes_nothing() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let browser = Browser::signed_in(&gateway, &owner).await;
    let other = Browser::signed_in(&gateway, &owner).await;
    let (own, anothers) = (browser.csrf().await, other.csrf().await);
    assert_ne!(own, anothers);
    let none = browser.post("/sign-out", &[]).await;
    assert_eq!(none.status, 403, "{}", none.text);
    for shown in ["", "guess", &anothers] {
        let refused = browser.post("/sign-out", &[("csrf", shown)]).await;
        assert_eq!(refused.status, 403, "{shown}: {}", refused.text);
        assert!(refused.text.contains("forged_form"));
    }
    assert_eq!(browser.get("/").await.status, 200);
    let by_header = browser.clone().header("x-csrf-token", &own);
    assert_eq!(by_header.post("/sign-out", &[]).await.status, 303);
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing_even_with_the_proof() {
    let gateway = Gateway::start().await;
    let browser = Browser::signed_in(&gateway, &gateway.owner()).await;
    let csrf = browser.csrf().await;
    let fields = [("csrf", csrf.as_str())];
    let says = |name, value: &str| browser.clone().header(name, value);
    for other in [
        browser.clone(),
        says("origin", "https://evil.example"),
        says("origin", "null"),
        says("sec-fetch-site", "cross-site"),
        says("origin", "http://127.0.0.1:8080").header("sec-fetch-site", "same-site"),
        says("origin", "http://127.0.0.1:9999"),
    ] {
        let refused = other.post_as_it_is("/sign-out", &fields).await;
        assert_eq!(refused.status, 403, "{}", refused.text);
    }
    let key = gateway.owner().key.unwrap();
    let foreign = Browser::new(&gateway).header("origin", "https://evil.example");
    let refused = foreign.post_as_it_is("/sign-in", &[("key", &key)]).await;
    assert_eq!(refused.status, 403, "nobody is signed in by another site");
    let own = says("origin", "null").header("sec-fetch-site", "same-origin");
    assert_eq!(own.post_as_it_is("/sign-out", &fields).await.status, 303);
}

#[tokio::test]
async fn over_a_network_it_takes_https() {
    let gateway = Gateway::start().await;
    let way = link(&gateway.owner()).await;
    let far = Browser::new(&gateway).from("203.0.113.7");
    for path in ["/", "/sign-in", way.as_str()] {
        let refused = far.get(path).await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.text);
        assert!(refused.text.contains("https_needed") && refused.text.contains("--tls-cert"));
    }
    let key = gateway.owner().key.unwrap();
    assert_eq!(far.post("/sign-in", &[("key", &key)]).await.status, 403);
    let claims = far.clone().header("x-forwarded-proto", "https");
    assert_eq!(claims.get(&way).await.status, 403, "anybody can write a header");
    let opened = far.encrypted().get(&way).await;
    assert_eq!(opened.status, 200, "the link was not used up by what was refused");
    let cookie = opened.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-axme_session=") && cookie.ends_with("; Secure"), "{cookie}");
    gateway.owner().get("/v1/keys/self").await.ok();
}

#[tokio::test]
async fn a_trusted_proxy_says_how_a_request_came() {
    let options = HttpOptions {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..HttpOptions::default()
    };
    let gateway = Gateway::with(Clock::system(), options).await;
    let proxied = Browser::new(&gateway).from("10.0.0.9").header("x-forwarded-for", "203.0.113.7");
    assert_eq!(proxied.get("/sign-in").await.status, 403);
    let clear = proxied.clone().header("x-forwarded-proto", "http");
    assert_eq!(clear.get("/sign-in").await.status, 403);
    let mut encrypted = proxied.header("x-forwarded-proto", "https");
    let opened = encrypted.get(&link(&gateway.owner()).await).await;
    encrypted.keep_cookie(&opened);
    assert!(encrypted.cookie.as_deref().unwrap().starts_with("__Host-"));
    assert_eq!(encrypted.get("/").await.status, 200);
    let listed = gateway.owner().get("/v1/dashboard/sessions").await.ok();
    assert_eq!(listed["sessions"][0]["client_address"], json!("203.0.113.7"));
}

#[tokio::test]
async fn who_says_so_gets_it_in_the_clear() {
    let open = DashboardOptions { insecure: true };
    let gateway = Gateway::with_dashboard(Clock::system(), HttpOptions::default(), open).await;
    let mut far = Browser::new(&gateway).from("203.0.113.7");
    far.keep_cookie(&far.get(&link(&gateway.owner()).await).await);
    assert_eq!(far.get("/").await.status, 200);
}

#[tokio::test]
async fn where_people_come_by_https_cookies_are_for_https() {
    let options = HttpOptions {
        public_url: Some("https://gate.example".to_owned()),
        ..HttpOptions::default()
    };
    let gateway = Gateway::with(Clock::system(), options).await;
    let made = gateway.owner().post_nothing("/v1/auth/dashboard-token").await.ok();
    let url = made["url"].as_str().unwrap();
    let way = url.strip_prefix("https://gate.example").unwrap();
    let opened = Browser::new(&gateway).get(way).await;
    let cookie = opened.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-axme_session=") && cookie.ends_with("; Secure"), "{cookie}");
    let mut plain = Browser::new(&gateway);
    plain.cookie = cookie.split(';').next().map(|pair| pair.replace("__Host-", ""));
    assert_eq!(plain.get("/").await.status, 303, "a neighbour could have set that one");
}

#[tokio::test]
async fn every_answer_tells_browsers_what_they_may_do() {
    let gateway = Gateway::start().await;
    let browser = Browser::signed_in(&gateway, &gateway.owner()).await;
    let far = Browser::new(&gateway).from("203.0.113.7");
    let answers = [
        browser.get("/").await,
        Browser::new(&gateway).get("/").await,
        Browser::new(&gateway).get("/sign-in").await,
        Browser::new(&gateway).get("/auth/exchange?token=x").await,
        browser.post_as_it_is("/sign-out", &[]).await,
        far.get("/").await,
    ];
    for answer in answers {
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers["x-frame-options"], "DENY");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert!(answer.headers.contains_key("referrer-policy"));
        assert!(answer.headers.contains_key("x-request-id"));
        for inline in ["<style", "style=", "onclick", "javascript:"] {
            assert!(!answer.text.contains(inline), "{inline}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn without_a_session_each_kind_of_request_is_told_in_its_own_way() {
    let gateway = Gateway::start().await;
    let browser = Browser::new(&gateway);
    let page = browser.get("/").await;
    assert_eq!((page.status, &page.headers["location"]), (303, &"/sign-in".parse().unwrap()));
    let script = browser
        .clone()
        .header("hx-request", "true")
        .header("hx-current-url", "http://127.0.0.1:8080/sessions?sort=name");
    let told = script.get("/").await;
    let way = "/sign-in?next=%2Fsessions%3Fsort%3Dname";
    assert_eq!((told.status, &told.headers["hx-redirect"]), (401, &way.parse().unwrap()));
    let sent = script.post("/sign-out", &[("csrf", "gone")]).await;
    assert_eq!((sent.status, &sent.headers["hx-redirect"]), (401, &way.parse().unwrap()));
}

#[tokio::test]
async fn places_of_operators_are_kept_for_the_dashboard_too() {
    let options = HttpOptions { requests_max: 2, requests_reserved: 1, ..HttpOptions::default() };
    let gateway = Gateway::with(Clock::system(), options).await;
    let owner = gateway.owner();
    let viewer = owner.make_key("viewer", json!({})).await;
    let by_owner = Browser::signed_in(&gateway, &owner).await;
    let by_viewer = Browser::signed_in(&gateway, &viewer).await;
    let _flood = gateway.api.edge().places().take(axme_core::role::Role::Agent).unwrap();
    assert_eq!(by_viewer.get("/").await.status, 503);
    assert_eq!(by_owner.get("/").await.status, 200);
    let reserved = by_viewer.beyond_the_bound().get("/").await;
    assert_eq!((reserved.status, &reserved.headers["retry-after"]), (503, &"1".parse().unwrap()));
}

#[tokio::test]
async fn a_page_that_is_not_in_the_table_is_closed() {
    let gateway = Gateway::start().await;
    let browser = Browser::signed_in(&gateway, &gateway.owner()).await;
    assert_eq!(browser.get("/sign-out").await.status, 404);
    browser.get("/nowhere").await.refused(404, "not_found");
    let mut seen = std::collections::BTreeSet::new();
    for (method, path, access) in TABLE {
        assert!(seen.insert((method, path)), "{method} {path} stands in the table twice");
        let public = ["/sign-in", "/auth/exchange"].contains(path);
        assert_eq!(*access == Access::Public, public, "{method} {path}");
    }
}

#[tokio::test]
async fn files_are_packed_and_kept_until_they_change() {
    let gateway = Gateway::start().await;
    let browser = Browser::new(&gateway);
    let page = browser.get("/sign-in").await.text;
    let (_, rest) = page.split_once("stylesheet\" href=\"").unwrap();
    let path = rest.split('"').next().unwrap();
    let plain = browser.get(path).await;
    assert_eq!(plain.headers["content-type"], "text/css; charset=utf-8");
    assert!(plain.headers["cache-control"].to_str().unwrap().contains("immutable"));
    let etag = plain.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(browser.clone().header("if-none-match", &etag).get(path).await.status, 304);
    let far = browser.from("203.0.113.7");
    assert_eq!(far.get(path).await.status, 200, "there is nothing of anybody in it");
    let former = far.get("/assets/0000000000000000/axme.css").await;
    assert_eq!(
        (former.status, &former.headers["cache-control"]),
        (200, &"no-cache".parse().unwrap())
    );
    assert_eq!(far.get("/assets/0000000000000000/../http.rs").await.status, 404);
}

#[tokio::test]
async fn forms_are_bounded() {
    let gateway = Gateway::start().await;
    let huge = "x".repeat(300 << 10);
    let refused = Browser::new(&gateway).post("/sign-in", &[("key", &huge)]).await;
    assert_eq!(refused.status, 413, "{}", refused.text);
    let wrong = Browser::new(&gateway).header("content-type", "application/json");
    assert_eq!(wrong.post("/sign-in", &[("key", "x")]).await.status, 400);
}

#[test]
fn no_secret_is_ever_logged() {
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let secrets = tracing::subscriber::with_default(log.clone(), || {
        runtime.block_on(async {
            let clock = Clock::manual(Timestamp::from_micros(0));
            let gateway = Gateway::with(clock, HttpOptions::default()).await;
            let owner = gateway.owner();
            let way = link(&owner).await;
            let mut browser = Browser::new(&gateway);
            browser.keep_cookie(&browser.get(&way).await);
            browser.get(&way).await;
            let csrf = browser.csrf().await;
            gateway.faults.set_appends(Fault::Refuse);
            browser.post("/sign-out", &[("csrf", &csrf)]).await;
            let key = owner.key.clone().unwrap();
            browser.post("/sign-in", &[("key", &key)]).await;
            let cookie = browser.cookie.clone().unwrap();
            let of = |text: &str| text.split('=').next_back().unwrap().to_owned();
            [of(&way), of(&cookie), csrf, key]
        })
    });
    let text = log.0.lock().unwrap();
    assert!(text.contains("the store failed"), "something was logged: {text}");
    for secret in secrets {
        assert!(!text.contains(&secret), "{text}");
    }
}

/// Everything that is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut Lines(&self.0));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut Lines(&self.0));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Lines(&self.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Lines<'a>(&'a Mutex<String>);

impl Visit for Lines<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = writeln!(self.0.lock().unwrap(), "{field}={value:?}");
    }
}
