//! Lists in pages: as many rows as were asked for, and where to go on.

use std::str::FromStr;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::error::ApiError;

/// Query of a list that has no filters.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// At most 500, default 100.
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// One page of a list.
#[derive(Debug)]
pub(in crate::http) struct Page<T> {
    pub(in crate::http) rows: Vec<T>,
    pub(in crate::http) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Takes a page of `limit` rows. That there is one more is how it knows that the list goes on.
    pub(in crate::http) fn take(
        rows: impl Iterator<Item = T>,
        limit: usize,
        cursor_of: impl FnOnce(&T) -> String,
    ) -> Self {
        let mut rows: Vec<T> = rows.take(limit.saturating_add(1)).collect();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more { rows.last().map(cursor_of) } else { None };
        Self { rows, next_cursor }
    }
}

/// Reads a cursor that is an id.
pub(in crate::http) fn cursor<T: FromStr>(text: Option<&str>) -> Result<Option<T>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse() {
        Ok(id) => Ok(Some(id)),
        Err(_) => Err(ApiError::query("cursor", "not a next_cursor of this list")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: std::ops::Range<u32>) -> (Vec<u32>, Option<String>) {
        let Page { rows, next_cursor } = Page::take(rows, 3, u32::to_string);
        (rows, next_cursor)
    }

    #[test]
    fn a_cursor_is_there_only_when_the_list_goes_on() {
        assert_eq!(page(0..0), (vec![], None));
        assert_eq!(page(0..3), (vec![0, 1, 2], None));
        assert_eq!(page(0..4), (vec![0, 1, 2], Some("2".to_owned())));
    }
}
