//! What every edge of the gateway needs: who is at the other end, whose key it is, places in the
//! works, streams. One instance serves the API and the dashboard, so that they share their bounds.

mod peer;
mod places;
pub(crate) mod request_id;
mod sign_ins;
pub(crate) mod sse;

use std::net::IpAddr;
use std::sync::Arc;

use axme_core::key::{KeyDigest, KeyStatus};
use axme_engine::Engine;
use axme_engine::enforcer::KeyCell;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;

pub use peer::{Peer, Transport};
pub use places::{Place, Places};
use sign_ins::SignIns;

/// How the edges behave.
#[derive(Clone, Debug)]
pub struct EdgeOptions {
    /// Requests of all callers at a time.
    pub requests_max: usize,
    /// How many of them only operators and owners get.
    pub requests_reserved: usize,
    /// Whose `X-Forwarded-For` and `X-Forwarded-Proto` count.
    pub trusted_proxies: Vec<IpNet>,
    /// Where people reach this gateway, when that was said.
    pub public_url: Option<String>,
}

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Edge(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    places: Places,
    sign_ins: SignIns,
    trusted_proxies: Vec<IpNet>,
    public_url: Option<String>,
}

/// Why a key opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyRefused {
    Unknown,
    Revoked,
    Expired,
    /// It does not work, like those of too many others from the same address.
    TooMany,
}

impl Edge {
    #[must_use]
    pub fn new(engine: Engine, options: EdgeOptions) -> Self {
        let EdgeOptions { requests_max, requests_reserved, trusted_proxies, public_url } = options;
        let public_url = public_url.map(|url| url.trim_end_matches('/').to_owned());
        Self(Arc::new(Inner {
            engine,
            places: Places::new(requests_max, requests_reserved),
            sign_ins: SignIns::default(),
            trusted_proxies,
            public_url,
        }))
    }

    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    #[must_use]
    pub fn places(&self) -> &Places {
        &self.0.places
    }

    /// Where people reach this gateway, when that was said. Without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> Option<&str> {
        self.0.public_url.as_deref()
    }

    /// Where a request comes from.
    #[must_use]
    pub fn client_address(&self, peer: &Peer, headers: &HeaderMap) -> IpAddr {
        peer.client_address(headers, &self.0.trusted_proxies)
    }

    /// How a request has come.
    #[must_use]
    pub fn transport(&self, peer: &Peer, headers: &HeaderMap) -> Transport {
        peer.transport(headers, &self.0.trusted_proxies)
    }

    /// The address under which whoever sent this request finds the gateway: the one that was
    /// configured, else the one that they have used.
    #[must_use]
    pub fn base_url(&self, peer: &Peer, headers: &HeaderMap) -> String {
        if let Some(url) = self.public_url() {
            return url.to_owned();
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        match (host, self.transport(peer, headers)) {
            (None, _) => String::new(),
            (Some(host), Transport::Encrypted) => format!("https://{host}"),
            (Some(host), Transport::Local | Transport::Clear) => format!("http://{host}"),
        }
    }

    /// The key of a token, if it works. The key comes first, the address counts only when it
    /// fails: see `sign_ins`.
    pub(crate) fn key_that_works(
        &self,
        token: &str,
        client: IpAddr,
    ) -> Result<Arc<KeyCell>, KeyRefused> {
        let now = self.engine().clock.wall();
        let key = self.engine().enforcer.key(&KeyDigest::of(token));
        let refused = match key.as_ref().map(|key| key.status(now)) {
            Some(KeyStatus::Active) => None,
            Some(KeyStatus::Revoked) => Some(KeyRefused::Revoked),
            Some(KeyStatus::Expired) => Some(KeyRefused::Expired),
            None => Some(KeyRefused::Unknown),
        };
        match (key, refused) {
            (Some(key), None) => {
                key.touch(now);
                Ok(key)
            }
            (_, refused) => {
                let within = self.sign_in_failed(client);
                let refused = refused.unwrap_or(KeyRefused::Unknown);
                Err(if within { refused } else { KeyRefused::TooMany })
            }
        }
    }

    /// Counts a failed sign-in; whether it is within the allowance of its address.
    pub(crate) fn sign_in_failed(&self, client: IpAddr) -> bool {
        let engine = self.engine();
        engine.observer.sign_in_failed(engine.clock.wall(), Some(client));
        self.0.sign_ins.failed(client, engine.clock.mono())
    }
}
