//! The one file that draws random numbers: ids and the secrets of keys and sessions.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axme_core::id::{
    AccountId, AddressId, CommandId, IntentId, KeyId, KillId, OrgId, SessionId, TokenId,
    WorkspaceId,
};
use axme_core::key::KeyDigest;
use axme_core::time::Timestamp;
use uuid::Uuid;

/// Bytes of chance in a key's secret.
const SECRET_BYTES: usize = 32;
/// Characters of a token's end that are kept to tell keys apart.
const HINT_CHARS: usize = 6;

/// Draws ids and secrets. Ids sort by the moment they were drawn at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chance;

/// A new key's token and what may be kept of it.
pub struct NewToken {
    /// The key as its holder gets it, once.
    pub token: String,
    pub digest: KeyDigest,
    pub hint: Box<str>,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken").field("hint", &self.hint).finish_non_exhaustive()
    }
}

impl Chance {
    #[must_use]
    pub fn uuid(self, at: Timestamp) -> Uuid {
        let millis = u64::try_from(at.as_micros() / 1_000).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random()).into_uuid()
    }

    /// A name for a request: unlike every other, and no secret. Drawn by counting on from one draw
    /// of this process, because every request needs one.
    #[must_use]
    pub fn name_of_request(self, at: Timestamp) -> Uuid {
        static FIRST: OnceLock<u64> = OnceLock::new();
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let first = *FIRST.get_or_init(|| u64::from_le_bytes(random()));
        let number = first.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed));
        let mut tail = [0; 10];
        let (_, low) = tail.split_at_mut(2);
        low.copy_from_slice(&number.to_be_bytes());
        let millis = u64::try_from(at.as_micros() / 1_000).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid()
    }

    /// Tells apart two replicas of one machine: eight hex digits.
    #[must_use]
    pub fn suffix(self) -> String {
        format!("{:08x}", u32::from_le_bytes(random()))
    }

    #[must_use]
    pub fn intent(self, at: Timestamp) -> IntentId {
        IntentId::from_uuid(self.uuid(at))
    }

    #[must_use]
    pub fn kill(self, at: Timestamp) -> KillId {
        KillId::from_uuid(self.uuid(at))
    }

    #[must_use]
    pub fn command(self, at: Timestamp) -> CommandId {
        CommandId::from_uuid(self.uuid(at))
    }

    #[must_use]
    pub fn org(self, at: Timestamp) -> OrgId {
        OrgId::from_uuid(self.uuid(at))
    }

    #[must_use]
    pub fn workspace(self, at: Timestamp) -> WorkspaceId {
        WorkspaceId::from_uuid(self.uuid(at))
    }

    #[must_use]
    pub fn address(self, at: Timestamp) -> AddressId {
        AddressId::from_uuid(self.uuid(at))
    }

    #[must_use]
    pub fn account(self, at: Timestamp) -> AccountId {
        AccountId::from_uuid(self.uuid(at))
    }

    #[must_use]
    pub fn key(self, at: Timestamp) -> KeyId {
        KeyId::from_uuid(self.uuid(at))
    }

    #[must_use]
    pub fn session(self, at: Timestamp) -> SessionId {
        SessionId::from_uuid(self.uuid(at))
    }

    #[must_use]
    pub fn dashboard_token(self, at: Timestamp) -> TokenId {
        TokenId::from_uuid(self.uuid(at))
    }

    /// A secret that begins with `prefix`, which tells people what they have found.
    #[must_use]
    pub fn secret(self, prefix: &str) -> NewToken {
        let secret: [u8; SECRET_BYTES] = random();
        let token = format!("{prefix}{}", axme_core::chain::Hash(secret));
        NewToken { digest: KeyDigest::of(&token), hint: hint_of(&token), token }
    }

    /// A token `axme_sa_<id>_<secret>`: of an agent's key with its account's id, else with the key's.
    #[must_use]
    pub fn token(self, key: KeyId, account: Option<AccountId>) -> NewToken {
        match account {
            Some(account) => self.secret(&format!("axme_sa_{account}_")),
            None => self.secret(&format!("axme_sa_{key}_")),
        }
    }
}

/// What may be shown of a token for ever: its last characters.
#[must_use]
pub fn hint_of(token: &str) -> Box<str> {
    let skipped = token.chars().count().saturating_sub(HINT_CHARS);
    let end: String = token.chars().skip(skipped).collect();
    format!("…{end}").into()
}

#[expect(
    clippy::expect_used,
    reason = "without the system's source of chance no id and no secret is safe: better to stop"
)]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_name_their_account_and_keep_their_secret() {
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        let (key, account) = (Chance.key(at), Chance.account(at));
        let made = Chance.token(key, Some(account));
        assert!(made.token.starts_with(&format!("axme_sa_{account}_")));
        assert!(Chance.token(key, None).token.starts_with("axme_sa_sak_"));
        assert_eq!(KeyDigest::of(&made.token), made.digest);
        assert!(!format!("{made:?}").contains(&made.token));
    }

    #[test]
    fn later_ids_sort_later() {
        let early = Chance.intent(Timestamp::from_micros(1_000_000));
        let late = Chance.intent(Timestamp::from_micros(2_000_000));
        assert!(early < late);
    }
}
