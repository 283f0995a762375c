//! Styles, scripts and pictures: inside the binary, under addresses that change with them.

use std::io::Write as _;
use std::sync::LazyLock;

use axme_core::chain::Hash;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::notice::Notice;

/// How much of a file's hash stands in its address.
const HASH_CHARS: usize = 16;
/// For an address that names just this file: it never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// For an address of another version, such as a page of a replica that is newer than this one.
const FOR_NOW: &str = "no-cache";

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($name:literal $path:literal $kind:ident,)+) => {
        [$(($name, $kind, include_bytes!(concat!("../../assets/", $path)).as_slice()),)+]
    };
}

/// Every file: its name, where it stands in `assets/`, and what it is.
static FILES: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let files = files![
        "axme.css" "axme.css" CSS,
        "axme.js" "axme.js" JS,
        "icon.svg" "icon.svg" SVG,
    ];
    files.into_iter().map(Asset::new).collect()
});

#[derive(Debug)]
struct Asset {
    name: &'static str,
    kind: &'static str,
    body: &'static [u8],
    /// The same in less bytes; none when it would not be less.
    gzip: Option<Vec<u8>>,
    hash: String,
}

impl Asset {
    fn new((name, kind, body): (&'static str, &'static str, &'static [u8])) -> Self {
        let hash = Hash::of_body(body).to_string().chars().take(HASH_CHARS).collect();
        let gzip = gzip(body).ok().filter(|packed| packed.len() < body.len());
        Self { name, kind, body, gzip, hash }
    }
}

/// The address of a file by its name.
pub(super) fn url(name: &str) -> String {
    let found = FILES.iter().find(|asset| asset.name == name);
    let hash = found.map_or("none", |asset| asset.hash.as_str());
    format!("/assets/{hash}/{name}")
}

pub(super) async fn get_asset(
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(asset) = FILES.iter().find(|asset| asset.name == name) else {
        return Notice::not_found().into_response();
    };
    let packed = asset.gzip.as_ref().filter(|_| takes_gzip(&headers));
    let etag = match packed {
        Some(_) => format!("\"{}-gzip\"", asset.hash),
        None => format!("\"{}\"", asset.hash),
    };
    let cache = if hash == asset.hash { FOR_EVER } else { FOR_NOW };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let about = [
        (header::CACHE_CONTROL, cache),
        (header::ETAG, etag.as_str()),
        (header::VARY, "accept-encoding"),
    ];
    if known.is_some_and(|known| known.split(',').any(|one| one.trim() == etag)) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    let kind = [(header::CONTENT_TYPE, asset.kind)];
    match packed {
        Some(packed) => {
            let encoding = [(header::CONTENT_ENCODING, "gzip")];
            (about, kind, encoding, packed.clone()).into_response()
        }
        None => (about, kind, asset.body).into_response(),
    }
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Whether whoever asks can unpack: says gzip, and does not say that it must not be.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let words = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    words.map(|word| word.split(';')).any(|mut parts| {
        let is_gzip = parts.next().is_some_and(|name| name.trim().eq_ignore_ascii_case("gzip"));
        let refused =
            parts.any(|part| matches!(part.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        is_gzip && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_an_address_of_its_own_that_says_what_is_in_it() {
        for asset in FILES.iter() {
            assert_eq!(url(asset.name), format!("/assets/{}/{}", asset.hash, asset.name));
            assert_eq!(asset.hash.len(), HASH_CHARS);
        }
    }

    #[test]
    fn files_are_packed_for_those_who_say_that_they_unpack() {
        let accept = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
            takes_gzip(&headers)
        };
        assert!(accept("gzip") && accept("br, GZIP;q=0.8, *;q=0.1"));
        assert!(!accept("br") && !accept("gzip;q=0") && !accept(""));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
