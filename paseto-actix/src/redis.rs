//! Revocations and token families on a Redis server: [`RedisStore`] and its builder.

mod connection;

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::durations::check_range;
use crate::error::{ConfigError, problem};

pub(crate) use connection::{RedisConnection, key_end, record_id};

/// A handle to a Redis server (version 7 or later, or Valkey), for several processes.
///
/// It creates a revocation store and a token family store. Both stores and all clones of the handle
/// share one connection. The guide has a chapter on [Redis in production](crate::guide::redis).
///
/// ```no_run
/// use std::time::Duration;
///
/// use paseto_actix::{RedisStore, SecretKey, Verifier};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let redis = RedisStore::builder("redis://127.0.0.1/")
///     .prefix("shop")
///     .timeout(Duration::from_millis(100))
///     .build()?;
/// redis.ping().await?;
///
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .revocation_store(redis.revocation_store())
///     .build()?;
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
///
/// # Failures
///
/// If Redis does not reply within the timeout, the store fails and the request is rejected with
/// `503`. A store never accepts a token without a reply. After a lost connection, the next command
/// connects again. If the connection is lost during a command, the store sends the command a second
/// time within the timeout.
///
/// # Requirements on the server
///
/// **Redis must persist the data.** Turn on the append-only file (`appendonly yes`), and turn off
/// eviction (`maxmemory-policy noeviction`). If Redis loses a revocation, the token is valid again.
/// If it loses recent rotations, used tokens are valid again, and their successors are treated as
/// stolen.
///
/// Each command uses one key, so the key layout works with Redis Cluster. But the stores connect to
/// one endpoint and do not follow `MOVED`, so a cluster requires a proxy. Key names contain neither
/// user IDs nor tokens.
#[derive(Clone)]
pub struct RedisStore {
    pub(crate) connection: RedisConnection,
    #[cfg(feature = "session")]
    pub(crate) max_per_user: Option<usize>,
}

impl RedisStore {
    /// Returns a builder for this server. The URL has the format of the `redis` crate: `redis://`,
    /// or `rediss://` with the feature `redis-tls`.
    ///
    /// TLS trusts the certificates of the operating system, or of the file in the environment
    /// variable `SSL_CERT_FILE`. It uses the process-wide `CryptoProvider` of rustls. If the
    /// process has not installed a provider, `build` installs `ring`.
    pub fn builder(url: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder {
            url: url.into(),
            prefix: "paseto".to_owned(),
            timeout: Duration::from_millis(250),
            #[cfg(feature = "session")]
            max_per_user: None,
        }
    }

    /// Checks that the server replies and accepts writes. Call it at startup and in readiness
    /// probes.
    ///
    /// It writes a key that expires after one second, because a replica or a server without free
    /// memory replies to reads but rejects writes.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if the server rejects the write or does not reply within the timeout.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.connection.ping().await
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// Builds a [`RedisStore`].
#[must_use = "call `.build()` to get a RedisStore"]
pub struct RedisStoreBuilder {
    url: String,
    prefix: String,
    timeout: Duration,
    #[cfg(feature = "session")]
    max_per_user: Option<usize>,
}

const ALLOWED_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(60);

/// A script reads all token families of a user, so their number is limited.
#[cfg(feature = "session")]
const ALLOWED_PER_USER: RangeInclusive<usize> = 1..=1000;

impl RedisStoreBuilder {
    /// Sets the prefix of all keys, so that several applications can share a server. Default:
    /// `paseto`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the timeout of a command, including the time to connect: 1 millisecond to 60 seconds.
    /// Default: 250 milliseconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the maximum number of logins per user in the token family store: 1 to 1000. At the
    /// limit, a new login replaces the user's oldest login. Default: 100.
    #[cfg(feature = "session")]
    pub fn max_per_user(mut self, logins: usize) -> Self {
        self.max_per_user = Some(logins);
        self
    }

    /// Builds the [`RedisStore`]. It does not connect before the first command.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the URL is not the URL of a Redis server, or if the timeout or
    /// `max_per_user` is out of range.
    pub fn build(self) -> Result<RedisStore, ConfigError> {
        check_range("timeout", self.timeout, ALLOWED_TIMEOUT, "1 millisecond to 60 seconds")?;
        #[cfg(feature = "session")]
        if let Some(logins) = self.max_per_user.filter(|n| !ALLOWED_PER_USER.contains(n)) {
            let problem = format!("expected 1 to 1000 logins, found {logins}");
            return Err(ConfigError::setting("max_per_user", problem));
        }
        Ok(RedisStore {
            connection: RedisConnection::new(&self.url, &self.prefix, self.timeout)?,
            #[cfg(feature = "session")]
            max_per_user: self.max_per_user,
        })
    }
}

/// Omits the URL, because it may contain a password.
impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The error of a Redis server: a lost connection, a rejected command, or a timeout.
///
/// The message does not contain the URL or the password. As a response, the error is `503` with
/// `Retry-After`.
#[derive(Debug, thiserror::Error)]
#[error("Redis: {0}")]
pub struct RedisError(pub(crate) String);

impl ResponseError for RedisError {
    fn status_code(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }

    fn error_response(&self) -> HttpResponse {
        tracing::error!(error = %self, "the Redis server failed");
        problem(self.status_code())
    }
}

#[cfg(all(test, not(feature = "redis-tls")))]
mod tests {
    use super::*;

    #[test]
    fn tls_url_without_the_feature_returns_an_error_with_the_feature_name() {
        for scheme in ["rediss", "REDISS", "valkeys"] {
            let url = format!("{scheme}://:the-password@127.0.0.1/");
            let error = RedisStore::builder(url).build().unwrap_err().to_string();
            assert!(error.contains("`redis-tls`"), "{error}");
            assert!(!error.contains("the-password"), "{error}");
        }
    }
}
