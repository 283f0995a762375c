//! Lists in pages: as many rows as were asked for, and where to go on.

use std::str::FromStr;

use super::ReadError;

/// Rows of a list when the caller names no limit, and at most.
const LIST_LIMIT_DEFAULT: usize = 100;
const LIST_LIMIT_MAX: usize = 500;

/// The limit of a list. One beyond the most is taken as the most; zero is refused.
pub(crate) fn list_limit(asked: Option<u32>) -> Result<usize, ReadError> {
    match asked {
        None => Ok(LIST_LIMIT_DEFAULT),
        Some(0) => Err(ReadError::query("limit", "must be at least 1")),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(LIST_LIMIT_MAX).min(LIST_LIMIT_MAX)),
    }
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Takes a page of `limit` rows. That there is one more is how it knows that the list goes on.
    pub(crate) fn take(
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
pub(crate) fn cursor<T: FromStr>(text: Option<&str>) -> Result<Option<T>, ReadError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse() {
        Ok(id) => Ok(Some(id)),
        Err(_) => Err(ReadError::query("cursor", "not a next_cursor of this list")),
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
