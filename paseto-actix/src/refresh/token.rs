//! The `v4.local` payload of a refresh token.

use serde::{Deserialize, Serialize};

use super::RefreshError;
use crate::keys::KeyRing;
use crate::token::{decrypt_json, encrypt_json};
use crate::token_family::RandomId;

/// The version of the payload. Tokens with another version are rejected.
const VERSION: u8 = 1;
/// The maximum length of a token in bytes. Longer tokens are rejected before they are decoded.
const MAX_LEN: usize = 4096;

/// Times are Unix timestamps in seconds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshToken {
    v: u8,
    pub(super) sub: String,
    pub(super) exp: i64,
    /// The time of the login.
    pub(super) since: i64,
    /// The authentication context class (`acr`). Omitted if absent, so that a token without it has
    /// the same payload as in releases without this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) acr: Option<String>,
    family: String,
    token: String,
}

impl RefreshToken {
    pub(super) fn new(
        sub: String,
        acr: Option<String>,
        since: i64,
        exp: i64,
        family: RandomId,
        token: RandomId,
    ) -> Self {
        Self {
            v: VERSION,
            sub,
            exp,
            since,
            acr,
            family: family.to_string(),
            token: token.to_string(),
        }
    }

    /// Returns the next token of the same login.
    pub(super) fn successor(self, token: RandomId) -> Self {
        Self { token: token.to_string(), ..self }
    }

    /// Returns the IDs of the family and of the token.
    pub(super) fn ids(&self) -> Option<(RandomId, RandomId)> {
        Some((self.family.parse().ok()?, self.token.parse().ok()?))
    }

    /// Returns the encrypted token.
    ///
    /// # Errors
    ///
    /// [`RefreshError::NoRandomBytes`] if the operating system returns no random bytes.
    /// [`RefreshError::TooLong`] if the token is too long.
    pub(super) fn encrypt(&self, keys: &KeyRing, assertion: &[u8]) -> Result<String, RefreshError> {
        let token = encrypt_json(self, keys, assertion).ok_or(RefreshError::NoRandomBytes)?;
        if token.len() <= MAX_LEN { Ok(token) } else { Err(RefreshError::TooLong) }
    }

    /// Decrypts and checks a token. Returns the token, its family ID and its own ID.
    pub(super) fn decrypt(
        text: &str,
        keys: &KeyRing,
        assertion: &[u8],
        now: i64,
    ) -> Result<(Self, RandomId, RandomId), RefreshError> {
        if text.len() > MAX_LEN {
            return Err(RefreshError::Invalid);
        }
        let token = decrypt_json::<Self>(text.as_bytes(), keys, assertion)
            .filter(|(token, _)| token.v == VERSION);
        let (token, _) = token.ok_or(RefreshError::Invalid)?;
        if token.exp <= now {
            return Err(RefreshError::Expired);
        }
        let (family, id) = token.ids().ok_or(RefreshError::Invalid)?;
        Ok((token, family, id))
    }
}
