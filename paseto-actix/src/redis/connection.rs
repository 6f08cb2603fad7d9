use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64ct::{Base64UrlUnpadded, Encoding};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisResult};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::RedisError;
use crate::error::ConfigError;

/// A connection to a Redis server. It connects with the first command, and again after the
/// connection was lost. Clones share it.
#[derive(Clone)]
pub(crate) struct RedisConnection {
    shared: Arc<Shared>,
    prefix: Arc<str>,
    timeout: Duration,
}

struct Shared {
    client: Client,
    config: ConnectionManagerConfig,
    current: Mutex<Option<Current>>,
}

struct Current {
    manager: ConnectionManager,
    since: Instant,
}

/// The minimum age of a manager before it is replaced. It limits the rate of new connections to a
/// server that rejects each command.
const MIN_AGE: Duration = Duration::from_millis(500);

impl Shared {
    fn manager(&self) -> RedisResult<ConnectionManager> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = &*current {
            return Ok(current.manager.clone());
        }
        let manager =
            ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone())?;
        *current = Some(Current { manager: manager.clone(), since: Instant::now() });
        Ok(manager)
    }

    /// Drops the manager after an error, so that the next command creates a new one.
    ///
    /// A manager reconnects after an I/O error, but not after a timeout or failed authentication. A
    /// new manager also resolves the host name again, which may have another address after a
    /// failover.
    fn discard_stale(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.take_if(|current| current.since.elapsed() >= MIN_AGE);
    }
}

impl RedisConnection {
    pub(super) fn new(url: &str, prefix: &str, timeout: Duration) -> Result<Self, ConfigError> {
        // Replace the error of the `redis` crate, because it may contain the password.
        let client = Client::open(url).map_err(|_| ConfigError::setting("url", reason(url)))?;
        #[cfg(feature = "redis-tls")]
        if matches!(client.get_connection_info().addr(), redis::ConnectionAddr::TcpTls { .. }) {
            install_crypto_provider();
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout))
            // `within_timeout` bounds the whole command.
            .set_response_timeout(None)
            // Few retries with short delays. After a failure, the next command connects again.
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(10))
            .set_max_delay(Duration::from_millis(50));
        let shared = Shared { client, config, current: Mutex::new(None) };
        Ok(Self { shared: Arc::new(shared), prefix: prefix.into(), timeout })
    }

    /// Returns the name of a key. `kind` separates the types of records.
    pub(crate) fn key(&self, kind: char, id: &[u8; 16]) -> String {
        format!("{}:{kind}:{}", self.prefix, Base64UrlUnpadded::encode_string(id))
    }

    /// Runs commands that may be executed twice. The timeout applies to all attempts together.
    ///
    /// If the connection is lost during a command, the client cannot know whether the server has
    /// executed the command, so this method sends it a second time.
    pub(crate) async fn run_idempotent<T>(
        &self,
        commands: impl AsyncFn(ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, RedisError> {
        self.within_timeout(self.retry_once(commands)).await
    }

    /// Runs commands that may be executed twice, then commands that must not be executed twice.
    #[cfg(feature = "session")]
    pub(crate) async fn run_idempotent_then<T>(
        &self,
        commands: impl AsyncFn(ConnectionManager) -> RedisResult<()>,
        then: impl AsyncFnOnce(ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, RedisError> {
        let both = async {
            self.retry_once(commands).await?;
            then(self.shared.manager()?).await
        };
        self.within_timeout(both).await
    }

    async fn retry_once<T>(
        &self,
        commands: impl AsyncFn(ConnectionManager) -> RedisResult<T>,
    ) -> RedisResult<T> {
        match commands(self.shared.manager()?).await {
            Err(error) if error.is_io_error() => commands(self.shared.manager()?).await,
            reply => reply,
        }
    }

    async fn within_timeout<T>(
        &self,
        commands: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, RedisError> {
        let failure = match tokio::time::timeout(self.timeout, commands).await {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(error)) => without_arguments(&error.to_string()).to_owned(),
            Err(_) => format!(
                "no reply within {:?}: check the server, or raise `.timeout(..)`",
                self.timeout
            ),
        };
        self.shared.discard_stale();
        Err(RedisError(failure))
    }

    pub(super) async fn ping(&self) -> Result<(), RedisError> {
        let key = self.key('p', &[0; 16]);
        let write = async |mut redis: ConnectionManager| {
            redis::cmd("SET").arg(&key).arg(1).arg("EX").arg(1).query_async(&mut redis).await
        };
        self.run_idempotent(write).await
    }
}

/// Returns the reason why a URL is invalid. The reason does not contain parts of the URL.
fn reason(url: &str) -> &'static str {
    let scheme = url.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
    match &*scheme {
        "rediss" | "valkeys" if cfg!(not(feature = "redis-tls")) => {
            "the scheme is TLS: turn on the feature `redis-tls`"
        }
        _ => "not the URL of a Redis server: expected `redis://host:port/`",
    }
}

/// Installs `ring` as the `CryptoProvider` of rustls, if the application has not installed a
/// provider. The `redis` crate panics without a provider.
#[cfg(feature = "redis-tls")]
fn install_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // `Err` means that another thread has installed a provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// Removes the arguments of a command from an error message. A server repeats the arguments of an
/// unknown command, and the arguments of `HELLO` contain the password.
fn without_arguments(text: &str) -> &str {
    text.split(", with args").next().unwrap_or_default()
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnection")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Returns the expiry in Unix seconds for a record that applies up to and including `until`. Redis
/// removes keys at whole seconds, so `until` is rounded up, and one second is added.
pub(crate) fn key_end(until: OffsetDateTime) -> i64 {
    until.unix_timestamp() + i64::from(until.nanosecond() > 0) + 1
}

/// Returns the ID of a record for key names: a truncated SHA-256 hash of the parts. It has a fixed
/// length and does not contain the parts. The length before each part distinguishes `["ab", "c"]`
/// from `["a", "bc"]`.
pub(crate) fn record_id(parts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    id
}
