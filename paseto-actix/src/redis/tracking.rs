//! A connection on which the server announces changed keys: [client-side caching] of RESP3.
//!
//! [client-side caching]: https://redis.io/docs/latest/develop/reference/client-side-caching/

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use redis::aio::{MultiplexedConnection, SendError};
use redis::{
    AsyncConnectionConfig, ConnectionInfo, ProtocolVersion, PushInfo, PushKind, RedisResult, Value,
};
use tokio::sync::watch;

use super::request::{Replication, slot};
use crate::random::random_id;

/// Records that may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalidation {
    /// The record with this ID.
    Record([u8; 16]),
    /// Any record: the keys are unknown, or the connection is lost.
    All,
}

/// Handles a message before the connection reads the next one.
pub(crate) type OnInvalidation = Arc<dyn Fn(Invalidation) + Send + Sync>;

/// A connection on which the server announces each change of a revocation record.
pub(super) struct TrackingConnection {
    redis: MultiplexedConnection,
    /// The beginning of the keys of the fences of this connection.
    fences: String,
    sent: u64,
    seen: watch::Receiver<Seen>,
}

/// The progress of the messages.
#[derive(Default)]
struct Seen {
    fence: u64,
    is_lost: bool,
}

/// The maximum number of keys that are hashed to find one in a slot of the server. Some key is in a
/// slot of each server, unless the server has almost no slots.
const MAX_ATTEMPTS: usize = 4096;
/// The kinds of records that the connection tracks.
const RECORDS: [char; 2] = ['s', 't'];
/// The kind of the fences. Redis sends the messages of one iteration of its event loop in the order
/// of the prefixes, so the message of a fence follows the messages of the records.
const FENCE: char = 'w';

/// Returns the same connection with RESP3, which has the messages.
pub(super) fn with_resp3(info: ConnectionInfo) -> ConnectionInfo {
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    info.set_redis_settings(settings)
}

/// The replies of a fence.
pub(super) struct Passed {
    /// Whether enough replicas confirmed the write.
    pub(super) is_replicated: bool,
    /// The reply of `CLUSTER NODES`.
    pub(super) nodes: Option<String>,
}

impl TrackingConnection {
    /// Connects and starts the tracking. The server announces all changes after the return. The
    /// caller bounds the time.
    pub(super) async fn open<F>(
        connect: impl FnOnce(AsyncConnectionConfig) -> F,
        prefix: &str,
        on_invalidation: OnInvalidation,
    ) -> RedisResult<Self>
    where
        F: Future<Output = RedisResult<MultiplexedConnection>>,
    {
        let (progress, seen) = watch::channel(Seen::default());
        let id = random_id().map_err(|error| io::Error::other(error.to_string()))?;
        let fences = format!("{prefix}:{FENCE}:{id}:");
        let records = RECORDS.map(|kind| format!("{prefix}:{kind}:"));
        let mut track = redis::cmd("CLIENT");
        track.arg("TRACKING").arg("ON").arg("BCAST");
        for prefix in records.iter().chain([&fences]) {
            track.arg("PREFIX").arg(prefix);
        }
        let messages = Messages { records, fences: fences.clone(), progress, on_invalidation };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(move |message: PushInfo| {
                messages.handle(&message);
                Ok::<_, SendError>(())
            });
        let mut redis = connect(config).await?;
        let () = track.query_async(&mut redis).await?;
        Ok(Self { redis, fences, sent: 0, seen })
    }

    /// Returns the connection, for queries.
    pub(super) fn redis(&self) -> MultiplexedConnection {
        self.redis.clone()
    }

    /// Writes a key in one of the slots, and waits for the server's message about this key. All
    /// messages about earlier changes have then been handled. The caller bounds the time.
    ///
    /// It is a write, because a replica or a demoted primary rejects it. The key expires after
    /// `lifetime`. A server without slots replies to a `PING` instead.
    pub(super) async fn pass_fence(
        &mut self,
        slots: &[RangeInclusive<u16>],
        lifetime: Duration,
        replication: Option<&Replication>,
        with_nodes: bool,
    ) -> RedisResult<Passed> {
        let mut commands = redis::pipe();
        let written = self.next_fence(slots);
        let replication = replication.filter(|_| written.is_some());
        match &written {
            Some(key) => {
                commands.cmd("SET").arg(key).arg(1).arg("PX").arg(lifetime.as_millis() as u64)
            }
            None => commands.cmd("PING"),
        };
        if let Some(Replication { replicas, milliseconds }) = replication {
            commands.cmd("WAIT").arg(*replicas).arg(*milliseconds);
        }
        if with_nodes {
            commands.cmd("CLUSTER").arg("NODES");
        }
        let replies: Vec<Value> = commands.query_async(&mut self.redis).await?;
        let mut replies = replies.into_iter().skip(1);
        let mut is_replicated = true;
        if let Some(Replication { replicas, .. }) = replication {
            let confirmed: usize = redis::from_redis_value(replies.next().unwrap_or(Value::Nil))?;
            is_replicated = confirmed >= *replicas;
        }
        let nodes = replies.next().map(redis::from_redis_value).transpose()?;
        if written.is_some() {
            let sent = self.sent;
            self.wait_for(|seen| seen.fence >= sent).await?;
        }
        Ok(Passed { is_replicated, nodes })
    }

    /// Returns the next key in one of the slots. The prefix can contain a hash tag, so it is
    /// possible that no key has such a slot.
    fn next_fence(&mut self, slots: &[RangeInclusive<u16>]) -> Option<String> {
        for _ in 0..MAX_ATTEMPTS {
            self.sent += 1;
            let key = format!("{}{}", self.fences, self.sent);
            let slot = slot(&key);
            if slots.iter().any(|range| range.contains(&slot)) {
                return Some(key);
            }
            if slots.is_empty() {
                break;
            }
        }
        None
    }

    /// Waits until the connection is lost.
    pub(super) async fn lost(&mut self) {
        let _ = self.wait_for(|_| false).await;
    }

    /// Waits for messages. Returns an error if the connection is lost.
    async fn wait_for(&mut self, is_done: impl Fn(&Seen) -> bool) -> RedisResult<()> {
        let seen = self.seen.wait_for(|seen| seen.is_lost || is_done(seen)).await;
        match seen {
            Ok(seen) if !seen.is_lost => Ok(()),
            _ => Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
        }
    }
}

/// The handler of the messages of one connection.
struct Messages {
    records: [String; 2],
    fences: String,
    progress: watch::Sender<Seen>,
    on_invalidation: OnInvalidation,
}

impl Messages {
    fn handle(&self, message: &PushInfo) {
        match (&message.kind, &*message.data) {
            (PushKind::Invalidate, [Value::Array(keys)]) => {
                keys.iter().for_each(|key| self.handle_key(key));
            }
            (PushKind::Disconnection, _) => {
                (self.on_invalidation)(Invalidation::All);
                self.progress.send_modify(|seen| seen.is_lost = true);
            }
            // `FLUSHALL` and `FLUSHDB` announce no keys.
            (PushKind::Invalidate, _) => (self.on_invalidation)(Invalidation::All),
            _ => {}
        }
    }

    fn handle_key(&self, key: &Value) {
        let key = match key {
            Value::BulkString(key) => str::from_utf8(key).unwrap_or_default(),
            Value::SimpleString(key) => key,
            _ => "",
        };
        if let Some(fence) = key.strip_prefix(&self.fences).and_then(|fence| fence.parse().ok()) {
            self.progress.send_modify(|seen| seen.fence = seen.fence.max(fence));
            return;
        }
        let id = self.records.iter().find_map(|prefix| key.strip_prefix(prefix));
        (self.on_invalidation)(
            id.and_then(parse_id).map_or(Invalidation::All, Invalidation::Record),
        );
    }
}

/// Parses the ID of a record at the end of a key.
fn parse_id(text: &str) -> Option<[u8; 16]> {
    let mut id = [0; 16];
    let length = Base64UrlUnpadded::decode(text, &mut id).ok()?.len();
    (length == id.len()).then_some(id)
}

#[cfg(test)]
mod tests {
    use std::mem;
    use std::sync::Mutex;

    use super::*;

    /// Returns what a message invalidates, and the last fence.
    fn handle(kind: PushKind, data: Vec<Value>) -> (Vec<Invalidation>, u64, bool) {
        let (progress, seen) = watch::channel(Seen::default());
        let invalidations = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&invalidations);
        let messages = Messages {
            records: ["shop:s:".to_owned(), "shop:t:".to_owned()],
            fences: "shop:w:id:".to_owned(),
            progress,
            on_invalidation: Arc::new(move |invalidation| {
                collected.lock().unwrap().push(invalidation);
            }),
        };
        messages.handle(&PushInfo { kind, data });
        let invalidations = mem::take(&mut *invalidations.lock().unwrap());
        let seen = seen.borrow();
        (invalidations, seen.fence, seen.is_lost)
    }

    fn keys(keys: &[&str]) -> Vec<Value> {
        let keys = keys.iter().map(|key| Value::BulkString(key.as_bytes().to_vec()));
        vec![Value::Array(keys.collect())]
    }

    #[test]
    fn keys_of_records_and_fences_are_parsed() {
        let id = Base64UrlUnpadded::encode_string(&[7; 16]);
        let data = keys(&[&format!("shop:t:{id}"), &format!("shop:s:{id}"), "shop:w:id:12"]);
        let record = Invalidation::Record([7; 16]);
        assert_eq!(handle(PushKind::Invalidate, data), (vec![record, record], 12, false));
    }

    #[test]
    fn unknown_key_invalidates_all_records() {
        let id = Base64UrlUnpadded::encode_string(&[7; 16]);
        for key in [
            "",
            "shop:t:",
            "shop:t:short",
            &format!("shop:t:{id}A"),
            &format!("shop:u:{id}"),
            "shop:w:id:x",
            "shop:w:other:12",
        ] {
            let expected = (vec![Invalidation::All], 0, false);
            assert_eq!(handle(PushKind::Invalidate, keys(&[key])), expected, "{key}");
        }
        let other = vec![Value::Array(vec![Value::Int(1)])];
        assert_eq!(handle(PushKind::Invalidate, other).0, [Invalidation::All]);
    }

    #[test]
    fn message_without_keys_and_lost_connection_invalidate_all_records() {
        for data in [vec![Value::Nil], vec![]] {
            let expected = (vec![Invalidation::All], 0, false);
            assert_eq!(handle(PushKind::Invalidate, data), expected);
        }
        let expected = (vec![Invalidation::All], 0, true);
        assert_eq!(handle(PushKind::Disconnection, vec![]), expected);
        assert_eq!(handle(PushKind::Message, vec![]), (vec![], 0, false));
    }
}
