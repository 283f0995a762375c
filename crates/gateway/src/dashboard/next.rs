//! Where to go on after signing in: places of this dashboard only.

use axum::http::{HeaderMap, Method, Uri};

use super::access;
use super::form::Posted;

/// Longest place that is gone on to, in bytes.
const NEXT_BYTES_MAX: usize = 4_096;
/// What is carried over of a reason that somebody has typed, in characters.
const REASON_CHARS_MAX: usize = 1_000;

const HOME: &str = "/";
const CURRENT_URL: &str = "hx-current-url";

/// A place that was asked for; home when it is none of this dashboard's.
pub(super) fn safe(asked: Option<&str>) -> &str {
    asked.filter(|asked| is_own(asked)).unwrap_or(HOME)
}

/// Whether a text is a path of this site. `//host` and `/\host` are not: browsers leave by them.
fn is_own(text: &str) -> bool {
    let mut bytes = text.bytes();
    let begins = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let leads_back = ["/sign-in", "/sign-out", "/auth/", "/live/", "/assets/"];
    begins
        && plain
        && text.len() <= NEXT_BYTES_MAX
        && !leads_back.iter().any(|begin| text.starts_with(begin))
}

/// The way to sign in for a request that has no session, and back to it. A form that was sent
/// comes back as the page that it stood on, with the reason that was typed in it.
pub(super) fn sign_in_for(
    method: &Method,
    uri: &Uri,
    matched: &str,
    headers: &HeaderMap,
    form: Option<&Posted>,
) -> String {
    let asked = uri.path_and_query().map_or(HOME, |asked| asked.as_str());
    let next = match form {
        None if *method == Method::GET && !headers.contains_key("hx-request") => asked.to_owned(),
        Some(form) if access::access_to(&Method::GET, matched).is_some() => {
            let reason = form.text("reason").filter(|reason| !reason.is_empty());
            let reason = reason.map(|reason| reason.chars().take(REASON_CHARS_MAX).collect());
            with_reason(uri.path(), reason)
        }
        Some(_) | None => current_page(headers),
    };
    let next = safe(Some(&next));
    if next == HOME {
        return "/sign-in".to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    format!("/sign-in?{query}")
}

fn with_reason(path: &str, reason: Option<String>) -> String {
    let Some(reason) = reason else { return path.to_owned() };
    let query =
        form_urlencoded::Serializer::new(String::new()).append_pair("reason", &reason).finish();
    format!("{path}?{query}")
}

/// The page that the browser shows, as its script says; home when it does not.
fn current_page(headers: &HeaderMap) -> String {
    let shown = headers.get(CURRENT_URL).and_then(|url| url.to_str().ok());
    let shown = shown.and_then(|url| url.parse::<Uri>().ok());
    let shown = shown.and_then(|uri| uri.path_and_query().map(ToString::to_string));
    shown.unwrap_or_else(|| HOME.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for own in ["/", "/agents/addr_1/kill?reason=a%20b", "/audit?action=agent.killed"] {
            assert_eq!(safe(Some(own)), own);
        }
        for other in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\\b",
            "/a b",
            "/a\r\nset-cookie:x",
            "javascript:alert(1)",
            "/sign-out",
            "/sign-in?next=/",
            "/auth/exchange?token=x",
        ] {
            assert_eq!(safe(Some(other)), "/", "{other:?}");
        }
        assert_eq!(safe(Some(&format!("/{}", "x".repeat(NEXT_BYTES_MAX)))), "/");
    }

    #[test]
    fn a_reason_that_was_typed_comes_back_with_its_page() {
        let uri: Uri = "/agents/addr_1/kill".parse().unwrap();
        let form = Posted::parse(b"csrf=x&reason=too+many+%26+wrong");
        let way = sign_in_for(
            &Method::POST,
            &uri,
            "/agents/{address_id}/kill",
            &HeaderMap::new(),
            Some(&form),
        );
        let next = form_urlencoded::parse(way.split_once('?').unwrap().1.as_bytes());
        let next: Vec<_> = next.into_owned().collect();
        let wanted = "/agents/addr_1/kill?reason=too+many+%26+wrong";
        assert_eq!(next, [("next".to_owned(), wanted.to_owned())]);
    }

    #[test]
    fn a_form_without_a_page_of_its_own_leads_back_to_the_page_that_is_shown() {
        let uri: Uri = "/policies/addr_1/cost".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(CURRENT_URL, "https://gate.example/policies?agent=addr_1".parse().unwrap());
        let form = Posted::parse(b"");
        let way =
            sign_in_for(&Method::POST, &uri, "/policies/{address_id}/cost", &headers, Some(&form));
        assert_eq!(way, "/sign-in?next=%2Fpolicies%3Fagent%3Daddr_1");
    }
}
