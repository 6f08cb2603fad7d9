//! The token in a remember-me cookie.

use serde::{Deserialize, Serialize};

use super::CredentialFingerprint;
use crate::cookie::MAX_COOKIE_LEN;
use crate::keys::KeyRing;
use crate::token::{decrypt_json, encrypt_json};
use crate::token_family::RandomId;

/// The form of the payload. Tokens of any other form are rejected.
const VERSION: u8 = 3;

/// Times are whole seconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RememberToken {
    v: u8,
    /// The id of the login, of its token family and of its sessions. Rotations keep it.
    pub(super) id: String,
    pub(super) sub: String,
    pub(super) exp: i64,
    /// The generation of the user at the login, in the revocation store.
    generation: u64,
    credentials: String,
    /// The fingerprint of the client that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<String>,
    /// The id of the token in the token family.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// How many rotations of the token family came before this token. It orders the tokens of a login.
    ///
    /// A time of issue cannot: a token family may rotate twice within one second, and the clocks of two
    /// servers differ.
    rotations: u32,
}

impl RememberToken {
    pub(super) fn new(
        id: RandomId,
        sub: String,
        exp: i64,
        generation: u64,
        stamp: &CredentialFingerprint,
    ) -> Self {
        let credentials = stamp.to_text();
        Self {
            v: VERSION,
            id: id.to_string(),
            sub,
            exp,
            generation,
            credentials,
            client: None,
            token: None,
            rotations: 0,
        }
    }

    /// The first token of a token family.
    #[must_use]
    pub(super) fn in_token_family(self, first: RandomId) -> Self {
        Self { token: Some(first.to_string()), ..self }
    }

    /// The token that the token family has after the rotation of this one.
    #[must_use]
    pub(super) fn rotated(self, next: RandomId) -> Self {
        let rotations = self.rotations.saturating_add(1);
        Self { rotations, ..self.in_token_family(next) }
    }

    /// The same token for other credentials and another generation of its user.
    #[must_use]
    pub(super) fn renewed(self, stamp: &CredentialFingerprint, generation: u64) -> Self {
        Self { credentials: stamp.to_text(), generation, ..self }
    }

    /// The user and the generation, for the revocation store.
    pub(super) fn subject(&self) -> (&str, u64) {
        (&self.sub, self.generation)
    }

    /// Whether this token replaced the other one, which is of the same login.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        self.rotations > other.rotations
    }

    /// The ids of the token family and of the token in it.
    pub(super) fn family(&self) -> Option<(RandomId, RandomId)> {
        Some((self.id.parse().ok()?, self.token.as_ref()?.parse().ok()?))
    }

    /// Whether the user's credentials are those of the login.
    pub(super) fn fits(&self, stamp: &CredentialFingerprint) -> bool {
        stamp.is(&self.credentials)
    }

    /// The text of the cookie. Returns `None` if the operating system returns no random bytes.
    pub(super) fn encrypt(&self, keys: &KeyRing, assertion: &[u8]) -> Option<String> {
        encrypt_json(self, keys, assertion)
    }

    /// Decrypts a token, and returns whether a retired key had encrypted it. Returns `None` if the
    /// token is not authentic or has expired.
    pub(super) fn decrypt(
        text: &[u8],
        keys: &KeyRing,
        assertion: &[u8],
        now: i64,
    ) -> Option<(Self, bool)> {
        let text = (text.len() <= MAX_COOKIE_LEN).then_some(text)?;
        let (token, retired_key) = decrypt_json::<Self>(text, keys, assertion)?;
        (token.v == VERSION && now < token.exp).then_some((token, retired_key))
    }
}
