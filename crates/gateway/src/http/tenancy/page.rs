//! The query of lists that have no filters.

use serde::Deserialize;
use utoipa::IntoParams;

/// See the module.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// At most 500, default 100.
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}
