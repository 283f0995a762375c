//! The cookie that holds the secret of a session.

use axme_core::session::SESSION_LIVES;
use axum::http::{HeaderMap, HeaderValue, header};

/// In the clear, on this machine.
const PLAIN: &str = "axme_session";
/// Over https: browsers take a cookie of this name only from this very host, encrypted.
const HOST_ONLY: &str = "__Host-axme_session";

/// The secret that a request shows. Over https the plain name does not count: a neighbour of this
/// host could have set it.
pub(super) fn shown(headers: &HeaderMap, secure: bool) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim() == name_of(secure));
    named.next().map(|(_, value)| value.trim())
}

/// Has the browser keep a secret.
pub(super) fn kept(secret: &str, secure: bool) -> HeaderValue {
    set(secret, SESSION_LIVES.as_secs(), secure)
}

/// Has the browser forget it.
pub(super) fn forgotten(secure: bool) -> HeaderValue {
    set("", 0, secure)
}

fn set(value: &str, seconds: u64, secure: bool) -> HeaderValue {
    let name = name_of(secure);
    let encrypted = if secure { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{encrypted}");
    let mut set =
        HeaderValue::from_str(&text).unwrap_or_else(|_never| HeaderValue::from_static(""));
    set.set_sensitive(true);
    set
}

const fn name_of(secure: bool) -> &'static str {
    if secure { HOST_ONLY } else { PLAIN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_https_only_the_cookie_of_this_very_host_counts() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            "a=b; axme_session=plain; __Host-axme_session=own".parse().unwrap(),
        );
        assert_eq!(shown(&headers, true), Some("own"));
        assert_eq!(shown(&headers, false), Some("plain"));
        assert_eq!(shown(&HeaderMap::new(), false), None);
    }

    #[test]
    fn the_cookie_is_for_this_site_alone_and_for_no_script() {
        assert_eq!(
            kept("x", true),
            "__Host-axme_session=x; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(forgotten(false), "axme_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
        assert!(!format!("{:?}", kept("sesame", true)).contains("sesame"));
    }
}
