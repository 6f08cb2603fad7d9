//! What every store on a Redis server needs: settings, a connection, and an end to waiting.

use std::{error::Error, fmt, future::Future, sync::Arc, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding};
use redis::{
    Client, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use time::OffsetDateTime;

use crate::ConfigError;

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
            let (setting, given) = ("timeout", self.timeout);
            return Err(ConfigError::DurationOutOfRange { setting, given, allowed: "1 millisecond to 60 seconds" });
        }
        // The crate's own words may show the password.
        let bad_url = |_| ConfigError::setting("url", "no URL of a Redis server");
        let client = Client::open(self.url).map_err(bad_url)?;
        #[cfg(feature = "redis-tls")]
        if matches!(client.get_connection_info().addr(), redis::ConnectionAddr::TcpTls { .. }) {
            provide_cryptography();
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout))
            // Whoever asks next tries again: that is sooner than the back-off of many tries.
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(10))
            .set_max_delay(Duration::from_millis(50));
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(bad_url)?;
        Ok(RedisConnection { connection, prefix: self.prefix.into(), timeout: self.timeout })
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
    connection: ConnectionManager,
    prefix: Arc<str>,
    timeout: Duration,
}

impl RedisConnection {
    /// The name of a key of this kind.
    pub(crate) fn key(&self, kind: char, id: &[u8; 16]) -> String {
        format!("{}:{kind}:{}", self.prefix, Base64UrlUnpadded::encode_string(id))
    }

    /// One question, or several that belong together: the timeout is that of all of them.
    pub(crate) async fn ask<T, F>(
        &self,
        question: impl FnOnce(ConnectionManager) -> F,
    ) -> Result<T, Box<dyn Error + Send + Sync>>
    where
        F: Future<Output = RedisResult<T>>,
    {
        Ok(tokio::time::timeout(self.timeout, question(self.connection.clone())).await??)
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
