//! Signing in to the dashboard, staying signed in, and how it ends.

use std::time::Duration;

use serde_json::json;

use crate::browser::{Browser, link};
use crate::caller::Answer;
use crate::gateway::Gateway;
use crate::world::{Agent, make_tenant};

const MINUTE: Duration = Duration::from_secs(60);

#[track_caller]
fn is_signed_out(answer: &Answer) {
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert!(answer.headers["location"].to_str().unwrap().starts_with("/sign-in"));
}

#[tokio::test]
async fn a_link_signs_in_once() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let made = owner.post_nothing("/v1/auth/dashboard-token").await;
    assert_eq!(made.headers["cache-control"], "no-store");
    let made = made.ok();
    assert_eq!(made["expires_in"], json!(300));
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("axme_dt_"));
    let way = format!("/auth/exchange?token={token}");
    assert!(made["url"].as_str().unwrap().ends_with(&way), "{made}");

    let mut browser = Browser::new(&gateway);
    let opened = browser.get(&way).await;
    assert_eq!(opened.status, 200, "{}", opened.text);
    assert!(opened.text.contains("http-equiv=\"refresh\"") && opened.text.contains("url=/"));
    let cookie = opened.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("axme_session=axme_ds_"), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "it came in the clear, on this machine");
    browser.keep_cookie(&opened);
    assert!(browser.get("/").await.text.contains("Signed in as owner"));

    let again = Browser::new(&gateway).get(&way).await;
    assert_eq!(again.status, 401, "{}", again.text);
    assert!(again.text.contains("invalid_exchange_token") && !again.text.contains(token));
    assert!(again.headers.get("set-cookie").is_none());
    assert_eq!(browser.get("/").await.status, 200, "the first one stays signed in");
}

#[tokio::test]
async fn whoever_looks_ahead_does_not_use_a_link_up() {
    let gateway = Gateway::start().await;
    let way = link(&gateway.owner()).await;
    let browser = Browser::new(&gateway);
    assert_eq!(browser.head(&way).await.status, 204);
    let ahead = browser.clone().header("sec-purpose", "prefetch;prerender");
    assert_eq!(ahead.get(&way).await.status, 204);
    assert_eq!(browser.get(&way).await.status, 200);
}

#[tokio::test]
async fn a_link_waits_five_minutes() {
    let gateway = Gateway::at_rest().await;
    let (in_time, late) = (link(&gateway.owner()).await, link(&gateway.owner()).await);
    gateway.clock.advance(5 * MINUTE - Duration::from_secs(1));
    assert_eq!(Browser::new(&gateway).get(&in_time).await.status, 200);
    gateway.clock.advance(Duration::from_secs(1));
    assert_eq!(Browser::new(&gateway).get(&late).await.status, 401);
}

#[tokio::test]
async fn two_browsers_that_follow_one_link_at_once_do_not_both_get_in() {
    let gateway = Gateway::start().await;
    let way = link(&gateway.owner()).await;
    let (one, other) = (Browser::new(&gateway), Browser::new(&gateway));
    let (one, other) = tokio::join!(one.get(&way), other.get(&way));
    let mut told = [one.status, other.status];
    told.sort_unstable();
    assert_eq!(told, [200, 401]);
}

#[tokio::test]
async fn keys_of_agents_get_no_link_and_no_session() {
    let gateway = Gateway::start().await;
    let mailer = Agent::make(&gateway, &gateway.owner(), "mailer").await;
    let before = gateway.revision();
    mailer.caller.post_nothing("/v1/auth/dashboard-token").await.refused(403, "forbidden");
    let key = mailer.caller.key.as_deref().unwrap();
    let refused = Browser::new(&gateway).post("/sign-in", &[("key", key)]).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(!refused.text.contains(key) && refused.headers.get("set-cookie").is_none());
    assert_eq!(gateway.revision(), before);
}

#[tokio::test]
async fn a_pasted_key_signs_in_and_goes_on_where_one_wanted_to() {
    let gateway = Gateway::start().await;
    let viewer = gateway.owner().make_key("viewer", json!({})).await;
    let mut browser = Browser::new(&gateway);
    is_signed_out(&browser.get("/").await);
    let form = browser.get("/sign-in?next=/sessions").await;
    assert!(form.text.contains("name=\"next\" value=\"/sessions\""), "{}", form.text);
    let key = format!("  {}\r\n", viewer.key.clone().unwrap());
    let opened = browser.post("/sign-in", &[("key", &key), ("next", "/sessions")]).await;
    assert_eq!((opened.status, opened.headers["location"].to_str().unwrap()), (303, "/sessions"));
    browser.keep_cookie(&opened);
    assert!(browser.get("/").await.text.contains("(viewer)"));
    let already = browser.get("/sign-in?next=//evil.example/").await;
    assert_eq!((already.status, &already.headers["location"]), (303, &"/".parse().unwrap()));
}

#[tokio::test]
async fn keys_that_do_not_work_are_refused_and_the_tries_are_limited_with_those_of_the_api() {
    let gateway = Gateway::at_rest().await;
    let browser = Browser::new(&gateway)
        .from("203.0.113.7")
        .encrypted()
        .header("origin", "https://127.0.0.1:8080");
    let guess = async || browser.post_as_it_is("/sign-in", &[("key", "axme_sa_sak_guess")]).await;
    for _ in 0..10 {
        assert_eq!(guess().await.status, 401);
        let link = browser.get("/auth/exchange?token=axme_dt_guess").await;
        assert_eq!(link.status, 401);
    }
    let refused = guess().await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(browser.get("/auth/exchange?token=axme_dt_guess").await.status, 429);
    let key = gateway.owner().key.unwrap();
    let good = browser.post_as_it_is("/sign-in", &[("key", &key)]).await;
    assert_eq!(good.status, 303, "a key that works is taken at any time");
    // The gateway writes what it has seen by itself too: it may stand in more than one entry.
    while failures(&gateway).await < 22 {
        gateway.engine().write_observations().await.unwrap();
    }
    assert_eq!(failures(&gateway).await, 22);
}

/// How many failed sign-ins the audit tells of.
async fn failures(gateway: &Gateway) -> u64 {
    let seen = gateway.owner().get("/v1/audit/events?action_prefix=sign_in.failed").await.ok();
    let events = seen["events"].as_array().unwrap().clone();
    events.iter().map(|event| event["details"]["count"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn a_revoked_key_takes_its_sessions_with_it_at_once() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let viewer = owner.make_key("viewer", json!({})).await;
    let (browser, other) =
        (Browser::signed_in(&gateway, &viewer).await, Browser::signed_in(&gateway, &owner).await);
    let unused = link(&viewer).await;
    assert_eq!(browser.get("/").await.status, 200);
    let id = viewer.key_id().await;
    owner.post_nothing(&format!("/v1/keys/{id}/revoke")).await.ok();
    is_signed_out(&browser.get("/").await);
    assert_eq!(other.get("/").await.status, 200);
    assert_eq!(Browser::new(&gateway).get(&unused).await.status, 401);
}

#[tokio::test]
async fn a_key_that_expires_takes_its_sessions_with_it() {
    let gateway = Gateway::at_rest().await;
    let soon = json!({ "expires_at": "2026-03-01T09:10:12Z" });
    let short = gateway.owner().make_key("operator", soon).await;
    let browser = Browser::signed_in(&gateway, &short).await;
    gateway.clock.advance(10 * MINUTE - Duration::from_secs(1));
    assert_eq!(browser.get("/").await.status, 200);
    gateway.clock.advance(Duration::from_secs(1));
    is_signed_out(&browser.get("/").await);
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends_and_so_does_one_that_is_used_all_day() {
    let gateway = Gateway::at_rest().await;
    let (left, used) = (
        Browser::signed_in(&gateway, &gateway.owner()).await,
        Browser::signed_in(&gateway, &gateway.owner()).await,
    );
    // Its page asks for what is new, and nobody looks.
    let unattended = left.clone().header("x-axme-unattended", "1");
    for minutes in [20, 40, 60] {
        gateway.clock.advance(20 * MINUTE);
        assert_eq!(used.get("/").await.status, 200);
        let polled = unattended.get("/").await;
        assert_eq!(polled.status, if minutes < 60 { 200 } else { 303 });
    }
    is_signed_out(&left.get("/").await);
    for _ in 3..35 {
        gateway.clock.advance(20 * MINUTE);
        assert_eq!(used.get("/").await.status, 200);
    }
    gateway.clock.advance(20 * MINUTE);
    is_signed_out(&used.get("/").await);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_not_just_the_cookie() {
    let gateway = Gateway::start().await;
    let browser = Browser::signed_in(&gateway, &gateway.owner()).await;
    let csrf = browser.csrf().await;
    let out = browser.post("/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(out.status, 303, "{}", out.text);
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    // The browser of somebody who has copied the cookie.
    is_signed_out(&browser.get("/").await);
}

#[tokio::test]
async fn sessions_are_seen_and_ended_by_whom_they_concern() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let operator = owner.make_key("operator", json!({})).await;
    let viewer = owner.make_key("viewer", json!({})).await;
    let (tenant, ..) = make_tenant(&gateway, "Elsewhere").await;
    let with_name = Browser::new(&gateway).header("user-agent", "Phone/1");
    let mut browser = with_name.clone();
    browser.keep_cookie(&with_name.get(&link(&viewer).await).await);
    gateway.clock.advance(MINUTE);
    browser.get("/").await;

    let seen = owner.get("/v1/dashboard/sessions").await.ok()["sessions"].clone();
    let session = &seen[0];
    assert_eq!(
        (&session["key_name"], &session["role"], &session["user_agent"]),
        (&json!("viewer-key"), &json!("viewer"), &json!("Phone/1"))
    );
    assert_eq!(session["opened_at"], json!("2026-03-01T09:00:12.000000Z"));
    assert_eq!(session["last_used_at"], json!("2026-03-01T09:01:12.000000Z"));
    assert_eq!(session["expires_at"], json!("2026-03-01T21:00:12.000000Z"));
    assert_eq!(session["client_address"], json!("127.0.0.1"));
    let path = format!("/v1/dashboard/sessions/{}", session["session_id"].as_str().unwrap());
    for nobody in [&operator, &tenant] {
        assert_eq!(nobody.get("/v1/dashboard/sessions").await.ok()["sessions"], json!([]));
        nobody.call("DELETE", &path, None).await.refused(404, "session_not_found");
    }
    assert_eq!(viewer.get("/v1/dashboard/sessions").await.ok()["sessions"], seen);
    owner.call("DELETE", &path, None).await.ok();
    is_signed_out(&browser.get("/").await);
    owner.call("DELETE", &path, None).await.refused(404, "session_not_found");
    owner
        .call("DELETE", "/v1/dashboard/sessions/nonsense", None)
        .await
        .refused(404, "session_not_found");

    let other = Browser::signed_in(&gateway, &viewer).await;
    let own = Browser::signed_in(&gateway, &owner).await;
    let end = format!("/sessions/{}/end", other.session_id(&viewer).await);
    let ended = own.post(&end, &[("csrf", &own.csrf().await)]).await;
    assert_eq!((ended.status, &ended.headers["location"]), (303, &"/sessions".parse().unwrap()));
    is_signed_out(&other.get("/").await);
}

#[tokio::test]
async fn every_sign_in_is_audited_and_holds_no_secret() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let made = owner.post_nothing("/v1/auth/dashboard-token").await.ok();
    let token = made["token"].as_str().unwrap().to_owned();
    let mut browser = Browser::new(&gateway);
    browser.keep_cookie(&browser.get(&format!("/auth/exchange?token={token}")).await);
    let csrf = browser.csrf().await;
    browser.post("/sign-out", &[("csrf", &csrf)]).await;
    let seen = owner.get("/v1/audit/events?action_prefix=dashboard.").await;
    let cookie = browser.cookie.clone().unwrap();
    let secret = cookie.split('=').next_back().unwrap();
    let chain = owner.get("/v1/audit/chain").await;
    for text in [&seen.text, &chain.text] {
        assert!(!text.contains(&token) && !text.contains(secret), "{text}");
    }
    let events = seen.ok()["events"].as_array().unwrap().clone();
    let actions: Vec<_> = events.iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["dashboard.logout", "dashboard.login", "dashboard.token_issued"]);
}

#[tokio::test]
async fn links_that_nobody_follows_run_out() {
    let gateway = Gateway::at_rest().await;
    let viewer = gateway.owner().make_key("viewer", json!({})).await;
    for _ in 0..16 {
        link(&viewer).await;
    }
    let refused = viewer.post_nothing("/v1/auth/dashboard-token").await;
    refused.refused(429, "quota_exceeded");
    link(&gateway.owner()).await;
    gateway.clock.advance(5 * MINUTE);
    link(&viewer).await;
}
