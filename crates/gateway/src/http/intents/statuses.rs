//! Lists of statuses, as queries and bodies name them.

use axme_core::intent::Status;

/// Reads statuses separated by commas; none stands for all. `pending` is every status that has
/// not ended.
pub(in crate::http) fn parse(text: Option<&str>) -> Result<Vec<Status>, String> {
    let words = text.unwrap_or_default().split(',').map(str::trim);
    all(words.filter(|word| !word.is_empty()))
}

/// Reads statuses; a word that is none is answered as what is wrong.
pub(in crate::http) fn all<'a>(
    words: impl Iterator<Item = &'a str>,
) -> Result<Vec<Status>, String> {
    let mut statuses = Vec::new();
    for word in words {
        let upper = word.to_ascii_uppercase();
        if upper == "PENDING" {
            statuses.extend(Status::ALL.into_iter().filter(|status| !status.is_terminal()));
        } else {
            statuses.push(Status::parse(&upper).ok_or_else(|| unknown(word))?);
        }
    }
    statuses.dedup();
    Ok(statuses)
}

fn unknown(word: &str) -> String {
    let known: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
    format!("{word:?} is no status; known are {} and pending", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_statuses_read_with_commas_and_pending() {
        let read = |text| parse(Some(text));
        assert_eq!(read("COMPLETED, FAILED"), Ok(vec![Status::Completed, Status::Failed]));
        assert_eq!(read("delivered"), Ok(vec![Status::Delivered]));
        assert_eq!(read("pending").unwrap().len(), 6);
        assert_eq!(read(""), Ok(vec![]));
        assert_eq!(parse(None), Ok(vec![]));
        assert!(read("CANCELLED").unwrap_err().contains("\"CANCELLED\" is no status"));
    }
}
