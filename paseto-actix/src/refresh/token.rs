//! The payload of a refresh token.

use serde::{Deserialize, Serialize};

use super::RefreshError;
use crate::keys::KeyRing;
use crate::token::{decrypt_json, encrypt_json};
use crate::token_family::RandomId;

/// The version that is written. A token of another version is rejected.
const VERSION: u8 = 1;
/// Longer tokens are rejected before they are decoded.
const MAX_LEN: usize = 4096;

/// Times are whole seconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshToken {
    v: u8,
    pub(super) sub: String,
    pub(super) exp: i64,
    /// When the user logged in.
    pub(super) since: i64,
    /// How the user logged in. A token without it is the same text as in releases without this
    /// field.
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

    /// Another token of the same login.
    pub(super) fn successor(self, token: RandomId) -> Self {
        Self { token: token.to_string(), ..self }
    }

    /// The names of the family and of the token in it.
    pub(super) fn ids(&self) -> Option<(RandomId, RandomId)> {
        Some((self.family.parse().ok()?, self.token.parse().ok()?))
    }

    /// Returns `None` if the operating system returns no random bytes, or if the token is too long to be accepted later.
    pub(super) fn encrypt(&self, keys: &KeyRing, assertion: &[u8]) -> Option<String> {
        let token = encrypt_json(self, keys, assertion)?;
        (token.len() <= MAX_LEN).then_some(token)
    }

    /// Returns the token, its family and its own name.
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
