mod budget;
mod text;

use std::fmt;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use futures_util::future::try_join_all;
use redis::{ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, Value};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::cluster::Cluster;
use super::request::{Replication, Request, slot};
use super::server::{Failure, Options, Server};
use super::{RedisError, RedisFailure};
use budget::{Budget, MIN_PAUSE, take};
pub(crate) use text::without_arguments;

/// The connections to Redis. They connect with the first command, and again after a connection was
/// lost. Clones share them.
#[derive(Clone)]
pub(crate) struct RedisConnection {
    pub(super) servers: Arc<Servers>,
    pub(super) prefix: Arc<str>,
    pub(super) timeout: Duration,
    pub(super) replication: Option<Arc<Replication>>,
}

pub(super) enum Servers {
    One(Arc<Server>),
    /// A primary that changes.
    Sentinel(Arc<Server>),
    Cluster(Box<Cluster>),
}

/// Whether requests can be sent a second time if the first reply is lost.
#[derive(Clone, Copy, PartialEq)]
enum Repeat {
    Allowed,
    Forbidden,
}

/// What follows a failure.
enum Next {
    Fail,
    Repeat(Duration),
    /// Send to this server, and whether to send `ASKING`.
    Redirect(Arc<Server>, bool),
}

impl RedisConnection {
    pub(super) fn new(
        servers: Servers,
        prefix: &str,
        timeout: Duration,
        replication: Option<Replication>,
    ) -> Self {
        let replication = replication.map(Arc::new);
        Self { servers: Arc::new(servers), prefix: prefix.into(), timeout, replication }
    }

    /// Returns the name of a key. `kind` separates the types of records.
    pub(crate) fn key(&self, kind: char, id: &[u8; 16]) -> String {
        format!("{}:{kind}:{}", self.prefix, Base64UrlUnpadded::encode_string(id))
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Runs a request that changes nothing.
    pub(crate) async fn read<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
    ) -> Result<T, RedisError> {
        let requests = slice::from_ref(request);
        let replies = self.run(requests, Repeat::Allowed, None);
        self.within_timeout(requests, replies).await.and_then(single)
    }

    /// Runs requests that change nothing. In a cluster, their keys can be on several servers.
    pub(crate) async fn read_all<T: FromRedisValue>(
        &self,
        requests: &[Request<'_>],
    ) -> Result<Vec<T>, RedisError> {
        let replies = async {
            if !matches!(&*self.servers, Servers::Cluster(_)) {
                return self.run(requests, Repeat::Allowed, None).await;
            }
            let each = requests
                .iter()
                .map(|request| self.run(slice::from_ref(request), Repeat::Allowed, None));
            Ok(try_join_all(each).await?.into_iter().flatten().collect())
        };
        let replies = self.within_timeout(requests, replies).await?;
        replies.into_iter().map(parse).collect()
    }

    /// Runs a request that may be executed twice. It fails if too few replicas confirm the write.
    ///
    /// If the connection is lost during a request, the client cannot know whether the server has
    /// executed it, so this method sends it a second time. The timeout applies to both attempts
    /// together.
    pub(crate) async fn write<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
    ) -> Result<T, RedisError> {
        let requests = slice::from_ref(request);
        let replies = self.run(requests, Repeat::Allowed, self.replication.as_deref());
        self.within_timeout(requests, replies).await.and_then(single)
    }

    /// Runs a request that must not be executed twice. It checks the connection first. It sends the
    /// request again only if a server has rejected it.
    #[cfg(feature = "session")]
    pub(crate) async fn write_once<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
    ) -> Result<T, RedisError> {
        let requests = slice::from_ref(request);
        let replies = self.run(requests, Repeat::Forbidden, self.replication.as_deref());
        self.within_timeout(requests, replies).await.and_then(single)
    }

    /// Sends requests until they are executed, as often as their failures permit it.
    async fn run(
        &self,
        requests: &[Request<'_>],
        repeat: Repeat,
        replication: Option<&Replication>,
    ) -> Result<Vec<Value>, Failure> {
        let key = requests.first().map_or("", Request::key);
        let check = repeat == Repeat::Forbidden;
        let mut budget = Budget::new(self.timeout);
        let mut redirected = None;
        loop {
            let (server, asking) = match redirected.take() {
                Some(redirected) => redirected,
                None => match self.server(key).await {
                    Ok(server) => (server, false),
                    Err(error) => return Err(Failure::NotExecuted(error)),
                },
            };
            let failure = match server.send(requests, Options { asking, check, replication }).await
            {
                Ok(replies) => return Ok(replies),
                Err(failure) => failure,
            };
            match self.after(&failure, &server, &mut budget, repeat) {
                Next::Fail => return Err(failure),
                Next::Repeat(pause) => tokio::time::sleep(pause).await,
                Next::Redirect(server, asking) => redirected = Some((server, asking)),
            }
        }
    }

    /// Decides what follows a failure. A request that the server may have executed is repeated only
    /// if this is allowed.
    fn after(
        &self,
        failure: &Failure,
        server: &Arc<Server>,
        budget: &mut Budget,
        repeat: Repeat,
    ) -> Next {
        let (error, is_executed) = match failure {
            Failure::NotExecuted(error) => (error, false),
            Failure::Unknown(error) => (error, true),
            Failure::NotReplicated { .. } => {
                // The server may be cut off, so that its replicas have another primary.
                self.forget_primary();
                return Next::Fail;
            }
        };
        match (error.kind(), &*self.servers) {
            (ErrorKind::Server(kind), Servers::Cluster(cluster))
                if matches!(kind, ServerErrorKind::Moved | ServerErrorKind::Ask) =>
            {
                let is_ask = kind == ServerErrorKind::Ask;
                let target = error.redirect_node().filter(|_| take(&mut budget.redirections));
                let target = target.and_then(|(address, slot)| {
                    cluster.redirect(server, address, (!is_ask).then_some(slot)).ok()
                });
                target.map_or(Next::Fail, |server| Next::Redirect(server, is_ask))
            }
            (ErrorKind::Server(kind), servers) if is_temporary(kind) => {
                if matches!(servers, Servers::One(_)) {
                    return Next::Fail;
                }
                self.forget_primary();
                budget.pause().map_or(Next::Fail, Next::Repeat)
            }
            (kind, servers) => {
                if let Servers::Cluster(cluster) = servers {
                    cluster.set_stale();
                }
                let is_lost = is_executed || kind == ErrorKind::Io;
                let may_repeat = !is_executed || repeat == Repeat::Allowed;
                if !is_lost || !may_repeat || !take(&mut budget.repetitions) {
                    return Next::Fail;
                }
                // A server that accepts no connections may be about to start.
                Next::Repeat(if is_executed { Duration::ZERO } else { MIN_PAUSE })
            }
        }
    }

    /// Requires that the next request asks for the primary again.
    fn forget_primary(&self) {
        match &*self.servers {
            Servers::One(_) => (),
            Servers::Sentinel(server) => server.discard_all(),
            Servers::Cluster(cluster) => cluster.set_stale(),
        }
    }

    async fn server(&self, key: &str) -> RedisResult<Arc<Server>> {
        match &*self.servers {
            Servers::One(server) | Servers::Sentinel(server) => Ok(server.clone()),
            Servers::Cluster(cluster) => cluster.primary(slot(key)).await,
        }
    }

    async fn within_timeout<T>(
        &self,
        requests: &[Request<'_>],
        replies: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, RedisError> {
        let failure = match tokio::time::timeout(self.timeout, replies).await {
            Ok(Ok(replies)) => return Ok(replies),
            Ok(Err(Failure::NotReplicated { replicas, expected })) => {
                return Err(RedisError(RedisFailure::NotReplicated { replicas, expected }));
            }
            Ok(Err(Failure::NotExecuted(error) | Failure::Unknown(error))) => {
                without_arguments(&error)
            }
            Err(_) => format!(
                "no reply within {:?}: check the server, or raise `.timeout(..)`",
                self.timeout
            ),
        };
        for request in requests {
            match &*self.servers {
                Servers::One(server) | Servers::Sentinel(server) => server.discard_stale(),
                Servers::Cluster(cluster) => cluster.discard_stale(slot(request.key())),
            }
        }
        Err(RedisError(RedisFailure::Failed(failure)))
    }

    /// Writes a key on each primary.
    pub(super) async fn ping(&self) -> Result<(), RedisError> {
        let set = |number: u16| {
            let mut id = [0; 16];
            id[..2].copy_from_slice(&number.to_le_bytes());
            Request::command("SET", self.key('p', &id)).arg(1).arg("EX").arg(1)
        };
        let Servers::Cluster(cluster) = &*self.servers else { return self.write(&set(0)).await };
        let primaries = async { cluster.primaries().await.map_err(Failure::NotExecuted) };
        let primaries = self.within_timeout(&[], primaries).await?;
        let on = |server: Arc<Server>| {
            // Some key is in a slot of each server, unless the server has almost no slots.
            (0..4096).map(set).find(|request| cluster.is_primary(&server, slot(request.key())))
        };
        let requests: Vec<_> = primaries.into_iter().filter_map(on).collect();
        try_join_all(requests.iter().map(|request| self.write::<()>(request))).await?;
        Ok(())
    }
}

/// Returns whether a server rejected a request, and can accept it a moment later, or another server
/// can.
fn is_temporary(kind: ServerErrorKind) -> bool {
    matches!(
        kind,
        ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::ReadOnly
    )
}

fn single<T: FromRedisValue>(replies: Vec<Value>) -> Result<T, RedisError> {
    parse(replies.into_iter().next().unwrap_or(Value::Nil))
}

fn parse<T: FromRedisValue>(reply: Value) -> Result<T, RedisError> {
    redis::from_redis_value(reply)
        .map_err(|error| RedisError(RedisFailure::Failed(without_arguments(&error.into()))))
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
