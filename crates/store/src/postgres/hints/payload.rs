//! Hints as text: one a line, a letter and what it is about.

use crate::hint::Hint;

/// The server takes less than 8,000 bytes in one notification.
const PAYLOAD_BYTES_MAX: usize = 7_900;

/// Hints as payloads. Where they do not fit into a few, that everything may have changed.
pub(super) fn write(hints: &[Hint]) -> Vec<String> {
    const PAYLOADS_MAX: usize = 8;
    let mut payloads = vec![String::new()];
    for hint in hints {
        let line = line(hint);
        let fits = payloads.last().is_some_and(|last| last.len() + line.len() < PAYLOAD_BYTES_MAX);
        if !fits {
            payloads.push(String::new());
        }
        if let Some(last) = payloads.last_mut() {
            last.push_str(&line);
        }
    }
    let too_long = payloads.iter().any(|payload| payload.len() > PAYLOAD_BYTES_MAX);
    if too_long || payloads.len() > PAYLOADS_MAX {
        return vec![line(&Hint::Everything)];
    }
    payloads.retain(|payload| !payload.is_empty());
    payloads
}

/// What a payload says. Lines that this version does not know may mean anything.
pub(super) fn read(payload: &str) -> Vec<Hint> {
    payload.lines().map(|line| hint(line).unwrap_or(Hint::Everything)).collect()
}

fn line(hint: &Hint) -> String {
    match hint {
        Hint::Log => "l\n".to_owned(),
        Hint::Reported => "r\n".to_owned(),
        Hint::Everything => "*\n".to_owned(),
        Hint::Intent(intent) => format!("i{}\n", intent.as_uuid().simple()),
        Hint::Kill(kill) => format!("k{}\n", kill.as_uuid().simple()),
        Hint::Queue(workspace, address) => {
            format!("q{} {}\n", workspace.as_uuid().simple(), address.as_str())
        }
    }
}

fn hint(line: &str) -> Option<Hint> {
    use axme_core::address::Address;
    use axme_core::id::{IntentId, KillId, WorkspaceId};

    let mut letters = line.chars();
    let (kind, rest) = (letters.next()?, letters.as_str());
    match kind {
        'l' => Some(Hint::Log),
        'r' => Some(Hint::Reported),
        'i' => Some(Hint::Intent(IntentId::from_uuid(rest.parse().ok()?))),
        'k' => Some(Hint::Kill(KillId::from_uuid(rest.parse().ok()?))),
        'q' => {
            let (workspace, address) = rest.split_once(' ')?;
            let workspace = WorkspaceId::from_uuid(workspace.parse().ok()?);
            Some(Hint::Queue(workspace, Address::parse_lenient(address).ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axme_core::address::Address;
    use axme_core::id::{IntentId, KillId, WorkspaceId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn hints_come_back_as_they_were_told() {
        let address = Address::parse_lenient("agent://acme/prod/mailer").unwrap();
        let hints = [
            Hint::Log,
            Hint::Reported,
            Hint::Intent(IntentId::from_uuid(Uuid::from_u128(7))),
            Hint::Queue(WorkspaceId::from_uuid(Uuid::from_u128(8)), address),
            Hint::Kill(KillId::from_uuid(Uuid::from_u128(9))),
            Hint::Everything,
        ];
        let payloads = write(&hints);
        assert_eq!(payloads.len(), 1);
        assert_eq!(read(&payloads.concat()), hints);
    }

    #[test]
    fn what_is_too_much_becomes_everything_and_what_is_unknown_too() {
        let intent = |n| Hint::Intent(IntentId::from_uuid(Uuid::from_u128(n)));
        let many: Vec<Hint> = (0..1_000).map(intent).collect();
        let payloads = write(&many);
        assert!(payloads.len() > 1 && payloads.iter().all(|one| one.len() < 8_000));
        let more: Vec<Hint> = (0..10_000).map(intent).collect();
        assert_eq!(write(&more), ["*\n"]);
        assert_eq!(read("z9\n"), [Hint::Everything]);
    }
}
