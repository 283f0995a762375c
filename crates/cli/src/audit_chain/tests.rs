//! A chain that holds, and every way to break one.

use super::*;

/// A sound chain of these bodies, made with the definition written out.
fn chain(bodies: &[&str]) -> Vec<ChainEntry> {
    let mut previous = [0_u8; 32];
    let mut entries = Vec::new();
    for (index, body) in bodies.iter().enumerate() {
        let body_hash: [u8; 32] = Sha256::digest(body.as_bytes()).into();
        let both = [previous, body_hash].concat();
        previous = Sha256::digest(&both).into();
        entries.push(ChainEntry {
            position: u64::try_from(index).unwrap() + 1,
            hash: hex::encode(previous),
            body_hash: hex::encode(body_hash),
            body: Some((*body).to_owned()),
        });
    }
    entries
}

fn head_of(entries: &[ChainEntry]) -> ChainHead {
    let last = entries.last().unwrap();
    ChainHead { position: last.position, hash: last.hash.clone() }
}

fn verify(entries: &[ChainEntry], expected: Vec<Expected>) -> Result<Verifier, Broken> {
    let mut verifier = Verifier::new(expected);
    assert!(verifier.page(entries, &head_of(entries))?, "the end is reached");
    verifier.finish()?;
    Ok(verifier)
}

fn remembered(entry: &ChainEntry) -> Expected {
    format!("{}:{}", entry.position, entry.hash).parse().unwrap()
}

#[test]
fn a_sound_chain_verifies_whole_and_in_pages() {
    let entries = chain(&["a", "b", "c", "d"]);
    let whole = verify(&entries, Vec::new()).unwrap();
    assert_eq!(whole.position(), 4);
    assert_eq!(whole.hash().to_string(), entries[3].hash);

    let mut paged = Verifier::new(vec![remembered(&entries[1])]);
    assert!(!paged.page(&entries[..2], &head_of(&entries)).unwrap());
    assert!(paged.page(&entries[2..], &head_of(&entries)).unwrap());
    assert_eq!(paged.hash(), whole.hash());
}

#[test]
fn the_hash_is_the_one_that_the_definition_gives() {
    // printf x | sha256sum, then 32 zero bytes and that value through sha256sum.
    let entries = chain(&["x"]);
    assert_eq!(
        entries[0].body_hash,
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    );
    assert_eq!(verify(&entries, Vec::new()).unwrap().hash().to_string(), entries[0].hash);
}

#[test]
fn an_empty_chain_holds() {
    let mut verifier = Verifier::new(Vec::new());
    assert!(verifier.page(&[], &ChainHead { position: 0, hash: "0".repeat(64) }).unwrap());
}

#[test]
fn bodies_of_others_may_be_left_out() {
    let mut entries = chain(&["a", "b", "c"]);
    entries[1].body = None;
    assert_eq!(verify(&entries, Vec::new()).unwrap().entries_without_body(), 1);
}

#[test]
fn a_changed_body_is_found_at_its_position() {
    let mut entries = chain(&["a", "b", "c"]);
    entries[1].body = Some("B".to_owned());
    let found = verify(&entries, Vec::new()).unwrap_err();
    assert_eq!((found.position, found.why.as_str()), (2, "its content was changed"));
}

#[test]
fn a_changed_body_with_its_hash_breaks_the_chain() {
    let mut entries = chain(&["a", "b", "c"]);
    entries[1].body = None;
    entries[1].body_hash = hex::encode(Sha256::digest(b"B"));
    assert_eq!(verify(&entries, Vec::new()).unwrap_err().position, 2);
}

#[test]
fn a_missing_entry_is_found() {
    let mut entries = chain(&["a", "b", "c"]);
    entries.remove(1);
    assert_eq!(verify(&entries, Vec::new()).unwrap_err().position, 2);
}

#[test]
fn a_gateway_that_keeps_the_rest_back_is_found() {
    let entries = chain(&["a", "b", "c"]);
    let mut verifier = Verifier::new(Vec::new());
    assert!(!verifier.page(&entries[..2], &head_of(&entries)).unwrap());
    assert_eq!(verifier.page(&[], &head_of(&entries)).unwrap_err().position, 3);
}

#[test]
fn a_head_that_does_not_fit_or_goes_back_is_found() {
    let entries = chain(&["a", "b", "c"]);
    let mut head = head_of(&entries);
    head.hash = "ab".repeat(32);
    assert_eq!(Verifier::new(Vec::new()).page(&entries, &head).unwrap_err().position, 3);

    let mut verifier = Verifier::new(Vec::new());
    verifier.page(&entries, &head_of(&entries)).unwrap();
    assert!(verifier.page(&[], &head_of(&entries[..2])).is_err());
}

#[test]
fn entries_that_were_added_while_reading_are_no_fault() {
    let entries = chain(&["a", "b", "c"]);
    let mut verifier = Verifier::new(Vec::new());
    assert!(verifier.page(&entries, &head_of(&entries[..2])).unwrap());
    assert_eq!(verifier.position(), 3);
}

#[test]
fn a_chain_rewritten_whole_is_found_by_what_was_remembered() {
    let before = chain(&["a", "b", "c"]);
    let after = chain(&["a", "B", "c"]);
    verify(&after, Vec::new()).unwrap();
    let found = verify(&after, vec![remembered(&before[2])]).unwrap_err();
    assert_eq!(found.position, 3);
    assert!(found.why.contains("is remembered"), "{}", found.why);
}

#[test]
fn a_chain_that_was_cut_is_found_by_what_was_remembered() {
    let entries = chain(&["a", "b", "c"]);
    let found = verify(&entries[..2], vec![remembered(&entries[2])]).unwrap_err();
    assert_eq!(found.position, 3);
    assert!(found.why.contains("once reached position 3"), "{}", found.why);
}

#[test]
fn what_is_remembered_is_read_in_both_forms() {
    let hash = "ab".repeat(32);
    let short: Expected = format!("7:{hash}").parse().unwrap();
    assert_eq!(short.to_string(), format!("control:7:{hash}"));
    let long: Expected = format!("e12:7:{hash}").parse().unwrap();
    assert_eq!((long.chain.as_str(), long.position), ("e12", 7));
    for wrong in ["", "7", "7:ab", "x:7", &format!("0:{hash}"), &format!("-1:{hash}")] {
        assert!(wrong.parse::<Expected>().is_err(), "{wrong}");
    }
}
