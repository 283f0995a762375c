//! Names of chains, and the place in the list of events where a page ended.

use axme_core::id::Epoch;
use axme_core::time::Timestamp;
use axme_store::ledger::{AuditRow, ChainId};

use crate::read::ReadError;

/// Where a page ended: moment, chain, position.
pub(super) type Place = (Timestamp, ChainId, u64);

/// `control`, or `e` and the epoch.
pub(super) fn chain_name(chain: ChainId) -> String {
    match chain {
        ChainId::Control => "control".to_owned(),
        ChainId::Epoch(epoch) => format!("e{epoch}"),
    }
}

/// Reads the name of a chain.
pub(super) fn chain_id(name: &str) -> Option<ChainId> {
    if name == "control" {
        return Some(ChainId::Control);
    }
    let epoch = name.strip_prefix('e').filter(|digits| !digits.starts_with(['+', '0']))?;
    epoch.parse().ok().map(|epoch| ChainId::Epoch(Epoch(epoch)))
}

/// `<micros>.<chain>.<position>` of the last row of a page.
pub(super) fn write(last: &AuditRow) -> String {
    format!("{}.{}.{}", last.at.as_micros(), chain_name(last.chain), last.position)
}

/// Reads a cursor; none where the list begins.
pub(super) fn read(text: Option<&str>) -> Result<Option<Place>, ReadError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    match place(text) {
        Some(place) => Ok(Some(place)),
        None => Err(ReadError::query("cursor", "not a next_cursor of this list")),
    }
}

fn place(text: &str) -> Option<Place> {
    let (micros, rest) = text.split_once('.')?;
    let (chain, position) = rest.split_once('.')?;
    let at = Timestamp::from_micros(micros.parse().ok()?);
    Some((at, chain_id(chain)?, position.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axme_core::chain::Hash;

    fn row(chain: ChainId) -> AuditRow {
        let at = Timestamp::from_micros(1_772_355_612_000_041);
        AuditRow { chain, position: 7, hash: Hash::START, at, body: Vec::new() }
    }

    #[test]
    fn a_cursor_reads_back() {
        for chain in [ChainId::Control, ChainId::Epoch(Epoch(12))] {
            let row = row(chain);
            let place = (row.at, row.chain, row.position);
            assert_eq!(read(Some(&write(&row))).unwrap(), Some(place));
        }
        assert_eq!(write(&row(ChainId::Epoch(Epoch(12)))), "1772355612000041.e12.7");
        assert_eq!(read(None).unwrap(), None);
    }

    #[test]
    fn nonsense_is_no_cursor_and_no_chain() {
        for bad in ["x", "1.control", "1.e.2", "1.e01.2", "1.e+1.2", "1.control.-2", "..", "1.2.3"]
        {
            assert!(read(Some(bad)).is_err(), "{bad}");
        }
    }
}
