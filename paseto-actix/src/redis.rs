//! What every store on a Redis server needs: settings, a connection, and an end to waiting.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64ct::{Base64UrlUnpadded, Encoding};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisResult};
use time::OffsetDateTime;

use crate::error::ConfigError;

/// Which server, under what names, and how long to wait for it.
pub(crate) struct RedisSettings {
    url: String,
    pub(crate) prefix: String,
    pub(crate) timeout: Duration,
}

impl RedisSettings {
    pub(crate) fn new(url: String) -> Self {
        Self { url, prefix: "paseto".to_owned(), timeout: Duration::from_millis(250) }
    }

    pub(crate) fn connect(self) -> Result<RedisConnection, ConfigError> {
        if !(Duration::from_millis(1)..=Duration::from_secs(60)).contains(&self.timeout) {
            let (setting, found) = ("timeout", self.timeout);
            return Err(ConfigError::DurationOutOfRange {
                setting,
                found,
                expected: "1 millisecond to 60 seconds",
            });
        }
        // The crate's own words may show the password.
        let client =
            Client::open(&*self.url).map_err(|_| ConfigError::setting("url", reason(&self.url)))?;
        #[cfg(feature = "redis-tls")]
        if matches!(client.get_connection_info().addr(), redis::ConnectionAddr::TcpTls { .. }) {
            provide_cryptography();
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(self.timeout))
            // `RedisConnection::run_idempotent` ends the waiting.
            .set_response_timeout(None)
            // Whoever asks next tries again: that is sooner than the back-off of many tries.
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(10))
            .set_max_delay(Duration::from_millis(50));
        let shared = Shared { client, config, current: Mutex::new(None) };
        Ok(RedisConnection {
            shared: Arc::new(shared),
            prefix: self.prefix.into(),
            timeout: self.timeout,
        })
    }
}

/// What is wrong with a URL that the `redis` crate does not take.
fn reason(url: &str) -> &'static str {
    let scheme = url.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
    match &*scheme {
        "rediss" | "valkeys" if cfg!(not(feature = "redis-tls")) => {
            "a URL of TLS, which needs the feature `redis-tls`"
        }
        _ => "no URL of a Redis server",
    }
}

/// The `redis` crate takes the cryptography that is the process's, and panics where there is none: there is ring's then. What the
/// application has installed stays.
#[cfg(feature = "redis-tls")]
fn provide_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Whoever was faster has provided it.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// The URL may have a password in it.
impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A connection that is made when it is first used, and again when it was lost. Clones share it.
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

/// How long a manager is kept at least: of many questions that a server refuses, only some lead to a new connection.
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

    /// A manager comes back by itself where it hears that its connection is lost. Where it hears nothing any more, or was refused
    /// as it connected, as by a password that was another one then, it stays as it is: the next question begins with a new one.
    /// It looks for the server's address anew, too, where the old one leads to a replica by now.
    fn discard_stale(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.take_if(|current| current.since.elapsed() >= MIN_AGE);
    }
}

/// A server that does not know a command repeats what came with it: a password, where that was `HELLO`.
fn without_arguments(text: &str) -> &str {
    text.split(", with args").next().unwrap_or_default()
}

impl RedisConnection {
    /// The name of a key of this kind.
    pub(crate) fn key(&self, kind: char, id: &[u8; 16]) -> String {
        format!("{}:{kind}:{}", self.prefix, Base64UrlUnpadded::encode_string(id))
    }

    /// One question, or several that belong together: the timeout is that of all of them.
    ///
    /// **It may be asked twice**: that a connection was lost is found out by using it, and then nobody knows whether the server
    /// has done what it was told. A manager may also still tell how it fared when it last connected. The reason that an error
    /// tells has neither the URL nor the password in it.
    pub(crate) async fn run_idempotent<T>(
        &self,
        question: impl AsyncFn(ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, Box<dyn Error + Send + Sync>> {
        self.within_timeout(self.retry_once(question)).await
    }

    /// The same, and then one that must not be asked twice.
    #[cfg(feature = "session")]
    pub(crate) async fn run_idempotent_then<T>(
        &self,
        question: impl AsyncFn(ConnectionManager) -> RedisResult<()>,
        then: impl AsyncFnOnce(ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, Box<dyn Error + Send + Sync>> {
        let both = async {
            self.retry_once(question).await?;
            then(self.shared.manager()?).await
        };
        self.within_timeout(both).await
    }

    async fn retry_once<T>(
        &self,
        question: impl AsyncFn(ConnectionManager) -> RedisResult<T>,
    ) -> RedisResult<T> {
        match question(self.shared.manager()?).await {
            Err(error) if error.is_io_error() => question(self.shared.manager()?).await,
            answer => answer,
        }
    }

    async fn within_timeout<T>(
        &self,
        asked: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Box<dyn Error + Send + Sync>> {
        let failure = match tokio::time::timeout(self.timeout, asked).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => format!("Redis: {}", without_arguments(&error.to_string())),
            Err(_) => format!("Redis: no answer within {:?}", self.timeout),
        };
        self.shared.discard_stale();
        Err(failure.into())
    }

    /// Whether the server takes what it is told. Twice is as good as once.
    pub(crate) async fn ping(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let key = self.key('p', &[0; 16]);
        let write = async |mut redis: ConnectionManager| {
            redis::cmd("SET").arg(&key).arg(1).arg("EX").arg(1).query_async(&mut redis).await
        };
        self.run_idempotent(write).await
    }
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnection")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// When a key may end, by Redis's clock: a second after the first whole one that is not before this.
pub(crate) fn key_end(until: OffsetDateTime) -> i64 {
    until.unix_timestamp() + i64::from(until.nanosecond() > 0) + 1
}

#[cfg(all(test, not(feature = "redis-tls")))]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_tls_without_the_feature_is_rejected_with_the_name_of_the_feature() {
        for scheme in ["rediss", "REDISS", "valkeys"] {
            let url = format!("{scheme}://:the-password@127.0.0.1/");
            let error = RedisSettings::new(url).connect().unwrap_err().to_string();
            assert!(error.contains("`redis-tls`"), "{error}");
            assert!(!error.contains("the-password"), "{error}");
        }
    }
}
