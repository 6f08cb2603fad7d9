//! Stores token families, which are the single-use tokens of one login: [`TokenFamilyStore`], and
//! stores in memory, on SQLite and on Redis.

mod error;
mod memory;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;

use crate::erased::erase;
use crate::random::random_bits;

pub use error::TokenFamilyError;
pub use memory::MemoryTokenFamilyStore;
#[cfg(feature = "redis")]
pub use redis::RedisTokenFamilyStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteTokenFamilyStore;

/// A random ID of 128 bits. It identifies a token family or one token of a family.
///
/// The string format is base64url with 22 characters, for `Display`, `FromStr` and `Deserialize`.
/// The ID of a token is not secret, because only a server with the key can encrypt a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RandomId([u8; 16]);

impl RandomId {
    /// Generates an ID with random bytes of the operating system. Returns `None` if the operating
    /// system returns no random bytes.
    #[must_use]
    pub fn generate() -> Option<Self> {
        random_bits().ok().map(Self)
    }

    /// Returns the 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    #[cfg(feature = "redis")]
    fn from_bytes(bits: &[u8]) -> Result<Self, TokenFamilyError> {
        let bits = bits
            .try_into()
            .map_err(|_| TokenFamilyError::Other("expected an ID of 16 bytes".into()))?;
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
                "expected the ID of a login, 22 characters of base64url".into(),
            )),
        }
    }
}

impl<'de> Deserialize<'de> for RandomId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The owner of token families: a user of an application.
///
/// Several applications and kinds of tokens can share one store. Two owners are equal only if both the
/// namespace and the user ID are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FamilyOwner<'a> {
    /// The kind of token and the application.
    pub namespace: &'a str,
    /// The ID of the user.
    pub user_id: &'a str,
}

impl<'a> FamilyOwner<'a> {
    /// Creates an owner, for tests of a store.
    #[must_use]
    pub fn new(namespace: &'a str, user_id: &'a str) -> Self {
        Self { namespace, user_id }
    }
}

/// The token family to create with [`TokenFamilyStore::create`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NewTokenFamily<'a> {
    /// The owner.
    pub owner: FamilyOwner<'a>,
    /// The ID of the token family.
    pub family: RandomId,
    /// The ID of its first token.
    pub first: RandomId,
    /// The time from now until the token family expires.
    pub lifetime: Duration,
    /// The label in the list of the user's logins: at most 128 bytes, may be empty.
    pub label: &'a str,
}

impl<'a> NewTokenFamily<'a> {
    /// Creates a value without a label, for tests of a store.
    #[must_use]
    pub fn new(
        owner: FamilyOwner<'a>,
        family: RandomId,
        first: RandomId,
        lifetime: Duration,
    ) -> Self {
        Self { owner, family, first, lifetime, label: "" }
    }

    /// Sets the label, truncated to 128 bytes. Default: empty.
    #[must_use]
    pub fn label(self, label: &'a str) -> Self {
        Self { label: bounded_label(label), ..self }
    }
}

/// The default maximum number of token families per owner.
const MAX_PER_USER: usize = 100;
/// The maximum length of a label in bytes.
const MAX_LABEL_LEN: usize = 128;

/// Truncates a label to at most 128 bytes, at a character boundary.
pub(crate) fn bounded_label(label: &str) -> &str {
    let mut end = label.len().min(MAX_LABEL_LEN);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    &label[..end]
}

/// The use of a token, for [`TokenFamilyStore::rotate`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RotationRequest<'a> {
    /// The owner of the token family.
    pub owner: FamilyOwner<'a>,
    /// The ID of the token family.
    pub family: RandomId,
    /// The ID of the token that the client sent.
    pub presented: RandomId,
    /// The ID of the next token. It becomes the current token if `presented` is the current token.
    pub next: RandomId,
    /// The time after a rotation in which the previous token is accepted again, for parallel
    /// requests and lost responses.
    pub grace_period: Duration,
}

impl<'a> RotationRequest<'a> {
    /// Creates a request, for tests of a store.
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

/// The time by which the clock of a store may go back within a grace period. Clocks are adjusted by
/// less. After a larger step back, the previous token counts as reused: otherwise, it would be
/// accepted until the clock has caught up.
const MAX_STEP_BACK: time::Duration = time::Duration::seconds(5);

/// Returns whether the previous token is accepted, this time after the rotation.
fn is_in_grace_period(age: time::Duration, grace_period: Duration) -> bool {
    age >= -MAX_STEP_BACK && age <= grace_period
}

/// The result of [`TokenFamilyStore::rotate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The presented token was the current token. `next` is the current token now.
    Rotated,
    /// The presented token is the previous token, and its grace period has not passed. If the clock
    /// of the store was set back by more than 5 seconds, the result is [`Reused`](Self::Reused).
    Superseded {
        /// The ID of the current token.
        current: RandomId,
    },
    /// The presented token was used before and its grace period has passed, so a copy of it exists.
    /// The store has revoked the token family.
    Reused,
    /// The store does not contain the token family. It never existed, has expired or was revoked.
    Unknown,
}

/// A login in the list of a user's logins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginEntry {
    /// The ID of the login, which is the ID of its token family.
    pub id: RandomId,
    /// The time of the login.
    pub created: OffsetDateTime,
    /// The time of the last rotation, or the time of the login if no token was used.
    pub last_used: OffsetDateTime,
    /// The time at which the tokens of the login expire.
    pub expires: OffsetDateTime,
    /// The label that the application set, such as the name of the browser.
    pub label: String,
}

impl LoginEntry {
    /// Creates an entry, for your own store. `last_used` is the time of the login.
    #[must_use]
    pub fn new(
        id: RandomId,
        created: OffsetDateTime,
        expires: OffsetDateTime,
        label: impl Into<String>,
    ) -> Self {
        Self { id, created, last_used: created, expires, label: label.into() }
    }

    /// Sets the time of the last rotation.
    #[must_use]
    pub fn used_at(self, last_used: OffsetDateTime) -> Self {
        Self { last_used, ..self }
    }
}

/// Stores the token families of logins. The store detects copied tokens, and a logout invalidates
/// all copies.
///
/// Each token of a family can be used once. Its use makes the next token the current token. The use
/// of an older token revokes the family ([RFC 9700, section 4.14]).
///
/// Each method must be atomic. If two requests use one token in parallel, only one gets
/// [`Rotation::Rotated`]. The store uses its own clock for the grace period and the expiry, because
/// the clocks of servers differ. If the store fails, the request is rejected with `503`.
///
/// A store limits the number of token families per owner, so that one account cannot fill the
/// store. At the limit, a new token family replaces the owner's oldest family. Default: 100. Set it
/// with [`MemoryTokenFamilyStore::max_per_user`], or `max_per_user` of `SqliteStoreBuilder` or
/// `RedisStoreBuilder`.
///
/// [`MemoryTokenFamilyStore`] is for a single process and loses the families when the process exits.
/// `SqliteTokenFamilyStore` (feature `sqlite`) is for the processes of one machine, and
/// `RedisTokenFamilyStore` (feature `redis`) for several machines.
/// [`conformance::token_family_store`](crate::conformance::token_family_store) (feature
/// `conformance`) tests your own store:
///
/// ```
/// # #[cfg(feature = "conformance")]
/// # #[actix_web::main]
/// # async fn main() {
/// use paseto_actix::conformance;
/// use paseto_actix::token_family::MemoryTokenFamilyStore;
///
/// let store = MemoryTokenFamilyStore::new(1000); // or your store
/// conformance::token_family_store(&store).await;
/// # }
/// # #[cfg(not(feature = "conformance"))]
/// # fn main() {}
/// ```
///
/// [RFC 9700, section 4.14]: https://www.rfc-editor.org/rfc/rfc9700#section-4.14
pub trait TokenFamilyStore: Send + Sync + 'static {
    /// Creates a token family. If the owner has a family with this ID, the new family replaces it.
    ///
    /// # Errors
    ///
    /// [`TokenFamilyError`] if the store fails or is full. A store never removes the family of
    /// another owner to make room.
    fn create(&self, new: NewTokenFamily<'_>)
    -> impl Future<Output = Result<(), TokenFamilyError>>;

    /// Uses a token. If it is the current token, `next` becomes the current token.
    ///
    /// # Errors
    ///
    /// [`TokenFamilyError`] if the store fails.
    fn rotate(
        &self,
        request: RotationRequest<'_>,
    ) -> impl Future<Output = Result<Rotation, TokenFamilyError>>;

    /// Revokes a token family of an owner. Returns `Ok` if the family is unknown.
    ///
    /// # Errors
    ///
    /// [`TokenFamilyError`] if the store fails.
    fn revoke(
        &self,
        owner: FamilyOwner<'_>,
        family: RandomId,
    ) -> impl Future<Output = Result<(), TokenFamilyError>>;

    /// Revokes all token families of an owner, except the family with the ID `except`.
    ///
    /// # Errors
    ///
    /// [`TokenFamilyError`] if the store fails.
    fn revoke_all(
        &self,
        owner: FamilyOwner<'_>,
        except: Option<RandomId>,
    ) -> impl Future<Output = Result<(), TokenFamilyError>>;

    /// Returns the token families of an owner that are neither expired nor revoked, in any order.
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
        fn create(new: NewTokenFamily<'a>) -> Result<(), TokenFamilyError>;
        fn rotate(request: RotationRequest<'a>) -> Result<Rotation, TokenFamilyError>;
        fn revoke(owner: FamilyOwner<'a>, family: RandomId) -> Result<(), TokenFamilyError>;
        fn revoke_all(owner: FamilyOwner<'a>, except: Option<RandomId>) -> Result<(), TokenFamilyError>;
        fn list(owner: FamilyOwner<'a>) -> Result<Vec<LoginEntry>, TokenFamilyError>;
    }
}
