//! Whether a form was sent by a page of this dashboard, as the browser says.

use axum::http::{HeaderMap, Uri, header};

use crate::edge::Transport;

const FETCH_SITE: &str = "sec-fetch-site";

/// Whether everything that the browser says of where a form comes from names this dashboard.
/// Something has to be said: a browser that says nothing is not let through.
pub(super) fn is_own(headers: &HeaderMap, transport: Transport, public_url: Option<&str>) -> bool {
    let site = text(headers, FETCH_SITE);
    // Some pages hide where they are; then the other header has to tell.
    let origin = text(headers, header::ORIGIN.as_str()).filter(|origin| *origin != "null");
    if site.is_some_and(|site| site != "same-origin") {
        return false;
    }
    match origin {
        Some(origin) => {
            is_origin(origin, headers, transport) || public_url.is_some_and(|url| same(origin, url))
        }
        None => site.is_some(),
    }
}

/// Whether an origin is the address that the browser has called.
fn is_origin(origin: &str, headers: &HeaderMap, transport: Transport) -> bool {
    let host = text(headers, header::HOST.as_str());
    let (scheme, authority) = match origin.split_once("://") {
        Some(parts) => parts,
        None => return false,
    };
    let downgraded = transport == Transport::Encrypted && scheme != "https";
    !downgraded && host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
}

/// Whether an origin is that of a URL.
fn same(origin: &str, url: &str) -> bool {
    let of = |text: &str| {
        let uri: Uri = text.parse().ok()?;
        Some((uri.scheme_str()?.to_owned(), uri.authority()?.as_str().to_ascii_lowercase()))
    };
    of(origin).is_some_and(|origin| Some(origin) == of(url))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn forms_of_this_dashboard_are_told_from_all_others() {
        let host = ("host", "gate.example:8443");
        let own = ("origin", "https://gate.example:8443");
        for (pairs, wanted) in [
            (vec![host, own], true),
            (vec![host, own, (FETCH_SITE, "same-origin")], true),
            (vec![host, ("origin", "null"), (FETCH_SITE, "same-origin")], true),
            (vec![host, (FETCH_SITE, "same-origin")], true),
            (vec![host], false),
            (vec![host, ("origin", "null")], false),
            (vec![host, ("origin", "https://evil.example")], false),
            (vec![host, ("origin", "https://gate.example:8443.evil.example")], false),
            (vec![host, own, (FETCH_SITE, "cross-site")], false),
            (vec![host, own, (FETCH_SITE, "same-site")], false),
            (vec![host, ("origin", "https://evil.example"), (FETCH_SITE, "same-origin")], false),
            (vec![host, ("origin", "http://gate.example:8443")], false),
            (vec![own], false),
        ] {
            let headers = asked(&pairs);
            assert_eq!(is_own(&headers, Transport::Encrypted, None), wanted, "{pairs:?}");
        }
    }

    #[test]
    fn behind_a_proxy_that_calls_by_another_name_the_public_address_counts() {
        let headers = asked(&[("host", "10.0.0.7:8080"), ("origin", "https://gate.example")]);
        let public = Some("https://Gate.example/");
        assert!(is_own(&headers, Transport::Clear, public));
        assert!(!is_own(&headers, Transport::Clear, Some("https://other.example")));
        assert!(!is_own(&headers, Transport::Clear, None));
    }
}
