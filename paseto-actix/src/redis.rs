//! Revocations and token families on Redis servers: [`RedisStore`] and its builder.

mod builder;
mod cluster;
mod connection;
mod request;
mod sentinel;
mod server;
mod tracker;
mod tracking;
mod view;

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::error::problem;

pub use builder::RedisStoreBuilder;
pub(crate) use connection::{RedisConnection, key_end, record_id, without_arguments};
pub(crate) use request::{Request, Script};
pub(crate) use tracker::{Proof, TrackedServers, Tracker};
pub(crate) use tracking::Invalidation;

/// A handle to Redis (version 7 or later, or Valkey), for several processes: one server, a Redis
/// Cluster, or a primary with Redis Sentinel.
///
/// It creates a revocation store and a token family store. Both stores and all clones of the handle
/// share their connections. The guide has a chapter on [Redis in production](crate::guide::redis).
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
/// time within the timeout. It sends a command that must not be executed twice only once.
///
/// # Requirements on the server
///
/// **Redis must persist the data.** Turn on the append-only file (`appendonly yes`), and turn off
/// eviction (`maxmemory-policy noeviction`). If Redis loses a revocation, the token is valid again.
/// If it loses recent rotations, used tokens are valid again, and their successors are treated as
/// stolen.
///
/// **A failover can lose acknowledged writes**, because Redis replicates them asynchronously. Set
/// [`min_replicas`](RedisStoreBuilder::min_replicas) to wait for replicas.
///
/// Each command uses one key. Key names contain neither user IDs nor tokens.
#[derive(Clone)]
pub struct RedisStore {
    pub(crate) connection: RedisConnection,
    pub(crate) push_timeout: Duration,
    #[cfg(feature = "session")]
    pub(crate) max_per_user: Option<usize>,
}

impl RedisStore {
    /// Returns a builder for one server. The URL has the format of the `redis` crate: `redis://`,
    /// or `rediss://` with the feature `redis-tls`.
    ///
    /// TLS trusts the certificates of the operating system, or of the file in the environment
    /// variable `SSL_CERT_FILE`. It uses the process-wide `CryptoProvider` of rustls. If the
    /// process has not installed a provider, `build` installs `ring`.
    pub fn builder(url: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(builder::Kind::One, vec![url.into()])
    }

    /// Returns a builder for a [Redis Cluster][cluster]. The URLs are those of some of its servers,
    /// at least one that is reachable. The store reads the other servers from the cluster.
    ///
    /// All URLs must have the same user, the same password, and either all or no TLS. They apply to
    /// all servers of the cluster. The store follows `MOVED`, `ASK`, and failovers. It reads from
    /// primaries only.
    ///
    /// A prefix with a hash tag, such as `{shop}`, would put all records into one slot.
    ///
    /// ```no_run
    /// use paseto_actix::RedisStore;
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let redis = RedisStore::cluster(["redis://10.0.0.1:6379/", "redis://10.0.0.2:6379/"])
    ///     .min_replicas(1)
    ///     .build()?;
    /// redis.ping().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The store sends the password to each server that a server of the cluster names.
    ///
    /// [cluster]: https://redis.io/docs/latest/operate/oss_and_stack/management/scaling/
    pub fn cluster(urls: impl IntoIterator<Item = impl Into<String>>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(builder::Kind::Cluster, urls.into_iter().map(Into::into).collect())
    }

    /// Returns a builder for the primary `primary_name` of [Redis Sentinels][sentinel]. The URLs
    /// are those of the Sentinels.
    ///
    /// The user and the password of a URL are those of this Sentinel. Set those of the primary with
    /// [`server_credentials`](RedisStoreBuilder::server_credentials). The database number of the
    /// first URL, such as `/2`, is that of the primary. If the first URL is `rediss://`, the
    /// primary must also use TLS.
    ///
    /// For each new connection, the store asks all Sentinels at once. It connects to a server that
    /// more than half of them name, and checks with `ROLE` that the server is a primary. So two of
    /// three Sentinels must reply. After a failover, the Sentinels close the connections to the former
    /// primary as soon as they reach it. Until then, a read can return old records.
    ///
    /// ```no_run
    /// use paseto_actix::RedisStore;
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sentinels =
    ///     ["redis://10.0.0.1:26379/", "redis://10.0.0.2:26379/", "redis://10.0.0.3:26379/"];
    /// let redis = RedisStore::sentinel(sentinels, "mymaster").min_replicas(1).build()?;
    /// redis.ping().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [sentinel]: https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
    pub fn sentinel(
        urls: impl IntoIterator<Item = impl Into<String>>,
        primary_name: impl Into<String>,
    ) -> RedisStoreBuilder {
        let kind = builder::Kind::Sentinel { name: primary_name.into() };
        RedisStoreBuilder::new(kind, urls.into_iter().map(Into::into).collect())
    }

    /// Checks that the server replies and accepts writes. Call it at startup and in readiness
    /// probes. In a cluster, it checks each primary.
    ///
    /// It writes a key that expires after one second, because a replica or a server without free
    /// memory replies to reads but rejects writes. With
    /// [`min_replicas`](RedisStoreBuilder::min_replicas), the replicas must confirm the write.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if a server rejects the write or does not reply within the timeout, or if too
    /// few replicas confirm the write.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.connection.ping().await
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// The error of a Redis server: a lost connection, a rejected command, a timeout, or too few
/// replicas.
///
/// The message does not contain the URL or the password. As a response, the error is `503` with
/// `Retry-After`.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RedisError(pub(crate) RedisFailure);

#[derive(Debug, thiserror::Error)]
pub(crate) enum RedisFailure {
    #[error("Redis: {0}")]
    Failed(String),
    #[error(
        "Redis: expected {expected} replicas (`min_replicas`) to confirm the write, found {replicas}, and the \
         primary has stored it: check the replicas, and repeat the call"
    )]
    NotReplicated { replicas: usize, expected: usize },
}

impl ResponseError for RedisError {
    fn status_code(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }

    fn error_response(&self) -> HttpResponse {
        tracing::error!(error = %self, "the Redis server failed");
        problem(self.status_code())
    }
}
