//! What the templates show: plain data, already worded.

/// Where the browser finds a file of `assets/`, by its name.
pub(crate) fn asset_url(name: &str) -> String {
    super::assets::url(name)
}
