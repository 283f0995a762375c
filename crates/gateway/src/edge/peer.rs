//! Who is at the other end of a connection.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::HeaderMap;
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The connection of a request; the listener puts it into the request's extensions.
#[derive(Clone, Debug)]
pub struct Peer {
    pub address: IpAddr,
    /// Cancelled to cut the connection, waiting for nobody.
    pub cut: CancellationToken,
    /// Taken beyond the bound on connections, for operators and owners only.
    pub reserved: bool,
    /// Whether the connection is encrypted up to here.
    pub encrypted: bool,
}

/// How a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over TLS, that of this gateway or that of a trusted proxy.
    Encrypted,
    /// In the clear, and within this machine.
    Local,
    /// In the clear over a network.
    Clear,
}

impl Default for Peer {
    /// A caller in the same process: tests.
    fn default() -> Self {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { address, cut: CancellationToken::new(), reserved: false, encrypted: false }
    }
}

impl Peer {
    /// The caller's address: the peer's, unless it is a trusted proxy that says whom it speaks for.
    /// Of a chain of proxies the last address counts that is not a trusted one.
    #[must_use]
    pub fn client_address(&self, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
        if !is_trusted(&self.address) {
            return self.address;
        }
        let values = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let mut named: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
        named.reverse();
        for text in named {
            match text.trim().parse::<IpAddr>().map(|address| address.to_canonical()) {
                Ok(address) if is_trusted(&address) => {}
                Ok(address) => return address,
                Err(_) => break,
            }
        }
        self.address
    }

    /// How the request has come; a trusted proxy says how it came to that. Of several words the
    /// last counts, which the nearest proxy has written.
    #[must_use]
    pub fn transport(&self, headers: &HeaderMap, trusted: &[IpNet]) -> Transport {
        if self.encrypted {
            return Transport::Encrypted;
        }
        if trusted.iter().any(|net| net.contains(&self.address)) {
            let values = headers.get_all(FORWARDED_PROTO).iter();
            let last = values.filter_map(|value| value.to_str().ok()).next_back();
            let last = last.and_then(|value| value.rsplit(',').next()).unwrap_or_default().trim();
            if last.eq_ignore_ascii_case("https") {
                return Transport::Encrypted;
            }
        }
        let client = self.client_address(headers, trusted);
        if self.address.is_loopback() && client.is_loopback() {
            Transport::Local
        } else {
            Transport::Clear
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, value.parse().unwrap());
        headers
    }

    #[test]
    fn forwarded_headers_count_from_trusted_proxies_only() {
        let peer = Peer { address: "10.0.0.9".parse().unwrap(), ..Peer::default() };
        let forwarded = headers("198.51.100.7, 203.0.113.5, 10.0.0.8");
        assert_eq!(peer.client_address(&forwarded, &[]), peer.address);
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let client: IpAddr = "203.0.113.5".parse().unwrap();
        assert_eq!(peer.client_address(&forwarded, &trusted), client);
        assert_eq!(peer.client_address(&headers("nonsense"), &trusted), peer.address);
        assert_eq!(peer.client_address(&HeaderMap::new(), &trusted), peer.address);
    }

    #[test]
    fn a_request_is_encrypted_when_this_gateway_or_a_trusted_proxy_says_so() {
        let trusted: [IpNet; 1] = ["10.0.0.0/8".parse().unwrap()];
        let from = |address: &str| Peer { address: address.parse().unwrap(), ..Peer::default() };
        let proto = |value: &str| {
            let mut headers = headers("203.0.113.5");
            headers.insert(FORWARDED_PROTO, value.parse().unwrap());
            headers
        };
        let none = HeaderMap::new();
        assert_eq!(Peer::default().transport(&none, &trusted), Transport::Local);
        assert_eq!(from("192.0.2.1").transport(&none, &trusted), Transport::Clear);
        let encrypted = Peer { encrypted: true, ..from("192.0.2.1") };
        assert_eq!(encrypted.transport(&none, &trusted), Transport::Encrypted);
        let proxy = from("10.0.0.9");
        assert_eq!(proxy.transport(&proto("https"), &trusted), Transport::Encrypted);
        assert_eq!(proxy.transport(&proto("https, http"), &trusted), Transport::Clear);
        assert_eq!(proxy.transport(&none, &trusted), Transport::Clear);
        let stranger = from("192.0.2.1").transport(&proto("https"), &trusted);
        assert_eq!(stranger, Transport::Clear, "anybody can write a header");
    }
}
