//! Identifiers. Each is 128 bits and shows with the prefix that published clients expect.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The text is not an identifier of the kind that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {expected}")]
pub struct BadId {
    pub expected: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $form:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }

            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if $prefix.is_empty() {
                    write!(f, "{}", self.0.as_hyphenated())
                } else {
                    write!(f, concat!($prefix, "{}"), self.0.as_simple())
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = BadId { expected: $form };
                let digits = text.strip_prefix($prefix).ok_or(bad)?;
                Uuid::try_parse(digits).map(Self).map_err(|_uuid: uuid::Error| bad)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// An organization.
    OrgId, "", "a UUID"
);
id!(
    /// A workspace of an organization.
    WorkspaceId, "", "a UUID"
);
id!(
    /// An intent; version 7, so that ids sort by creation.
    IntentId, "", "a UUID"
);
id!(
    /// An address, which outlives the accounts that hold it.
    AddressId, "addr_", "addr_ and 32 hex digits"
);
id!(
    /// A service account, the identity of one agent.
    AccountId, "sa_", "sa_ and 32 hex digits"
);
id!(
    /// An API key.
    KeyId, "sak_", "sak_ and 32 hex digits"
);
id!(
    /// One kill, and the hold that it adds.
    KillId, "kill_", "kill_ and 32 hex digits"
);
id!(
    /// A browser that is signed in.
    SessionId, "ses_", "ses_ and 32 hex digits"
);
id!(
    /// A token that opens one session.
    TokenId, "dst_", "dst_ and 32 hex digits"
);
id!(
    /// One order to the control log; the log takes each only once.
    CommandId, "cmd_", "cmd_ and 32 hex digits"
);

impl From<KillId> for CommandId {
    /// A kill's id is the id of its order, so that an unconfirmed kill can be looked up in the log.
    fn from(kill: KillId) -> Self {
        Self(kill.0)
    }
}

/// A position in the control log; 0 is before the first entry.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One life of a replica at the store. Leases and audit chains belong to epochs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_show_the_prefix_that_clients_expect() {
        let raw = Uuid::from_u128(0xabc);
        assert_eq!(AddressId::from_uuid(raw).to_string(), "addr_00000000000000000000000000000abc");
        assert_eq!(OrgId::from_uuid(raw).to_string(), "00000000-0000-0000-0000-000000000abc");
        assert_eq!("sak_00000000000000000000000000000abc".parse(), Ok(KeyId::from_uuid(raw)));
        assert_eq!(
            "addr_00000000000000000000000000000abc".parse::<KeyId>(),
            Err(BadId { expected: "sak_ and 32 hex digits" })
        );
    }
}
