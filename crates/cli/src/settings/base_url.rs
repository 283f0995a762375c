//! The address of a gateway.

use crate::failure::Failure;
use ureq::http::Uri;

/// Scheme, host, port and perhaps a path in front of the API; never ends in a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    text: String,
    encrypted: bool,
}

impl BaseUrl {
    /// # Errors
    /// Anything but `http://` or `https://` with a host, and a path at most.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::Usage(format!(
                "`{text}` cannot be the URL of a gateway: {why}. Example: http://127.0.0.1:8080"
            ))
        };
        let trimmed = text.trim();
        let uri: Uri = trimmed.parse().map_err(|why| wrong(&format!("it is not a URL ({why})")))?;
        let encrypted = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) | None => return Err(wrong("it begins neither with http:// nor https://")),
        };
        let Some(authority) = uri.authority() else {
            return Err(wrong("it names no host"));
        };
        if authority.as_str().contains('@') {
            return Err(wrong("it contains a user name; keys do not belong into URLs"));
        }
        if uri.query().is_some() || trimmed.contains('#') {
            return Err(wrong("it has a query"));
        }
        let scheme = if encrypted { "https" } else { "http" };
        let authority = authority.as_str().to_ascii_lowercase();
        let path = uri.path().trim_end_matches('/');
        Ok(Self { text: format!("{scheme}://{authority}{path}"), encrypted })
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether calls stay on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.text.split("://").nth(1).unwrap_or("");
        ["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local))
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_brought_into_one_form() {
        for (typed, kept) in [
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("HTTPS://Gate.Example//", "https://gate.example"),
            ("https://gate.example/axme/", "https://gate.example/axme"),
        ] {
            assert_eq!(BaseUrl::parse(typed).unwrap().to_string(), kept);
        }
    }

    #[test]
    fn what_is_no_gateway_is_refused_with_the_reason() {
        for (typed, why) in [
            ("gate.example", "neither with http"),
            ("ftp://gate.example", "neither with http"),
            ("http://key@gate.example", "user name"),
            ("http://gate.example?key=1", "query"),
            ("http://", "not a URL"),
            ("http:", ""),
        ] {
            let text = BaseUrl::parse(typed).unwrap_err().to_string();
            assert!(text.contains(why), "{typed}: {text}");
        }
    }
}
