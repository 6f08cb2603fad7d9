//! The `v4.local` payload of a remember-me cookie.

use serde::{Deserialize, Serialize};

use super::CredentialFingerprint;
use crate::cookie::MAX_COOKIE_LEN;
use crate::keys::KeyRing;
use crate::token::{decrypt_json, encrypt_json};
use crate::token_family::RandomId;

/// The version of the payload. Tokens with another version are rejected.
const VERSION: u8 = 3;

/// Times are Unix timestamps in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RememberToken {
    v: u8,
    /// The ID of the login and of its token family. Its sessions contain it too. A rotation does
    /// not change it.
    pub(super) id: String,
    pub(super) sub: String,
    pub(super) exp: i64,
    /// The generation of the user in the revocation store at the time of the login.
    generation: u64,
    /// The credential fingerprint of the user at the time of the login.
    credentials: String,
    /// The fingerprint of the client that the token is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<String>,
    /// The ID of the token in its family.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// The number of rotations of the family before this token. It orders the tokens of a login. A
    /// time of issue could not, because a family may rotate twice per second and the clocks of
    /// servers differ.
    rotations: u32,
}

impl RememberToken {
    pub(super) fn new(
        id: RandomId,
        sub: String,
        exp: i64,
        generation: u64,
        credentials: &CredentialFingerprint,
    ) -> Self {
        let credentials = credentials.to_text();
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

    /// Returns the token as the first token of a family.
    #[must_use]
    pub(super) fn in_token_family(self, first: RandomId) -> Self {
        Self { token: Some(first.to_string()), ..self }
    }

    /// Returns the next token after a rotation.
    #[must_use]
    pub(super) fn rotated(self, next: RandomId) -> Self {
        let rotations = self.rotations.saturating_add(1);
        Self { rotations, ..self.in_token_family(next) }
    }

    /// Returns the token with new credentials and a new generation of its user.
    #[must_use]
    pub(super) fn renewed(self, credentials: &CredentialFingerprint, generation: u64) -> Self {
        Self { credentials: credentials.to_text(), generation, ..self }
    }

    /// Returns the user and the generation, for the revocation store.
    pub(super) fn subject(&self) -> (&str, u64) {
        (&self.sub, self.generation)
    }

    /// Returns whether this token has more rotations than another token of the same login.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        self.rotations > other.rotations
    }

    /// Returns the IDs of the family and of the token, or `None` without a family.
    pub(super) fn family(&self) -> Option<(RandomId, RandomId)> {
        Some((self.id.parse().ok()?, self.token.as_ref()?.parse().ok()?))
    }

    /// Returns whether the credentials are unchanged since the login.
    pub(super) fn fits(&self, credentials: &CredentialFingerprint) -> bool {
        credentials.matches(&self.credentials)
    }

    /// Returns the value of the cookie, or `None` if the operating system returns no random bytes.
    pub(super) fn encrypt(&self, keys: &KeyRing, assertion: &[u8]) -> Option<String> {
        encrypt_json(self, keys, assertion)
    }

    /// Decrypts a token. Returns it and whether a retired key had encrypted it. Returns `None` if
    /// the token is not authentic or has expired.
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
