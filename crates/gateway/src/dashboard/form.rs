//! Forms as browsers send them: read once, within bounds, before their handler.

use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use http_body_util::BodyExt as _;

use super::Dashboard;
use super::notice::Notice;

/// Largest form in bytes.
const FORM_BYTES_MAX: usize = 256 << 10;
/// Most fields of a form.
const FIELDS_MAX: usize = 1_000;
/// How long a browser may take to send a form.
const READ_MAX: Duration = Duration::from_secs(10);
const FORM: &str = "application/x-www-form-urlencoded";

/// The form of a request.
#[derive(Clone, Default)]
pub(crate) struct Posted(Vec<(String, String)>);

impl std::fmt::Debug for Posted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The names alone: a key may be among the values.
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl FromRequestParts<Dashboard> for Posted {
    type Rejection = Notice;

    async fn from_request_parts(parts: &mut Parts, _: &Dashboard) -> Result<Self, Notice> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

impl Posted {
    /// Reads a form to its end.
    pub(super) async fn read(headers: &HeaderMap, mut body: Body) -> Result<Self, Notice> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        let read = async {
            let mut bytes = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.map_err(|_cut_off| Notice::bad_form())?.into_data() else {
                    continue;
                };
                if bytes.len() + data.len() > FORM_BYTES_MAX {
                    return Err(Notice::form_too_large());
                }
                bytes.extend_from_slice(&data);
            }
            Ok(bytes)
        };
        let bytes = tokio::time::timeout(READ_MAX, read).await;
        let bytes = bytes.map_err(|_late| Notice::bad_form())??;
        if !bytes.is_empty() && !kind.eq_ignore_ascii_case(FORM) {
            return Err(Notice::bad_form());
        }
        Ok(Self::parse(&bytes))
    }

    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().take(FIELDS_MAX).collect())
    }

    /// What a field holds; the first, when there are several of its name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
