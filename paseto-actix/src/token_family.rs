//! Token families: the tokens of one login, each of which is used once.

mod memory;
#[cfg(feature = "redis")]
mod redis;

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
pub use memory::MemoryTokenFamilyStore;
#[cfg(feature = "redis")]
pub use redis::{RedisTokenFamilyStore, RedisTokenFamilyStoreBuilder};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;

use crate::erased::erase;

/// 128 random bits: the id of a token family, or of one token in it.
///
/// `Display`, `FromStr` and `Deserialize` use base64url, 22 characters. The id of a token is not the token: only a
/// server with the key can encrypt one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RandomId([u8; 16]);

impl RandomId {
    /// A new id from the operating system. Returns `None` if that returns no random bytes.
    #[must_use]
    pub fn generate() -> Option<Self> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).ok()?;
        Some(Self(bits))
    }

    /// The bits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    #[cfg(feature = "redis")]
    fn from_bytes(bits: &[u8]) -> Result<Self, TokenFamilyError> {
        let bits = bits
            .try_into()
            .map_err(|_| TokenFamilyError::Other("the id of a family is not of 128 bits".into()))?;
        Ok(Self(bits))
    }
}

impl fmt::Display for RandomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl FromStr for RandomId {
    type Err = TokenFamilyError;

    fn from_str(text: &str) -> Result<Self, TokenFamilyError> {
        let mut bits = [0; 16];
        match Base64UrlUnpadded::decode(text, &mut bits) {
            Ok(decoded) if decoded.len() == 16 => Ok(Self(bits)),
            _ => Err(TokenFamilyError::Other(
                "expected the id of a login, 22 characters of base64url".into(),
            )),
        }
    }
}

impl<'de> Deserialize<'de> for RandomId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A user of an application, who owns token family.
///
/// Several applications and purposes can share one store: two owners are the same only if the scope
/// and the user id are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FamilyOwner<'a> {
    /// The purpose and the application.
    pub scope: &'a str,
    /// The id of the user.
    pub user_id: &'a str,
}

impl<'a> FamilyOwner<'a> {
    /// An owner, for tests of a store.
    #[must_use]
    pub fn new(scope: &'a str, user_id: &'a str) -> Self {
        Self { scope, user_id }
    }
}

/// A token family that begins.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NewTokenFamily<'a> {
    /// The owner.
    pub owner: FamilyOwner<'a>,
    /// The id of the token family.
    pub family: RandomId,
    /// The id of its first token.
    pub first: RandomId,
    /// The time from now until the token family expires.
    pub lifetime: Duration,
    /// A text of at most 128 bytes for the list of the user's logins. It can be empty.
    pub label: &'a str,
}

impl<'a> NewTokenFamily<'a> {
    /// A token family without a label, for tests of a store.
    #[must_use]
    pub fn new(
        owner: FamilyOwner<'a>,
        family: RandomId,
        first: RandomId,
        lifetime: Duration,
    ) -> Self {
        Self { owner, family, first, lifetime, label: "" }
    }

    /// The same token family with this label.
    #[must_use]
    pub fn label(self, label: &'a str) -> Self {
        Self { label: bounded_label(label), ..self }
    }
}

/// The number of logins of one user, unless a setting changes it.
const MAX_PER_USER: usize = 100;
/// The longest label, in bytes.
const MAX_LABEL_LEN: usize = 128;

/// The part of a label that a store keeps: whole characters, in at most 128 bytes.
pub(crate) fn bounded_label(label: &str) -> &str {
    let mut end = label.len().min(MAX_LABEL_LEN);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    &label[..end]
}

/// A token of a token family that a client presents.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RotationRequest<'a> {
    /// The owner of the token family.
    pub owner: FamilyOwner<'a>,
    /// The id of the token family.
    pub family: RandomId,
    /// The id of the token.
    pub presented: RandomId,
    /// The id of the token that replaces the presented one, if that is the current one.
    pub next: RandomId,
    /// The time after a rotation in which the token before the current one is accepted. Parallel
    /// requests and lost responses need it.
    pub grace_period: Duration,
}

impl<'a> RotationRequest<'a> {
    /// A use, for tests of a store.
    #[must_use]
    pub fn new(
        owner: FamilyOwner<'a>,
        family: RandomId,
        presented: RandomId,
        next: RandomId,
        grace_period: Duration,
    ) -> Self {
        Self { owner, family, presented, next, grace_period }
    }
}

/// The result of a [`RotationRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The token was the current one. The next token is the current one now.
    Rotated,
    /// The token was the one before the current one, and the grace is not over.
    Superseded {
        /// The current token.
        current: RandomId,
    },
    /// The token was used before, and the grace is over: a copy of it exists. The store has revoked
    /// the token family.
    Reused,
    /// The store has no such token family: it never began, has expired, or was revoked.
    Unknown,
}

/// A login of a user, for a list that the user can see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginEntry {
    /// The id of the login, which is that of its token family.
    pub id: RandomId,
    /// The time of the login.
    pub created: OffsetDateTime,
    /// The time of the last rotation, or of the login.
    pub last_used: OffsetDateTime,
    /// The time from which on its tokens are rejected.
    pub expires: OffsetDateTime,
    /// The text that the application gave, such as the name of the browser.
    pub label: String,
}

impl LoginEntry {
    /// An entry, for a store of your own. The times are those of the login.
    #[must_use]
    pub fn new(
        id: RandomId,
        created: OffsetDateTime,
        expires: OffsetDateTime,
        label: impl Into<String>,
    ) -> Self {
        Self { id, created, last_used: created, expires, label: label.into() }
    }

    /// The same entry with the time of the last rotation.
    #[must_use]
    pub fn used_at(self, last_used: OffsetDateTime) -> Self {
        Self { last_used, ..self }
    }
}

/// Stores the token family of logins. A token family detects a copied token, and a logout ends all copies.
///
/// Each method has to be one atomic step: of two parallel uses of one token, one gets
/// [`Rotation::Rotated`]. A store uses one clock, its own, for the grace and for the expiry, because
/// the clocks of servers differ. If a store fails, the request gets `503`, and no user is logged in.
///
/// A store limits the token family of one owner. Beyond the limit, a new token family removes the oldest one of
/// its owner, so one account cannot fill the store. `max_per_user` of [`MemoryTokenFamilyStore`] and
/// `RedisTokenFamilyStore` sets the limit. Default: 100.
///
/// [`MemoryTokenFamilyStore`] is the store for a single process, `RedisTokenFamilyStore` (feature `redis`) the store for
/// several. [`conformance::token_family_store`](crate::conformance::token_family_store) (feature `conformance`) tests a store
/// of your own:
///
/// ```
/// # #[cfg(feature = "conformance")]
/// # #[actix_web::main]
/// # async fn main() {
/// use paseto_actix::conformance;
/// use paseto_actix::token_family::MemoryTokenFamilyStore;
///
/// let store = MemoryTokenFamilyStore::new(1000); // or yours
/// conformance::token_family_store(&store).await;
/// # }
/// # #[cfg(not(feature = "conformance"))]
/// # fn main() {}
/// ```
pub trait TokenFamilyStore: Send + Sync + 'static {
    /// Begins a token family. If the id exists, the new token family replaces it.
    ///
    /// # Errors
    ///
    /// [`TokenFamilyError`] if the store cannot keep the token family. A store removes no token family of another
    /// owner for it.
    fn begin(&self, new: NewTokenFamily<'_>) -> impl Future<Output = Result<(), TokenFamilyError>>;

    /// Uses a token.
    ///
    /// # Errors
    ///
    /// [`TokenFamilyError`] if the store fails.
    fn rotate(
        &self,
        token: RotationRequest<'_>,
    ) -> impl Future<Output = Result<Rotation, TokenFamilyError>>;

    /// Ends a token family of an owner. An unknown token family is no error.
    ///
    /// # Errors
    ///
    /// [`TokenFamilyError`] if the store could not end it.
    fn revoke(
        &self,
        owner: FamilyOwner<'_>,
        family: RandomId,
    ) -> impl Future<Output = Result<(), TokenFamilyError>>;

    /// Ends all token family of an owner, except the one with this id.
    ///
    /// # Errors
    ///
    /// [`TokenFamilyError`] if the store could not end all of them.
    fn revoke_all(
        &self,
        owner: FamilyOwner<'_>,
        except: Option<RandomId>,
    ) -> impl Future<Output = Result<(), TokenFamilyError>>;

    /// Lists the token family of an owner that have not expired, in any order.
    ///
    /// # Errors
    ///
    /// [`TokenFamilyError`] if the store fails.
    fn list(
        &self,
        owner: FamilyOwner<'_>,
    ) -> impl Future<Output = Result<Vec<LoginEntry>, TokenFamilyError>>;
}

erase! {
    AnyTokenFamilyStore: TokenFamilyStore {
        fn begin(new: NewTokenFamily<'a>) -> Result<(), TokenFamilyError>;
        fn rotate(token: RotationRequest<'a>) -> Result<Rotation, TokenFamilyError>;
        fn revoke(owner: FamilyOwner<'a>, family: RandomId) -> Result<(), TokenFamilyError>;
        fn revoke_all(owner: FamilyOwner<'a>, except: Option<RandomId>) -> Result<(), TokenFamilyError>;
        fn list(owner: FamilyOwner<'a>) -> Result<Vec<LoginEntry>, TokenFamilyError>;
    }
}

/// A failure of a [`TokenFamilyStore`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFamilyError {
    /// The store has reached its capacity.
    #[error("the store is full: its capacity is {capacity} family")]
    Full {
        /// The capacity.
        capacity: usize,
    },
    /// Any other failure, such as a server that does not answer.
    #[error("{0}")]
    Other(Box<dyn std::error::Error + Send + Sync>),
}
