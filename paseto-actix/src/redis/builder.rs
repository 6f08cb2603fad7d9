use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use redis::{Client, ConnectionInfo, IntoConnectionInfo};

use super::RedisStore;
use super::cluster::Cluster;
use super::connection::{RedisConnection, Servers};
use super::request::Replication;
use super::sentinel::Sentinels;
use super::server::{Server, Target};
use crate::error::ConfigError;
#[cfg(feature = "session")]
use crate::limits::check_per_user;
use crate::limits::check_range;

/// Builds a [`RedisStore`].
///
/// # Which servers are trusted
///
/// - **Redis Cluster:** the store sends the user and the password to each server that a server of
///   the cluster names, in its table of slots or in a redirection. It uses at most 1,024 servers.
/// - **Redis Sentinel:** the store sends the user and the password to the server that more than half
///   of all configured Sentinels name: 2 of 2, 2 of 3, 3 of 5. A Sentinel that does not reply
///   counts as a Sentinel that names another server. Set the URLs of all Sentinels, at least 3, so
///   that the store works without one of them. They must name the same address, so
///   `sentinel announce-hostnames` must have the same value on all of them.
#[must_use = "call `.build()` to get a RedisStore"]
pub struct RedisStoreBuilder {
    kind: Kind,
    urls: Vec<String>,
    server_credentials: Option<(String, String)>,
    prefix: String,
    timeout: Duration,
    push_timeout: Duration,
    min_replicas: usize,
    /// The default depends on `timeout`.
    replication_timeout: Option<Duration>,
    #[cfg(feature = "session")]
    max_per_user: Option<usize>,
}

pub(super) enum Kind {
    One,
    Cluster,
    Sentinel { name: String },
}

const ALLOWED_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(60);

const ALLOWED_PUSH_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(50)..=Duration::from_secs(60);

const DEFAULT_REPLICATION_TIMEOUT: Duration = Duration::from_millis(100);

const ALLOWED_REPLICAS: RangeInclusive<usize> = 0..=16;

impl RedisStoreBuilder {
    pub(super) fn new(kind: Kind, urls: Vec<String>) -> Self {
        Self {
            kind,
            urls,
            server_credentials: None,
            prefix: "paseto".to_owned(),
            timeout: Duration::from_millis(250),
            push_timeout: Duration::from_secs(1),
            min_replicas: 0,
            replication_timeout: None,
            #[cfg(feature = "session")]
            max_per_user: None,
        }
    }

    /// Sets the prefix of all keys, so that several applications can share a server. Default:
    /// `paseto`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the timeout of a command, including the time to connect, to follow redirections, to ask
    /// Sentinels and to wait for replicas: 1 millisecond to 60 seconds. Default: 250 milliseconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the user and the password of the primary, for [`RedisStore::sentinel`] only. Default:
    /// no password. The user of a server with `requirepass` is `default`.
    pub fn server_credentials(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.server_credentials = Some((user.into(), password.into()));
        self
    }

    /// Sets the number of replicas that must confirm each write: 0 to 16. Default: 0.
    ///
    /// After each write, the store sends [`WAIT`](https://redis.io/docs/latest/commands/wait/) on
    /// the same connection. If too few replicas confirm the write within the
    /// [`replication_timeout`](Self::replication_timeout), the call returns an error, such as
    /// [`RevocationError::NotReplicated`](crate::revocation::RevocationError::NotReplicated). The
    /// primary has then stored the write, and a repeated call can succeed.
    ///
    /// - With 0, a failover can lose a write that the store has acknowledged.
    /// - With 1 and one replica for each primary, an acknowledged write survives the loss of the
    ///   primary.
    /// - With fewer confirmations than replicas, a failover can promote a replica that has not
    ///   confirmed the write, and lose it. If `min_replicas` is the number of replicas, each of
    ///   them has the write.
    ///
    /// A replica confirms a write when it is in its memory, before it is on its disk. A slot that
    /// moves to another server of a cluster at the same time can lose the write if this server
    /// fails.
    ///
    /// A write takes at least one more round trip, between the servers. At most 8 connections to
    /// each primary wait for replicas at the same time. After a write with too few replicas, the
    /// store asks the Sentinels or the cluster for the primary again.
    pub fn min_replicas(mut self, replicas: usize) -> Self {
        self.min_replicas = replicas;
        self
    }

    /// Sets the maximum time to wait for [`min_replicas`](Self::min_replicas): at least 1
    /// millisecond, and below the [`timeout`](Self::timeout). Default: 100 milliseconds, or half of
    /// the timeout if that is shorter.
    pub fn replication_timeout(mut self, timeout: Duration) -> Self {
        self.replication_timeout = Some(timeout);
        self
    }

    /// Sets the maximum time for which a
    /// [`PushedRevocationStore`](crate::revocation::PushedRevocationStore) uses a cached result
    /// without a proof that Redis has announced all revocations: 50 milliseconds to 60 seconds.
    /// Default: 1 second.
    ///
    /// The store requests a proof four times within this time. If the round trip to Redis takes
    /// longer than half of it, some requests query Redis. With [`min_replicas`](Self::min_replicas),
    /// a query can wait for the proof up to the [`replication_timeout`](Self::replication_timeout)
    /// while replicas lag.
    pub fn push_timeout(mut self, timeout: Duration) -> Self {
        self.push_timeout = timeout;
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
    /// [`ConfigError`] if
    ///
    /// - a URL is not the URL of a Redis server, or no URL is set;
    /// - the URLs of a cluster have different credentials or TLS, or a database number;
    /// - `server_credentials` is set without Sentinels;
    /// - a timeout, `min_replicas` or `max_per_user` is out of range.
    pub fn build(self) -> Result<RedisStore, ConfigError> {
        check_range("timeout", self.timeout, ALLOWED_TIMEOUT, "1 millisecond to 60 seconds")?;
        check_range(
            "push_timeout",
            self.push_timeout,
            ALLOWED_PUSH_TIMEOUT,
            "50 milliseconds to 60 seconds",
        )?;
        #[cfg(feature = "session")]
        check_per_user(self.max_per_user)?;
        let replication = self.replication()?;
        let servers = self.servers()?;
        Ok(RedisStore {
            connection: RedisConnection::new(servers, &self.prefix, self.timeout, replication),
            push_timeout: self.push_timeout,
            #[cfg(feature = "session")]
            max_per_user: self.max_per_user,
        })
    }

    fn replication(&self) -> Result<Option<Replication>, ConfigError> {
        if !ALLOWED_REPLICAS.contains(&self.min_replicas) {
            let problem = format!("expected 0 to 16 replicas, found {}", self.min_replicas);
            return Err(ConfigError::setting("min_replicas", problem));
        }
        if self.min_replicas == 0 {
            return Ok(None);
        }
        let timeout = self
            .replication_timeout
            .unwrap_or_else(|| DEFAULT_REPLICATION_TIMEOUT.min(self.timeout / 2));
        // `WAIT` counts whole milliseconds, and 0 means no limit.
        let range = Duration::from_millis(1)..=self.timeout.saturating_sub(Duration::from_nanos(1));
        let expected = "at least 1 millisecond and below `timeout`";
        check_range("replication_timeout", timeout, range, expected)?;
        let milliseconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        Ok(Some(Replication { replicas: self.min_replicas, milliseconds }))
    }

    fn servers(&self) -> Result<Servers, ConfigError> {
        let setting = if matches!(self.kind, Kind::One) { "url" } else { "urls" };
        let parse = |url: &String| {
            // Replace the error of the `redis` crate, because it may contain the password.
            url.as_str()
                .into_connection_info()
                .map_err(|_| ConfigError::setting(setting, reason(url)))
        };
        let nodes = self.urls.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = nodes.first() else {
            return Err(ConfigError::setting(setting, "expected at least one URL"));
        };
        #[cfg(feature = "redis-tls")]
        if nodes.iter().any(|node| matches!(node.addr(), redis::ConnectionAddr::TcpTls { .. })) {
            install_crypto_provider();
        }
        let open = |node: &ConnectionInfo| {
            let not_supported =
                |_| ConfigError::setting(setting, "the address is not supported on this system");
            Client::open(node.clone()).map_err(not_supported)
        };
        if self.server_credentials.is_some() && !matches!(self.kind, Kind::Sentinel { .. }) {
            let problem = "applies to Sentinels only: put the credentials into the URL";
            return Err(ConfigError::setting("server_credentials", problem));
        }
        match &self.kind {
            Kind::One => {
                Ok(Servers::One(Arc::new(Server::new(Target::Address(open(first)?), self.timeout))))
            }
            Kind::Cluster => {
                check_cluster(&nodes).map_err(|problem| ConfigError::setting(setting, problem))?;
                let cluster = Cluster::new(&nodes, self.timeout);
                let no_host = || ConfigError::setting(setting, "expected a host and a port");
                Ok(Servers::Cluster(Box::new(cluster.ok_or_else(no_host)?)))
            }
            Kind::Sentinel { name } => {
                let mut settings = redis::RedisConnectionInfo::default()
                    .set_db(first.redis_settings().db())
                    .set_protocol(first.redis_settings().protocol());
                if let Some((user, password)) = &self.server_credentials {
                    settings = settings.set_username(user).set_password(password);
                }
                let server = first.clone().set_redis_settings(settings);
                let sentinels = nodes.iter().map(|node| {
                    let settings = node.redis_settings().clone().set_db(0);
                    open(&node.clone().set_redis_settings(settings))
                });
                let sentinels = sentinels.collect::<Result<_, _>>()?;
                let sentinels = Sentinels::new(sentinels, name.clone(), server, self.timeout);
                let target = Target::Sentinels(sentinels);
                Ok(Servers::Sentinel(Arc::new(Server::new(target, self.timeout))))
            }
        }
    }
}

/// Checks that the settings of the first URL apply to all servers of a cluster.
fn check_cluster(nodes: &[ConnectionInfo]) -> Result<(), &'static str> {
    let common = |node: &ConnectionInfo| {
        let settings = node.redis_settings();
        let credentials = (settings.username(), settings.password());
        let credentials = (credentials.0.map(str::to_owned), credentials.1.map(str::to_owned));
        (credentials, std::mem::discriminant(node.addr()))
    };
    if nodes.iter().any(|node| node.redis_settings().db() != 0) {
        return Err("a cluster has no database numbers: remove the path of the URL");
    }
    if nodes.windows(2).any(|pair| common(&pair[0]) != common(&pair[1])) {
        return Err("expected the same credentials and the same scheme in all URLs of a cluster");
    }
    Ok(())
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

/// Omits the URLs and the credentials, because they may contain passwords.
impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("min_replicas", &self.min_replicas)
            .field("replication_timeout", &self.replication_timeout)
            .finish_non_exhaustive()
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
