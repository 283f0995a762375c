//! Who is at the other end of a connection.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::HeaderMap;
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The connection of a request; the listener puts it into the request's extensions.
#[derive(Clone, Debug)]
pub struct Peer {
    pub address: IpAddr,
    /// Cancelled to cut the connection, waiting for nobody.
    pub cut: CancellationToken,
    /// Taken beyond the bound on connections, for operators and owners only.
    pub reserved: bool,
}

impl Default for Peer {
    /// A caller in the same process: tests.
    fn default() -> Self {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { address, cut: CancellationToken::new(), reserved: false }
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
}
