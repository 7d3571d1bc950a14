//! The kinds of secrets, and the hashes that are stored of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::Exposed;
use super::text::{Halves, ID_BYTES, Kind, ParseSecretError, SECRET_BYTES};
use crate::id::{JoinKeyId, TokenId};

/// Every kind, so that a text of another one is called by its name.
pub(super) const ALL: [Kind; 3] = [JoinSecret::KIND, SessionToken::KIND, ApiToken::KIND];

macro_rules! hashes {
    ($($(#[$doc:meta])* $hash:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $hash([u8; 32]);

        impl $hash {
            /// The hash with these bytes, as a store gives them back.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes, for a store.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Whether both are hashes of one secret; takes the same time whatever the answer.
            pub fn matches(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl fmt::Debug for $hash {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($hash), "({:02x}{:02x}…)"), self.0[0], self.0[1])
            }
        }
    )* };
}

hashes! {
    /// The hash under which a join key is stored. It redeems nothing.
    JoinSecretHash;
    /// The hash under which a token is stored. It lets nobody in.
    TokenHash;
}

macro_rules! secrets {
    ($($(#[$doc:meta])* $secret:ident: $id:ident => $hash:ident, $noun:literal, $prefix:literal, $context:literal;)*) => { $(
        $(#[$doc])*
        pub struct $secret(Halves);

        impl $secret {
            /// What every text of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            pub(super) const KIND: Kind = Kind {
                prefix: $prefix,
                noun: $noun,
                hash: concat!("nanami 2026 ", $context, " secret v1"),
                check: concat!("nanami 2026 ", $context, " check v1"),
            };

            /// The secret of the record `id`, from 20 bytes of the operating system's randomness.
            pub fn new(id: $id, secret: [u8; SECRET_BYTES]) -> Self {
                Self(Halves { id: id.to_bytes(), secret })
            }

            /// The record that it belongs to. Not a secret.
            pub fn id(&self) -> $id {
                let id: [u8; ID_BYTES] = self.0.id;
                $id::from_bytes(id)
            }

            /// What is stored of it.
            pub fn hash(&self) -> $hash {
                $hash(self.0.hash(Self::KIND))
            }

            /// The text that a person hands over.
            pub fn expose(&self) -> Exposed {
                self.0.expose(Self::KIND)
            }
        }

        impl fmt::Debug for $secret {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($secret), "({}, …)"), self.id())
            }
        }

        impl FromStr for $secret {
            type Err = ParseSecretError;

            fn from_str(text: &str) -> Result<Self, ParseSecretError> {
                Halves::parse(Self::KIND, text).map(Self)
            }
        }
    )* };
}

secrets! {
    /// The secret of a join key, `nnm_jk_…`. It prints as `…`; [`JoinSecret::expose`] gives the text.
    ///
    /// ```
    /// use nanami_model::{JoinKeyId, JoinSecret};
    ///
    /// let secret = JoinSecret::new(JoinKeyId::from_bytes([7; 10]), [9; 20]);
    /// let text = secret.expose();
    /// assert!(text.starts_with("nnm_jk_"));
    /// assert_eq!(text.parse::<JoinSecret>()?.hash(), secret.hash());
    /// assert!(!format!("{secret:?}").contains("nnm_jk_"));
    /// # Ok::<(), nanami_model::ParseSecretError>(())
    /// ```
    JoinSecret: JoinKeyId => JoinSecretHash, "a join key", "nnm_jk_", "join key";
    /// The token of an operator's login, `nnm_ses_…`: short-lived, and another one after each rotation.
    SessionToken: TokenId => TokenHash, "a session token", "nnm_ses_", "session token";
    /// The token of a program that acts for an operator, `nnm_api_…`.
    ApiToken: TokenId => TokenHash, "an API token", "nnm_api_", "api token";
}
