use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, RedisResult, ServerErrorKind, Value};
use tokio::sync::Semaphore;

use super::request::{Replication, Request, encode};
use super::sentinel::Sentinels;

/// A server, or the primary that Sentinels name. It has a shared connection, and a pool of
/// connections for replicated writes.
pub(crate) struct Server {
    pub(super) target: Arc<Target>,
    timeout: Duration,
    shared: Mutex<Option<Arc<Link>>>,
    idle: Mutex<Idle>,
    permits: Semaphore,
}

pub(super) enum Target {
    Address(Client),
    Sentinels(Sentinels),
}

/// A connection, or the attempt to connect. A task of its own connects, so the attempt survives
/// the timeout of the request that started it.
struct Link {
    connection: Shared<BoxFuture<'static, RedisResult<MultiplexedConnection>>>,
    since: Instant,
}

/// The connections for replicated writes that no request uses.
struct Idle {
    connections: Vec<MultiplexedConnection>,
    /// The time since which no connection was discarded.
    since: Instant,
}

/// The minimum age of a connection before an error of the server replaces it. It limits the rate
/// of new connections to a server that rejects each command.
const MIN_AGE: Duration = Duration::from_millis(500);

/// The maximum number of connections for replicated writes. `WAIT` blocks its connection.
const MAX_REPLICATING: usize = 8;

/// The failure of a request.
pub(super) enum Failure {
    /// The server has not executed the request.
    NotExecuted(redis::RedisError),
    /// The reply is lost. The server may have executed the request.
    Unknown(redis::RedisError),
    /// The server has executed the request, and too few replicas confirmed it.
    NotReplicated { replicas: usize, expected: usize },
}

/// How to send requests.
#[derive(Clone, Copy)]
pub(super) struct Options<'a> {
    /// Whether the slot of the requests is being migrated to the server.
    pub(super) asking: bool,
    /// Whether to check the connection first, because the request must not be sent twice.
    pub(super) check: bool,
    pub(super) replication: Option<&'a Replication>,
}

impl Target {
    async fn connect(&self, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
        match self {
            Self::Address(client) => {
                client.get_multiplexed_async_connection_with_config(config).await
            }
            Self::Sentinels(sentinels) => sentinels.connect(config).await,
        }
    }
}

impl Server {
    pub(super) fn new(target: Target, timeout: Duration) -> Self {
        Self {
            target: Arc::new(target),
            timeout,
            shared: Mutex::default(),
            idle: Mutex::new(Idle { connections: Vec::new(), since: Instant::now() }),
            permits: Semaphore::new(MAX_REPLICATING),
        }
    }

    /// The configuration of a connection without timeout of its replies. The caller bounds the
    /// whole request.
    pub(crate) fn config(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(None)
    }

    /// Opens a connection that only the caller uses.
    pub(crate) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        self.target.connect(config).await
    }

    /// Sends requests once, and returns their replies.
    pub(super) async fn send(
        &self,
        requests: &[Request<'_>],
        options: Options<'_>,
    ) -> Result<Vec<Value>, Failure> {
        if options.replication.is_some() {
            return self.send_replicated(requests, options).await;
        }
        let link = self.link();
        let connected = link.connection().await.map_err(Failure::NotExecuted);
        let replies = match connected {
            Ok(mut connection) => exchange(&mut connection, requests, options).await,
            Err(failure) => Err(failure),
        };
        if replies.as_ref().is_err_and(Failure::is_connection_lost) {
            self.discard(|current| Arc::ptr_eq(current, &link));
        }
        replies
    }

    /// Sends requests on a connection of their own, which waits for the replicas. A request that is
    /// canceled closes the connection.
    async fn send_replicated(
        &self,
        requests: &[Request<'_>],
        options: Options<'_>,
    ) -> Result<Vec<Value>, Failure> {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        let idle = lock(&self.idle).connections.pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect(&self.config()).await.map_err(Failure::NotExecuted)?,
        };
        let replies = exchange(&mut connection, requests, options).await;
        if replies.as_ref().is_err_and(Failure::is_connection_lost) {
            // The server has probably closed all connections.
            lock(&self.idle).discard();
        } else {
            lock(&self.idle).connections.push(connection);
        }
        replies
    }

    fn link(&self) -> Arc<Link> {
        let mut shared = lock(&self.shared);
        if let Some(link) = &*shared {
            return link.clone();
        }
        let (target, config, limit) = (self.target.clone(), self.config(), self.timeout * 2);
        let connecting = tokio::spawn(async move {
            let connected = tokio::time::timeout(limit, target.connect(&config)).await;
            connected.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
        });
        let connection = async move {
            connecting.await.unwrap_or_else(|error| Err(io::Error::other(error).into()))
        };
        let link =
            Arc::new(Link { connection: connection.boxed().shared(), since: Instant::now() });
        *shared = Some(link.clone());
        link
    }

    fn discard(&self, condition: impl FnOnce(&Arc<Link>) -> bool) {
        lock(&self.shared).take_if(|link| condition(link));
    }

    /// Drops the connections after an error, so that the next request connects again.
    ///
    /// A connection does not notice that the server no longer exists, or that its authentication
    /// has failed. A new connection also resolves the host name again, which may have another
    /// address after a failover.
    pub(super) fn discard_stale(&self) {
        self.discard(|link| link.since.elapsed() >= MIN_AGE);
        let mut idle = lock(&self.idle);
        if idle.since.elapsed() >= MIN_AGE {
            idle.discard();
        }
    }

    /// Drops all connections, because the server is not the primary.
    pub(super) fn discard_all(&self) {
        self.discard(|_| true);
        lock(&self.idle).discard();
    }
}

impl Idle {
    fn discard(&mut self) {
        self.connections.clear();
        self.since = Instant::now();
    }
}

impl Link {
    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        self.connection.clone().await
    }
}

impl Failure {
    /// Returns whether the connection is lost.
    fn is_connection_lost(&self) -> bool {
        match self {
            Self::NotExecuted(error) => error.is_io_error(),
            Self::Unknown(_) => true,
            Self::NotReplicated { .. } => false,
        }
    }
}

/// Sends requests on a connection, and waits for their replies and for the replicas.
async fn exchange(
    connection: &mut MultiplexedConnection,
    requests: &[Request<'_>],
    options: Options<'_>,
) -> Result<Vec<Value>, Failure> {
    if options.check {
        let ping = redis::cmd("PING").query_async::<()>(connection).await;
        ping.map_err(Failure::NotExecuted)?;
    }
    let mut replies = send_pipeline(connection, requests, false, options).await?;
    if replies.iter().any(is_no_script) {
        replies = send_pipeline(connection, requests, true, options).await?;
    }
    let after = replies.split_off(requests.len().min(replies.len()));
    let replies = replies.into_iter().map(Value::extract_error).collect::<RedisResult<_>>();
    let replies = replies.map_err(Failure::NotExecuted)?;
    if let Some(replication) = options.replication {
        let expected = replication.replicas;
        // `WAIT` fails if the server has become a replica.
        let replicas = match &after[..] {
            [Value::Int(replicas)] => usize::try_from(*replicas).unwrap_or_default(),
            _ => 0,
        };
        if replicas < expected {
            return Err(Failure::NotReplicated { replicas, expected });
        }
    }
    Ok(replies)
}

/// Returns the replies without those of `ASKING`.
async fn send_pipeline(
    connection: &mut MultiplexedConnection,
    requests: &[Request<'_>],
    with_text: bool,
    options: Options<'_>,
) -> Result<Vec<Value>, Failure> {
    let Options { asking, replication, .. } = options;
    let pipeline = encode(requests, with_text, asking, replication);
    let replies = connection.req_packed_commands(&pipeline, 0, pipeline.len()).await;
    let replies = replies.map_err(Failure::Unknown)?.into_iter().enumerate();
    let is_asking = |index| asking && index < 2 * requests.len() && index % 2 == 0;
    Ok(replies.filter(|(index, _)| !is_asking(*index)).map(|(_, reply)| reply).collect())
}

fn is_no_script(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
