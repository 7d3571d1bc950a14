//! Typed identifiers: one type per kind of object, the kind spelled out in the text form.
//!
//! **Invariant**: an id names one object of one kind for ever. It is derived from the workspace, the kind, the name and
//! the revision that created the object, so that making one needs no randomness and a name that comes back later
//! gets another id. The text is `<kind>_` and sixteen characters of Crockford's base32, e.g. `peer_7h2kq0c4vz9m1a8t`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::generation::Revision;
use crate::name::Name;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseIdError {
    /// The text is an id, but of another kind.
    #[error("expected an id that starts with `{wanted}_`, found one that starts with `{found}_`")]
    WrongKind {
        /// The kind that the caller asked for.
        wanted: &'static str,
        /// The kind that the text names.
        found: String,
    },
    /// The text is no id at all.
    #[error("an id reads `{wanted}_` and 16 characters of 0-9 and a-z without i, l, o and u")]
    Malformed {
        /// The kind that the caller asked for.
        wanted: &'static str,
    },
}

crate::coded! { ParseIdError: Caller;
    Self::WrongKind { wanted, .. } => ("value.id.wrong_kind", format!("give the id of a {wanted}"));
    Self::Malformed { wanted } => ("value.id.malformed", format!("copy the whole id of a {wanted}, or go by its name"));
}

/// Bytes in an id: 80 bits, so that a billion objects collide with a chance of one in a million.
const BYTES: usize = 10;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

pub(crate) fn derive(kind: &str, workspace: &str, name: &Name, revision: Revision) -> [u8; BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key("nanami 2026 object id v1");
    for part in [kind, workspace, name.as_str()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(&revision.value().to_le_bytes());
    let mut bytes = [0; BYTES];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

pub(crate) fn encode(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            let digit = ALPHABET[((bits >> held) & 31) as usize];
            fmt::Write::write_char(f, char::from(digit))?;
        }
    }
    Ok(())
}

pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() * 5 != N * 8 {
        return None;
    }
    let mut bytes = [0; N];
    let (mut bits, mut held, mut at) = (0u32, 0u32, 0);
    for character in text.bytes() {
        let digit = ALPHABET.iter().position(|c| *c == character)?;
        bits = ((bits << 5) | digit as u32) & 0xfff;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes[at] = (bits >> held) as u8;
            at += 1;
        }
    }
    Some(bytes)
}

pub(crate) fn parse(wanted: &'static str, text: &str) -> Result<[u8; BYTES], ParseIdError> {
    let malformed = ParseIdError::Malformed { wanted };
    let (kind, digits) = text.rsplit_once('_').ok_or(malformed.clone())?;
    let bytes = decode(digits).ok_or(malformed.clone())?;
    if kind == wanted {
        return Ok(bytes);
    }
    match KINDS.contains(&kind) {
        true => Err(ParseIdError::WrongKind { wanted, found: kind.to_owned() }),
        false => Err(malformed),
    }
}

/// The bytes as numbers that have the same order. Ids are what is compared most: this does it without a call.
fn order(bytes: &[u8; BYTES]) -> (u64, u16) {
    let [a, b, c, d, e, f, g, h, i, j] = *bytes;
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u16::from_be_bytes([i, j]))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident = $kind:literal;)*) => {
        const KINDS: &[&str] = &[$($kind),*];
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, Hash)]
            pub struct $id([u8; BYTES]);

            impl Ord for $id {
                fn cmp(&self, other: &Self) -> Ordering {
                    order(&self.0).cmp(&order(&other.0))
                }
            }

            impl PartialOrd for $id {
                fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                    Some(self.cmp(other))
                }
            }

            impl $id {
                /// The word that the text form starts with.
                pub const KIND: &'static str = $kind;

                /// The id of the object of this kind that `revision` of a workspace creates under `name`.
                pub fn derive(workspace: &Name, name: &Name, revision: Revision) -> Self {
                    Self(derive($kind, workspace.as_str(), name, revision))
                }

                /// The ten bytes of this id, as messages carry them.
                pub fn to_bytes(self) -> [u8; 10] {
                    self.0
                }

                /// The id with these ten bytes.
                pub fn from_bytes(bytes: [u8; 10]) -> Self {
                    Self(bytes)
                }
            }

            impl fmt::Display for $id {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(concat!($kind, "_"))?;
                    encode(&self.0, f)
                }
            }

            impl fmt::Debug for $id {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Display::fmt(self, f)
                }
            }

            impl FromStr for $id {
                type Err = ParseIdError;

                fn from_str(text: &str) -> Result<Self, ParseIdError> {
                    parse($kind, text).map(Self)
                }
            }

            crate::text::text_serde!($id);
        )*
    };
}

ids! {
    /// Identifies a workspace.
    WorkspaceId = "workspace";
    /// Identifies a user.
    UserId = "user";
    /// Identifies a group.
    GroupId = "group";
    /// Identifies a network.
    NetworkId = "network";
    /// Identifies a peer.
    PeerId = "peer";
    /// Identifies a gateway: the role, not the peer that bears it.
    GatewayId = "gateway";
    /// Identifies a region.
    RegionId = "region";
    /// Identifies a route.
    RouteId = "route";
    /// Identifies a policy.
    PolicyId = "policy";
    /// Identifies a join key; never the secret in it.
    JoinKeyId = "join_key";
    /// Identifies the record of an operator's token; never the secret in it.
    TokenId = "token";
    /// Identifies a session; never the token of it.
    SessionId = "session";
    /// Identifies an assertion.
    AssertionId = "assertion";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str, revision: u64) -> PeerId {
        PeerId::derive(&"acme".parse().unwrap(), &name.parse().unwrap(), Revision::new(revision))
    }

    #[test]
    fn text_form_round_trips() {
        for i in 0..200 {
            let id = peer(&format!("p{i}"), i);
            assert_eq!(id.to_string().parse::<PeerId>(), Ok(id));
            assert_eq!(id.to_string().len(), "peer_".len() + 16);
        }
        let key = JoinKeyId::from_bytes([0xff; 10]);
        assert_eq!(key.to_string().parse::<JoinKeyId>(), Ok(key));
    }

    #[test]
    fn another_kind_is_named_and_garbage_is_malformed() {
        let text = peer("a", 1).to_string();
        let found = "peer".to_owned();
        assert_eq!(text.parse::<GroupId>(), Err(ParseIdError::WrongKind { wanted: "group", found }));
        for bad in [
            "",
            "peer",
            "peer_",
            "peer_short",
            "peer_iiiiiiiiiiiiiiii",
            "pear_0000000000000000",
            "peer_000000000000000é",
        ] {
            assert_eq!(bad.parse::<PeerId>(), Err(ParseIdError::Malformed { wanted: "peer" }), "{bad}");
        }
    }

    #[test]
    fn ids_have_the_order_of_their_bytes() {
        let ids: Vec<_> = (0..200).map(|i| peer("p", i)).chain([[0; 10], [0xff; 10]].map(PeerId::from_bytes)).collect();
        let near = ids.iter().flat_map(|id| {
            (0..10).map(|at| {
                let mut bytes = id.to_bytes();
                bytes[at] ^= 0x81;
                PeerId::from_bytes(bytes)
            })
        });
        for (one, other) in ids.iter().flat_map(|id| near.clone().map(move |other| (*id, other))) {
            assert_eq!(one.cmp(&other), one.to_bytes().cmp(&other.to_bytes()));
        }
    }

    #[test]
    fn name_kind_and_revision_all_matter() {
        let ids = [peer("a", 1), peer("a", 2), peer("b", 1)];
        assert!(ids[0] != ids[1] && ids[0] != ids[2]);
        let (workspace, name) = ("acme".parse().unwrap(), "a".parse().unwrap());
        let group = GroupId::derive(&workspace, &name, Revision::new(1));
        assert_ne!(group.to_bytes(), ids[0].to_bytes());
    }
}
