use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError,
    RedisResult, Value,
};

use super::cluster::Address;
use super::tracking::with_resp3;

/// The Sentinels of a primary.
pub(super) struct Sentinels {
    sentinels: Vec<Client>,
    name: String,
    /// The credentials and the TLS of the data servers. The address is a placeholder.
    server: ConnectionInfo,
    timeout: Duration,
}

impl Sentinels {
    pub(super) fn new(
        sentinels: Vec<Client>,
        name: String,
        server: ConnectionInfo,
        timeout: Duration,
    ) -> Self {
        Self { sentinels, name, server, timeout }
    }

    /// Connects to the primary.
    pub(super) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        Ok(self.connect_with_address(config).await?.1)
    }

    /// Connects to the primary that a majority of the Sentinels names, and returns its address too.
    /// Asks all Sentinels at once, because one of them can hang. The caller bounds the time.
    ///
    /// After a failover, the Sentinels can still name the former primary, so the server must
    /// confirm its role.
    pub(super) async fn connect_with_address(
        &self,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<(Address, MultiplexedConnection)> {
        let replies = self
            .sentinels
            .iter()
            .map(|sentinel| async move { self.ask(&mut self.connect_to(sentinel).await?).await });
        let named = named_by_majority(replies.collect()).await?;
        let client = Client::open(at_address(&self.server, &named))?;
        let mut connection = client.get_multiplexed_async_connection_with_config(config).await?;
        let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
        match role.first() {
            Some(Value::BulkString(role)) if role == b"master" => Ok((named, connection)),
            _ => Err(not_primary()),
        }
    }

    async fn connect_to(&self, sentinel: &Client) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        sentinel.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Asks a Sentinel for the address of the primary.
    async fn ask(&self, sentinel: &mut MultiplexedConnection) -> RedisResult<Address> {
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
        let address: Option<Address> = ask.query_async(sentinel).await?;
        address.ok_or_else(|| {
            let unknown = "the Sentinel does not know a primary of this name";
            (ErrorKind::MasterNameNotFoundBySentinel, unknown).into()
        })
    }

    /// Returns the Sentinels with RESP3 for the connections to the primary.
    pub(super) fn with_push(&self) -> Self {
        Self {
            sentinels: self.sentinels.clone(),
            name: self.name.clone(),
            server: with_resp3(self.server.clone()),
            timeout: self.timeout,
        }
    }
}

/// Connections to the Sentinels, to ask them repeatedly.
pub(super) struct SentinelWatch {
    sentinels: Sentinels,
    connections: Vec<Option<MultiplexedConnection>>,
}

impl SentinelWatch {
    pub(super) fn new(sentinels: Sentinels) -> Self {
        let connections = sentinels.sentinels.iter().map(|_| None).collect();
        Self { sentinels, connections }
    }

    /// Requires that a majority of the Sentinels names this primary.
    pub(super) async fn confirm(&mut self, primary: &Address) -> RedisResult<()> {
        let sentinels = &self.sentinels;
        let asked = sentinels.sentinels.iter().zip(&mut self.connections);
        let replies = asked.map(|(sentinel, connection)| async move {
            // The connection stays here if the majority replies first.
            let mut current = match connection {
                Some(current) => current.clone(),
                None => connection.insert(sentinels.connect_to(sentinel).await?).clone(),
            };
            let named = sentinels.ask(&mut current).await;
            if named.is_err() {
                *connection = None;
            }
            named
        });
        let named = named_by_majority(replies.collect()).await?;
        if named == *primary { Ok(()) } else { Err(not_primary()) }
    }
}

/// Returns the address that more than half of all configured Sentinels name: 1 of 1, 2 of 2, 2 of
/// 3, 3 of 4, 3 of 5.
///
/// A Sentinel that hung, or that is cut off, can name a former primary. This server can run again
/// with the role of a primary, and it does not have the newest revocations. A failover requires the
/// majority of the Sentinels, so the majority knows the newest primary. Sentinels that do not reply
/// count as Sentinels that name another primary.
async fn named_by_majority(
    mut replies: FuturesUnordered<impl Future<Output = RedisResult<Address>>>,
) -> RedisResult<Address> {
    let expected = replies.len() / 2 + 1;
    let (mut votes, mut failure) = (HashMap::new(), None);
    while let Some(reply) = replies.next().await {
        match reply {
            Ok(named) => {
                let count = votes.entry(named.clone()).or_insert(0);
                *count += 1;
                if *count == expected {
                    return Ok(named);
                }
            }
            // The error of a Sentinel that replied has the cause. The others are unreachable.
            Err(error) if failure.as_ref().is_none_or(RedisError::is_io_error) => {
                failure = Some(error);
            }
            Err(_) => (),
        }
    }
    match failure {
        Some(error) if votes.is_empty() => Err(error),
        failure => {
            let found = votes.into_values().max().unwrap_or_default();
            let cause = failure.map(|error| format!(": {error}")).unwrap_or_default();
            let detail = format!("expected {expected}, found {found}{cause}");
            Err((ErrorKind::Io, "too few Sentinels name the same primary", detail).into())
        }
    }
}

/// An I/O error, so that the next request asks the Sentinels again.
fn not_primary() -> RedisError {
    (ErrorKind::Io, "the server that the Sentinels name is not a primary").into()
}

/// Returns the same connection to another address. It keeps the credentials and the TLS.
pub(super) fn at_address(info: &ConnectionInfo, (host, port): &Address) -> ConnectionInfo {
    let (host, port) = (host.clone(), *port);
    let address = match info.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    info.clone().set_addr(address)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::ready;

    use super::*;

    /// Returns the port of the primary. Each Sentinel names a port, or it is unreachable (0).
    fn named(ports: &[u16]) -> Result<u16, String> {
        let reply = |port: &u16| match port {
            0 => Err(RedisError::from((ErrorKind::Io, "unreachable"))),
            port => Ok(("10.0.0.1".to_owned(), *port)),
        };
        let replies = ports.iter().map(|port| ready(reply(port))).collect();
        let named = named_by_majority(replies).now_or_never().unwrap();
        named.map(|address| address.1).map_err(|error| error.to_string())
    }

    #[test]
    fn primary_is_the_one_that_more_than_half_of_all_sentinels_name() {
        for ports in [&[1][..], &[1, 1], &[2, 1, 1], &[1, 0, 1], &[0, 1, 1], &[2, 1, 0, 1, 1]] {
            assert_eq!(named(ports), Ok(1), "{ports:?}");
        }
        for ports in [&[1, 0][..], &[1, 2], &[1, 2, 0], &[1, 0, 0], &[1, 1, 2, 2], &[1, 1, 0, 0]] {
            let error = named(ports).unwrap_err();
            assert!(error.contains("too few Sentinels name the same primary"), "{error}");
        }
        assert!(named(&[0, 0]).unwrap_err().contains("unreachable"));
    }
}
