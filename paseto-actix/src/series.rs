//! Series: the tokens of one login, each of which is used once.

mod memory;
#[cfg(feature = "redis")]
mod redis;

use std::{fmt, future::Future, str::FromStr, sync::Arc, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding};
use futures_util::future::LocalBoxFuture;
pub use memory::MemorySeries;
#[cfg(feature = "redis")]
pub use redis::{RedisSeries, RedisSeriesBuilder};
use time::OffsetDateTime;

/// 128 random bits: the name of a series, or of one token in it.
///
/// `Display` and `FromStr` are its base64url, 22 characters. Whoever knows a token's cannot make the token: that is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RandomId([u8; 16]);

impl RandomId {
    /// A new one from the operating system's source of randomness; `None` if that has none to give.
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
}

impl fmt::Display for RandomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl FromStr for RandomId {
    type Err = SeriesError;

    fn from_str(text: &str) -> Result<Self, SeriesError> {
        let mut bits = [0; 16];
        match Base64UrlUnpadded::decode(text, &mut bits) {
            Ok(decoded) if decoded.len() == 16 => Ok(Self(bits)),
            _ => Err(SeriesError::Other("no base64url of 128 bits".into())),
        }
    }
}

/// A token of a series, presented to be used.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TokenUse {
    /// The series that it is of.
    pub series: RandomId,
    /// The token.
    pub presented: RandomId,
    /// The token that takes its place, if it is the current one.
    pub next: RandomId,
    /// The time of the use.
    pub now: OffsetDateTime,
    /// How long the token before the current one is taken, for requests that were under way at once.
    pub grace: Duration,
}

impl TokenUse {
    /// A use, to try a store with.
    #[must_use]
    pub fn new(series: RandomId, presented: RandomId, next: RandomId, now: OffsetDateTime, grace: Duration) -> Self {
        Self { series, presented, next, now, grace }
    }
}

/// What became of a [`TokenUse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It was the current token, and the next one is that now.
    Rotated,
    /// It was the one before, used within the grace: the current one is this.
    Superseded {
        /// The current token.
        current: RandomId,
    },
    /// It was used before, and the grace is over. Somebody has a copy: the series is revoked by this.
    Reused,
    /// There is no such series (any more).
    Unknown,
}

/// Keeps the series of logins, so that a token that was copied is found out, and that a logout ends all copies.
///
/// Each method has to be one atomic step: of two uses of one token at once, one gets [`Rotation::Rotated`].
/// A store that cannot answer fails, and the request is answered `503`: nobody is logged in by it.
///
/// [`MemorySeries`] is the one for a single process, `RedisSeries` (feature `redis`) the one for several. For a store of your
/// own, [`test_suites::series`](test_suites/fn.series.html) (feature `test-suites`) is the test that it keeps these rules:
///
/// ```
/// # #[cfg(feature = "test-suites")]
/// # #[actix_web::main]
/// # async fn main() {
/// use paseto_actix::{MemorySeries, test_suites, time::OffsetDateTime};
///
/// let store = MemorySeries::new(1000); // or yours
/// test_suites::series(&store, OffsetDateTime::now_utc()).await;
/// # }
/// # #[cfg(not(feature = "test-suites"))]
/// # fn main() {}
/// ```
pub trait SeriesStore: Send + Sync + 'static {
    /// Begins a series of a user, with its first token, to be forgotten once it has expired.
    ///
    /// # Errors
    ///
    /// [`SeriesError`] if it could not be kept: never is another one dropped for it.
    fn begin(
        &self,
        series: RandomId,
        first: RandomId,
        user_id: &str,
        expires: OffsetDateTime,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), SeriesError>>;

    /// Uses a token.
    ///
    /// # Errors
    ///
    /// [`SeriesError`] if the store cannot say.
    fn rotate(&self, token: TokenUse) -> impl Future<Output = Result<Rotation, SeriesError>>;

    /// Ends a series; if there is none, that is no error.
    ///
    /// # Errors
    ///
    /// [`SeriesError`] if it could not be ended.
    fn revoke(&self, series: RandomId) -> impl Future<Output = Result<(), SeriesError>>;

    /// Ends all series of a user.
    ///
    /// # Errors
    ///
    /// [`SeriesError`] if they could not all be ended.
    fn revoke_all(&self, user_id: &str) -> impl Future<Output = Result<(), SeriesError>>;
}

/// Why a [`SeriesStore`] could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeriesError {
    /// It holds as many series as it may.
    #[error("the store holds {capacity} series, which is all it may")]
    Full {
        /// How many it may hold.
        capacity: usize,
    },
    /// Anything else, such as an engine that does not answer.
    #[error("{0}")]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

/// A token of a series was used again after its grace: somebody had a copy. The series is revoked by now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SeriesReuse {
    /// Whose login it was.
    pub user_id: String,
    /// The series.
    pub series: RandomId,
}

/// A store of whatever type.
#[derive(Clone)]
pub(crate) struct AnySeries(Arc<dyn Store>);

impl AnySeries {
    pub(crate) fn new(store: impl SeriesStore) -> Self {
        Self(Arc::new(store))
    }

    pub(crate) async fn begin(
        &self,
        series: RandomId,
        first: RandomId,
        user_id: &str,
        expires: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<(), SeriesError> {
        self.0.begin(series, first, user_id, expires, now).await
    }

    pub(crate) async fn rotate(&self, token: TokenUse) -> Result<Rotation, SeriesError> {
        self.0.rotate(token).await
    }

    pub(crate) async fn revoke(&self, series: RandomId) -> Result<(), SeriesError> {
        self.0.revoke(series).await
    }

    pub(crate) async fn revoke_all(&self, user_id: &str) -> Result<(), SeriesError> {
        self.0.revoke_all(user_id).await
    }
}

/// [`SeriesStore`] without its types of futures.
trait Store: Send + Sync {
    fn begin<'a>(
        &'a self,
        series: RandomId,
        first: RandomId,
        user_id: &'a str,
        expires: OffsetDateTime,
        now: OffsetDateTime,
    ) -> LocalBoxFuture<'a, Result<(), SeriesError>>;
    fn rotate(&self, token: TokenUse) -> LocalBoxFuture<'_, Result<Rotation, SeriesError>>;
    fn revoke(&self, series: RandomId) -> LocalBoxFuture<'_, Result<(), SeriesError>>;
    fn revoke_all<'a>(&'a self, user_id: &'a str) -> LocalBoxFuture<'a, Result<(), SeriesError>>;
}

impl<S: SeriesStore> Store for S {
    fn begin<'a>(
        &'a self,
        series: RandomId,
        first: RandomId,
        user_id: &'a str,
        expires: OffsetDateTime,
        now: OffsetDateTime,
    ) -> LocalBoxFuture<'a, Result<(), SeriesError>> {
        Box::pin(SeriesStore::begin(self, series, first, user_id, expires, now))
    }

    fn rotate(&self, token: TokenUse) -> LocalBoxFuture<'_, Result<Rotation, SeriesError>> {
        Box::pin(SeriesStore::rotate(self, token))
    }

    fn revoke(&self, series: RandomId) -> LocalBoxFuture<'_, Result<(), SeriesError>> {
        Box::pin(SeriesStore::revoke(self, series))
    }

    fn revoke_all<'a>(&'a self, user_id: &'a str) -> LocalBoxFuture<'a, Result<(), SeriesError>> {
        Box::pin(SeriesStore::revoke_all(self, user_id))
    }
}
