//! A browser: keeps cookies, sends forms, says where they come from.

use std::net::IpAddr;

use axme_gateway::http::Peer;
use axum::body::Body;
use axum::http::{Method, Request};

use crate::caller::{Answer, Caller};
use crate::gateway::Gateway;

pub(crate) const HOST: &str = "127.0.0.1:8080";
const ORIGIN: &str = "http://127.0.0.1:8080";

#[derive(Clone)]
pub(crate) struct Browser<'a> {
    gateway: &'a Gateway,
    pub(crate) cookie: Option<String>,
    peer: Peer,
    headers: Vec<(&'static str, String)>,
}

impl<'a> Browser<'a> {
    /// One that nobody has used yet, on the gateway's own machine.
    pub(crate) fn new(gateway: &'a Gateway) -> Self {
        Self { gateway, cookie: None, peer: Peer::default(), headers: Vec::new() }
    }

    /// One that has followed a link of somebody.
    pub(crate) async fn signed_in(gateway: &'a Gateway, who: &Caller<'_>) -> Self {
        let mut browser = Self::new(gateway);
        let answer = browser.get(&link(who).await).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        browser.keep_cookie(&answer);
        browser
    }

    /// Elsewhere on the network.
    pub(crate) fn from(mut self, address: &str) -> Self {
        self.peer.address = address.parse::<IpAddr>().unwrap();
        self
    }

    /// Over a connection that the gateway has decrypted.
    pub(crate) fn encrypted(mut self) -> Self {
        self.peer.encrypted = true;
        self
    }

    /// Over a connection that is kept for operators and owners.
    pub(crate) fn beyond_the_bound(mut self) -> Self {
        self.peer.reserved = true;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Body::empty(), &[]).await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.send(Method::HEAD, path, Body::empty(), &[]).await
    }

    /// Sends a form as a page of the gateway has it sent.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, form(fields), &[("origin", ORIGIN)]).await
    }

    /// Sends a form, and says of its origin only what was set before.
    pub(crate) async fn post_as_it_is(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, form(fields), &[]).await
    }

    pub(crate) fn keep_cookie(&mut self, answer: &Answer) {
        let set = answer.headers["set-cookie"].to_str().unwrap();
        self.cookie = set.split(';').next().map(str::to_owned);
    }

    /// The proof that forms of this session carry, as a page shows it.
    pub(crate) async fn csrf(&self) -> String {
        let page = self.get("/").await;
        assert_eq!(page.status, 200, "{}", page.text);
        let (_, rest) = page.text.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// The id of the newest session that somebody sees.
    pub(crate) async fn session_id(&self, who: &Caller<'_>) -> String {
        let listed = who.get("/v1/dashboard/sessions").await.ok();
        listed["sessions"][0]["session_id"].as_str().unwrap().to_owned()
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Body,
        said: &[(&'static str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(&method).uri(path).header("host", HOST);
        if method == Method::POST {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        for (name, value) in said {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body).unwrap();
        for (name, value) in &self.headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        request.extensions_mut().insert(self.peer.clone());
        self.gateway.send(request).await
    }
}

/// A link that signs in somebody, as their command line gets it; without host.
pub(crate) async fn link(who: &Caller<'_>) -> String {
    let made = who.post_nothing("/v1/auth/dashboard-token").await.ok();
    format!("/auth/exchange?token={}", made["token"].as_str().unwrap())
}

fn form(fields: &[(&str, &str)]) -> Body {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    Body::from(form.finish())
}
