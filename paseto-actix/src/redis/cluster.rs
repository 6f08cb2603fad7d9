mod table;

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use redis::{Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, Value};

use super::request::{Request, SLOTS};
use super::sentinel::at_address;
use super::server::{Failure, Options, Server, Target};
use super::tracking::with_resp3;
use table::{Range, invalid_table, parse};

/// The servers of a Redis Cluster, and the primary of each slot.
///
/// The cluster client of the `redis` crate is not used. It repeats a command after an I/O error,
/// also a command that must not be executed twice. Without its repetitions, it does not follow
/// `MOVED` and `ASK` either. It sends `ASKING` and the command separately on a shared connection,
/// and a server that hangs blocks the connections to all servers during a refresh of the slots.
///
/// The servers are trusted: each server that a table, `MOVED` or `ASK` names receives the password.
pub(super) struct Cluster {
    /// The credentials and the TLS of all servers. The address is a placeholder.
    template: ConnectionInfo,
    seeds: Vec<Address>,
    timeout: Duration,
    state: Mutex<State>,
    /// Whether the table of slots must be read again.
    is_stale: AtomicBool,
    refresh: tokio::sync::Mutex<()>,
    /// The number of refreshes. Each refresh begins with another server.
    refreshes: AtomicUsize,
}

pub(super) type Address = (String, u16);

#[derive(Default)]
struct State {
    servers: HashMap<Address, Arc<Server>>,
    /// The primary of each slot. Empty before the first refresh.
    primaries: Vec<Option<Arc<Server>>>,
}

/// The maximum number of servers of a table, and of servers that redirections add. The
/// specification of Redis Cluster recommends at most 1,000.
pub(super) const MAX_SERVERS: usize = 1024;

/// The number of servers that a refresh asks at once, because a server can hang.
const ASKED_AT_ONCE: usize = 4;

impl Cluster {
    pub(super) fn new(nodes: &[ConnectionInfo], timeout: Duration) -> Option<Self> {
        let template = nodes.first()?.clone();
        let seeds = nodes.iter().map(|node| match node.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some((host.clone(), *port))
            }
            _ => None,
        });
        Some(Self {
            template,
            seeds: seeds.collect::<Option<_>>()?,
            timeout,
            state: Mutex::default(),
            is_stale: AtomicBool::new(true),
            refresh: tokio::sync::Mutex::new(()),
            refreshes: AtomicUsize::new(0),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the server with this address.
    fn server(&self, state: &mut State, address: &Address) -> RedisResult<Arc<Server>> {
        if let Some(server) = state.servers.get(address) {
            return Ok(server.clone());
        }
        let client = Client::open(at_address(&self.template, address))?;
        let server = Arc::new(Server::new(Target::Address(client), self.timeout));
        state.servers.insert(address.clone(), server.clone());
        Ok(server)
    }

    /// Returns the primary of a slot.
    pub(super) async fn primary(&self, slot: u16) -> Result<Arc<Server>, RedisError> {
        let known = |state: &State| state.primaries.get(usize::from(slot)).cloned().flatten();
        if !self.is_stale.load(Ordering::SeqCst)
            && let Some(server) = known(&self.state())
        {
            return Ok(server);
        }
        let refreshed = self.refresh().await;
        let server = known(&self.state());
        match (server, refreshed) {
            (Some(server), _) => Ok(server),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => {
                self.is_stale.store(true, Ordering::SeqCst);
                Err((
                    ErrorKind::ClusterConnectionNotFound,
                    "no server has the slot: check `CLUSTER NODES`",
                )
                    .into())
            }
        }
    }

    /// Returns the primaries of all slots.
    pub(super) async fn primaries(&self) -> RedisResult<Vec<Arc<Server>>> {
        self.primary(0).await?;
        let mut primaries: Vec<Arc<Server>> = Vec::new();
        for server in self.state().primaries.iter().flatten() {
            if !primaries.iter().any(|known| Arc::ptr_eq(known, server)) {
                primaries.push(server.clone());
            }
        }
        Ok(primaries)
    }

    /// Returns the addresses of the known servers, of which some may be replicas.
    pub(super) fn addresses(&self) -> Vec<Address> {
        let state = self.state();
        let known = state.servers.keys().filter(|address| !self.seeds.contains(address));
        self.seeds.iter().chain(known).cloned().collect()
    }

    /// Returns a client of this server with RESP3.
    pub(super) fn push_client(&self, address: &Address) -> RedisResult<Client> {
        Client::open(with_resp3(at_address(&self.template, address)))
    }

    /// Returns whether the connections use TLS.
    pub(super) fn has_tls(&self) -> bool {
        matches!(self.template.addr(), ConnectionAddr::TcpTls { .. })
    }

    /// Returns whether the server is the primary of a slot, as far as this process knows.
    pub(super) fn is_primary(&self, server: &Arc<Server>, slot: u16) -> bool {
        let primary = self.state().primaries.get(usize::from(slot)).cloned().flatten();
        primary.is_some_and(|primary| Arc::ptr_eq(&primary, server))
    }

    /// Follows `MOVED` and `ASK` to a server. `from` is the server that replied.
    ///
    /// After `MOVED`, the next request reads the table of slots again. This removes servers that
    /// the table does not list.
    pub(super) fn redirect(
        &self,
        from: &Arc<Server>,
        target: &str,
        moved: Option<u16>,
    ) -> RedisResult<Arc<Server>> {
        let invalid = || RedisError::from((ErrorKind::Client, "invalid address in a redirection"));
        let (host, port) = target.rsplit_once(':').ok_or_else(invalid)?;
        let port = port.parse().map_err(|_| invalid())?;
        let mut state = self.state();
        // An empty host is the host of the server that replied.
        let host = match host.trim_start_matches('[').trim_end_matches(']') {
            "" | "?" => {
                let known = state.servers.iter().find(|(_, server)| Arc::ptr_eq(server, from));
                known.map(|((host, _), _)| host.clone()).ok_or_else(invalid)?
            }
            host => host.to_owned(),
        };
        let address = (host, port);
        if state.servers.len() >= MAX_SERVERS && !state.servers.contains_key(&address) {
            self.set_stale();
            return Err((ErrorKind::Client, "redirections name more than 1,024 servers").into());
        }
        let server = self.server(&mut state, &address)?;
        if let Some(slot) = moved {
            self.set_stale();
            if let Some(entry) = state.primaries.get_mut(usize::from(slot)) {
                *entry = Some(server.clone());
            }
        }
        Ok(server)
    }

    /// Requires that the next request reads the table of slots again.
    pub(super) fn set_stale(&self) {
        self.is_stale.store(true, Ordering::SeqCst);
    }

    /// Drops old connections to the primary of a slot after an error.
    pub(super) fn discard_stale(&self, slot: u16) {
        self.set_stale();
        if let Some(Some(server)) = self.state().primaries.get(usize::from(slot)) {
            server.discard_stale();
        }
    }

    /// Reads the table of slots from the first server that replies.
    async fn refresh(&self) -> RedisResult<()> {
        let _one_at_a_time = self.refresh.lock().await;
        if !self.is_stale.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut asked = {
            let mut state = self.state();
            for seed in &self.seeds {
                self.server(&mut state, seed)?;
            }
            let asked =
                state.servers.iter().map(|(address, server)| (address.0.clone(), server.clone()));
            asked.collect::<Vec<_>>()
        };
        let first = self.refreshes.fetch_add(1, Ordering::Relaxed) % asked.len().max(1);
        asked.rotate_left(first);
        // Half of the timeout, so that there is time to ask another server.
        let limit = self.timeout / 2;
        let tables = asked.into_iter().map(|(host, server)| async move {
            let table = async { parse(ask(&server).await?, &host) };
            let table = tokio::time::timeout(limit, table).await;
            let timed_out = || Err(io::Error::from(io::ErrorKind::TimedOut).into());
            table.unwrap_or_else(|_| timed_out()).inspect_err(|_| server.discard_stale())
        });
        let mut tables = stream::iter(tables).buffer_unordered(ASKED_AT_ONCE);
        let mut failure = None;
        while let Some(table) = tables.next().await {
            match table {
                Ok(table) => return self.replace(table),
                Err(error) => failure = Some(error),
            }
        }
        let none = || (ErrorKind::ClusterConnectionNotFound, "no server of the cluster").into();
        Err(failure.unwrap_or_else(none))
    }

    fn replace(&self, table: Vec<Range>) -> RedisResult<()> {
        let mut state = self.state();
        let listed = table.iter().flat_map(|range| &range.servers);
        let known: HashSet<&Address> = self.seeds.iter().chain(listed).collect();
        state.servers.retain(|address, _| known.contains(address));
        let mut primaries = vec![None; usize::from(SLOTS)];
        for range in &table {
            // The first server is the primary. Replicas are asked for the table of slots.
            for (index, address) in range.servers.iter().enumerate() {
                let server = self.server(&mut state, address)?;
                if index == 0 {
                    for slot in range.first..=range.last {
                        primaries[usize::from(slot)] = Some(server.clone());
                    }
                }
            }
        }
        state.primaries = primaries;
        self.is_stale.store(false, Ordering::SeqCst);
        Ok(())
    }
}

/// Asks a server for the table of slots. A server that has lost the majority of the cluster has an
/// old table, so its state must be `ok`.
async fn ask(server: &Arc<Server>) -> RedisResult<Value> {
    let requests = [
        Request::command("CLUSTER", "INFO".to_owned()),
        Request::command("CLUSTER", "SLOTS".to_owned()),
    ];
    let options = Options { asking: false, check: false, replication: None };
    let replies = server.send(&requests, options).await.map_err(|failure| match failure {
        Failure::NotExecuted(error) | Failure::Unknown(error) => error,
        Failure::NotReplicated { .. } => invalid_table(),
    })?;
    let [info, slots] = <[Value; 2]>::try_from(replies).map_err(|_| invalid_table())?;
    let info: String = redis::from_redis_value(info)?;
    if !info.contains("cluster_state:ok") {
        return Err((
            ErrorKind::ClusterConnectionNotFound,
            "the state of the cluster is `fail`: check `CLUSTER INFO`",
        )
            .into());
    }
    Ok(slots)
}

#[cfg(test)]
mod tests {
    use redis::IntoConnectionInfo;

    use super::*;

    /// Returns a cluster whose only server has all slots.
    fn cluster() -> (Cluster, Arc<Server>) {
        let seed = "redis://10.0.0.1:1/".into_connection_info().unwrap();
        let cluster = Cluster::new(&[seed], Duration::from_secs(1)).unwrap();
        cluster.replace(table()).unwrap();
        let server = cluster.state().primaries[0].clone().unwrap();
        (cluster, server)
    }

    fn table() -> Vec<Range> {
        vec![Range { first: 0, last: SLOTS - 1, servers: vec![("10.0.0.1".to_owned(), 1)] }]
    }

    #[test]
    fn moved_slot_has_its_primary_at_once_and_the_table_is_read_again() {
        let (cluster, first) = cluster();
        let asked = cluster.redirect(&first, ":2", None).unwrap();
        assert!(!cluster.is_stale.load(Ordering::SeqCst) && !cluster.is_primary(&asked, 7));
        let moved = cluster.redirect(&first, ":2", Some(7)).unwrap();
        assert!(Arc::ptr_eq(&asked, &moved) && cluster.is_primary(&moved, 7));
        assert!(cluster.is_stale.load(Ordering::SeqCst));
    }

    #[test]
    fn redirections_add_at_most_1024_servers_until_the_table_is_read_again() {
        let (cluster, first) = cluster();
        let redirect = |port: u16| cluster.redirect(&first, &format!("10.0.0.1:{port}"), None);
        assert_eq!((1..=2000).filter(|port| redirect(*port).is_ok()).count(), MAX_SERVERS);
        assert_eq!(cluster.state().servers.len(), MAX_SERVERS);
        assert!(cluster.is_stale.load(Ordering::SeqCst));
        redirect(2).unwrap();
        cluster.replace(table()).unwrap();
        assert_eq!(cluster.state().servers.len(), 1);
        redirect(2000).unwrap();
    }
}
