use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{select_all, try_join, try_join_all};
use redis::aio::MultiplexedConnection;
use redis::{Client, ErrorKind, RedisError, RedisResult};
use tokio::time::timeout;

use super::cluster::{Address, Cluster};
use super::connection::{RedisConnection, Servers};
use super::request::{Replication, slot};
use super::sentinel::SentinelWatch;
use super::server::Target;
use super::tracking::{OnInvalidation, TrackingConnection, with_resp3};
use super::view::{Slots, View, all_slots, parse_view};

/// Tracks the changes of all revocation records, with a connection to each primary.
pub(crate) struct Tracker {
    primaries: Vec<Tracked>,
    replication: Option<Arc<Replication>>,
    deployment: Deployment,
}

struct Tracked {
    id: String,
    host: String,
    slots: Slots,
    connection: TrackingConnection,
}

/// What else must be unchanged.
enum Deployment {
    One,
    Sentinel(Box<SentinelWatch>, Address),
    Cluster { view: View, has_tls: bool },
}

/// The result of a fence on each primary.
pub(crate) enum Proof {
    /// All changes before the fences are handled.
    Given,
    /// Too few replicas confirmed a write, so another primary may have replaced the server.
    NotReplicated,
}

/// The connections of a tracker, for queries to the servers that it tracks.
#[derive(Default)]
pub(crate) struct TrackedServers(Vec<(Slots, MultiplexedConnection)>);

impl Tracker {
    /// Connects to all primaries and starts the tracking. `attempt` selects the server of a cluster
    /// that is asked first.
    pub(crate) async fn open(
        connection: &RedisConnection,
        on_invalidation: OnInvalidation,
        attempt: usize,
    ) -> RedisResult<Self> {
        let (prefix, limit) = (&*connection.prefix, connection.timeout);
        let replication = connection.replication.clone();
        let alone = |connection| {
            vec![Tracked { id: String::new(), host: String::new(), slots: all_slots(), connection }]
        };
        match &*connection.servers {
            Servers::One(server) => {
                let client = match &*server.target {
                    Target::Address(client) => {
                        Client::open(with_resp3(client.get_connection_info().clone()))?
                    }
                    Target::Sentinels(_) => return Err(not_tracked()),
                };
                let open = open(&client, prefix, on_invalidation);
                let primaries = alone(within(limit, open).await?);
                Ok(Self { primaries, replication, deployment: Deployment::One })
            }
            Servers::Sentinel(server) => {
                let sentinels = match &*server.target {
                    Target::Sentinels(sentinels) => sentinels.with_push(),
                    Target::Address(_) => return Err(not_tracked()),
                };
                let mut address = None;
                let connect = async |config| {
                    let (named, connection) = sentinels.connect_with_address(&config).await?;
                    address = Some(named);
                    Ok(connection)
                };
                let open = TrackingConnection::open(connect, prefix, on_invalidation);
                let primaries = alone(within(limit, open).await?);
                let address = address.ok_or_else(not_tracked)?;
                let deployment =
                    Deployment::Sentinel(Box::new(SentinelWatch::new(sentinels)), address);
                Ok(Self { primaries, replication, deployment })
            }
            Servers::Cluster(cluster) => {
                let view = read_view(cluster, limit, attempt).await?;
                let opened = view.0.iter().map(|(id, primary)| async {
                    let client = cluster.push_client(&primary.address)?;
                    let open = open(&client, prefix, Arc::clone(&on_invalidation));
                    let (id, host) = (id.clone(), primary.address.0.clone());
                    let connection = within(limit, open).await?;
                    Ok::<_, RedisError>(Tracked {
                        id,
                        host,
                        slots: primary.slots.clone(),
                        connection,
                    })
                });
                let primaries = try_join_all(opened).await?;
                let deployment = Deployment::Cluster { view, has_tls: cluster.has_tls() };
                Ok(Self { primaries, replication, deployment })
            }
        }
    }

    /// Passes a fence on each primary. Returns an error if a connection is lost, or if the
    /// primaries have changed. The caller bounds the time.
    pub(crate) async fn pass_fences(&mut self, lifetime: Duration) -> RedisResult<Proof> {
        let (replication, deployment) = (self.replication.as_deref(), &mut self.deployment);
        let with_nodes = matches!(deployment, Deployment::Cluster { .. });
        let passed = self.primaries.iter_mut().map(async |tracked| {
            let Tracked { slots, connection, .. } = &mut *tracked;
            let passed = connection.pass_fence(slots, lifetime, replication, with_nodes).await?;
            Ok((&*tracked, passed))
        });
        let confirmed = async {
            match deployment {
                Deployment::Sentinel(sentinels, address) => sentinels.confirm(address).await,
                _ => Ok(()),
            }
        };
        let (passed, ()) = try_join(try_join_all(passed), confirmed).await?;
        if let Deployment::Cluster { view, has_tls } = &self.deployment {
            for (tracked, passed) in &passed {
                let nodes = passed.nodes.as_deref().unwrap_or_default();
                let (id, found) = parse_view(nodes, &tracked.host, *has_tls)?;
                if id != tracked.id || !view.is_same(&found) {
                    return Err((ErrorKind::Io, "the primaries of the cluster changed").into());
                }
            }
        }
        let is_replicated = passed.iter().all(|(_, passed)| passed.is_replicated);
        Ok(if is_replicated { Proof::Given } else { Proof::NotReplicated })
    }

    /// Waits until a connection is lost.
    pub(crate) async fn lost(&mut self) {
        let lost = self.primaries.iter_mut().map(|tracked| Box::pin(tracked.connection.lost()));
        select_all(lost).await;
    }

    /// Returns the connections for queries.
    pub(crate) fn servers(&self) -> TrackedServers {
        let servers = self.primaries.iter();
        TrackedServers(
            servers.map(|tracked| (tracked.slots.clone(), tracked.connection.redis())).collect(),
        )
    }
}

impl TrackedServers {
    /// Reads keys from the tracked servers. Returns an error if a server does not have the slot of
    /// a key. The caller bounds the time.
    pub(crate) async fn read_all(&self, keys: &[String]) -> RedisResult<Vec<Option<String>>> {
        try_join_all(keys.iter().map(|key| self.read(key))).await
    }

    async fn read(&self, key: &str) -> RedisResult<Option<String>> {
        let slot = slot(key);
        let has_slot = |slots: &Slots| slots.iter().any(|range| range.contains(&slot));
        let server = self.0.iter().find(|(slots, _)| has_slot(slots)).ok_or_else(not_tracked)?;
        redis::cmd("GET").arg(key).query_async(&mut server.1.clone()).await
    }
}

async fn open(
    client: &Client,
    prefix: &str,
    on_invalidation: OnInvalidation,
) -> RedisResult<TrackingConnection> {
    let connect = async |config| client.get_multiplexed_async_connection_with_config(&config).await;
    TrackingConnection::open(connect, prefix, on_invalidation).await
}

/// Reads the view of the first server that replies.
async fn read_view(cluster: &Cluster, limit: Duration, attempt: usize) -> RedisResult<View> {
    let mut addresses = cluster.addresses();
    let first = attempt % addresses.len().max(1);
    addresses.rotate_left(first);
    let mut failure = not_tracked();
    for address in addresses {
        let view = async {
            let client = cluster.push_client(&address)?;
            let mut connection = client.get_multiplexed_async_connection().await?;
            let nodes: String =
                redis::cmd("CLUSTER").arg("NODES").query_async(&mut connection).await?;
            Ok(parse_view(&nodes, &address.0, cluster.has_tls())?.1)
        };
        match within(limit, view).await {
            Ok(view) if !view.0.is_empty() => return Ok(view),
            Ok(_) => (),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn within<T>(
    limit: Duration,
    future: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    timeout(limit, future).await.map_err(io::Error::from)?
}

fn not_tracked() -> RedisError {
    (ErrorKind::Io, "no server with this slot is tracked").into()
}
