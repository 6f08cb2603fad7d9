use std::{error::Error, fmt, sync::Arc, time::Duration};

use redis::{AsyncCommands, Script, aio::ConnectionManager};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{RandomId, Rotation, SeriesError, SeriesStore, TokenUse};
use crate::{
    ConfigError,
    redis_connection::{RedisConnection, RedisSettings, key_end},
};

/// Series on a Redis server (7 or later, or Valkey), for several processes. Clones share one connection.
///
/// A token that is used costs one round trip. What does not answer within the timeout counts as no answer, and the request is
/// answered `503`. The connection comes back by itself. Of a use that Redis took and whose answer was lost, the token is good
/// for the grace, as it is if the response is lost.
///
/// Each series is a key of its own with an end of its own, and one more key of each user lists theirs: Redis forgets them by
/// itself, and any cluster can hold them, behind a proxy, as for
/// [`RedisRevocations`](crate::RedisRevocations). What was revoked by itself stays on the list, 22 bytes, until it would have ended and the
/// user logs in once more. All of a user end in parts of some 500, each within the timeout. Times are told apart by the microsecond. **Redis has to keep what it was told**: let
/// it write its log (`appendonly yes`), and evict nothing (`maxmemory-policy noeviction`). A restart that loses the last uses
/// takes tokens again that were used up, and theirs after them for copies; one that loses a logout ends it for nobody.
///
/// ```no_run
/// use std::time::Duration;
///
/// use paseto_actix::RedisSeries;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let series = RedisSeries::builder("redis://127.0.0.1/").prefix("shop").timeout(Duration::from_millis(100)).build()?;
/// # let _ = series;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisSeries {
    connection: RedisConnection,
    scripts: Arc<Scripts>,
}

struct Scripts {
    list: Script,
    rotate: Script,
}

/// The list has the end of each series by Redis's clock. Those that have ended leave it, a minute later: in a cluster, the series
/// may be on another server, with a clock of its own. It lasts as long as the last of its series, whichever of two logins at once
/// comes first.
const LIST: &str = r"
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', tonumber(redis.call('TIME')[1]) - 60)
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local ends = math.max(redis.call('EXPIRETIME', KEYS[1]), tonumber(ARGV[2]))
redis.call('EXPIREAT', KEYS[1], string.format('%.0f', ends))
";

/// How many series of a user are ended by one question, and within one timeout.
const CHUNK: usize = 500;

/// One step, so that of two uses of one token at once, one rotates. Redis's clock is not asked: what has expired is what has by
/// the clock of whoever asks, and Redis removes it a little later.
const ROTATE: &str = r"
local presented, next_one, now, grace = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local current, previous, used, expires = unpack(redis.call('HMGET', KEYS[1], 'current', 'previous', 'used', 'expires'))
if not current or tonumber(expires) <= now then
    return {'unknown', ''}
end
if current == presented then
    redis.call('HSET', KEYS[1], 'current', next_one, 'previous', presented, 'used', ARGV[3])
    return {'rotated', ''}
end
if previous == presented and now <= tonumber(used) + grace then
    return {'superseded', current}
end
redis.call('DEL', KEYS[1])
return {'reused', ''}
";

impl RedisSeries {
    /// Starts a store on the server of this URL: `redis://` or, with the feature `redis-tls`, `rediss://`, as the `redis` crate
    /// reads it. TLS takes the system's certificates (or those of the file that the environment names in `SSL_CERT_FILE`), and the
    /// `CryptoProvider` of rustls that the process has installed by then; where there is none, it installs that of `ring`.
    pub fn builder(url: impl Into<String>) -> RedisSeriesBuilder {
        RedisSeriesBuilder { settings: RedisSettings::new(url.into()) }
    }

    fn series_key(&self, series: RandomId) -> String {
        self.connection.key('f', series.as_bytes())
    }

    /// Of one length whatever names are, and without any name in it.
    fn user_key(&self, user_id: &str) -> String {
        let mut id = [0; 16];
        id.copy_from_slice(&Sha256::digest(user_id)[..16]);
        self.connection.key('u', &id)
    }
}

/// Microseconds, which the numbers of Redis's scripts hold exactly until the year 2255.
fn micros(time: OffsetDateTime) -> String {
    time.unix_timestamp_nanos().div_euclid(1000).to_string()
}

impl SeriesStore for RedisSeries {
    async fn begin(
        &self,
        series: RandomId,
        first: RandomId,
        user_id: &str,
        expires: OffsetDateTime,
        _: OffsetDateTime,
    ) -> Result<(), SeriesError> {
        let (key, end) = (self.series_key(series), key_end(expires));
        let mut list = self.scripts.list.key(self.user_key(user_id));
        list.arg(series.to_string()).arg(end);
        let fields = [("current", first.to_string()), ("expires", micros(expires))];
        let mut create = redis::pipe();
        create.atomic().del(&key).ignore().hset_multiple(&key, &fields).ignore().expire_at(&key, end).ignore();
        let both = async |mut redis: ConnectionManager| {
            // The list first: what is not on it could not be ended with the rest.
            list.invoke_async::<()>(&mut redis).await?;
            create.query_async::<()>(&mut redis).await
        };
        self.connection.ask(both).await.map_err(SeriesError::Other)
    }

    async fn rotate(&self, token: TokenUse) -> Result<Rotation, SeriesError> {
        let TokenUse { series, presented, next, now, grace } = token;
        let mut script = self.scripts.rotate.key(self.series_key(series));
        script.arg(presented.to_string()).arg(next.to_string());
        script.arg(micros(now)).arg(grace.as_micros().to_string());
        let invoke = async |mut redis: ConnectionManager| script.invoke_async(&mut redis).await;
        let (outcome, current): (String, String) = self.connection.ask(invoke).await.map_err(SeriesError::Other)?;
        Ok(match &*outcome {
            "rotated" => Rotation::Rotated,
            "superseded" => Rotation::Superseded { current: current.parse()? },
            "reused" => Rotation::Reused,
            _ => Rotation::Unknown,
        })
    }

    async fn revoke(&self, series: RandomId) -> Result<(), SeriesError> {
        let key = self.series_key(series);
        let delete = async |mut redis: ConnectionManager| redis.del(key).await;
        self.connection.ask(delete).await.map_err(SeriesError::Other)
    }

    async fn revoke_all(&self, user_id: &str) -> Result<(), SeriesError> {
        let list = self.user_key(user_id);
        let mut cursor = 0;
        loop {
            cursor = self.revoke_some(&list, cursor).await.map_err(SeriesError::Other)?;
            if cursor == 0 {
                return Ok(());
            }
        }
    }
}

impl RedisSeries {
    /// Ends a part of those that are listed, and gives the cursor of the next part, or 0. A list's scan comes by all that was on
    /// it from begin to end, whatever leaves it meanwhile; places in its order would move.
    async fn revoke_some(&self, list: &str, cursor: u64) -> Result<u64, Box<dyn Error + Send + Sync>> {
        let part = async |mut redis: ConnectionManager| {
            let mut scan = redis::cmd("ZSCAN");
            scan.arg(list).arg(cursor).arg("COUNT").arg(CHUNK);
            let (next, listed): (u64, Vec<(String, f64)>) = scan.query_async(&mut redis).await?;
            // Commands of one key each: in a cluster, they may be of several servers.
            let mut delete = redis::pipe();
            let theirs: Vec<RandomId> = listed.iter().filter_map(|(name, _)| name.parse().ok()).collect();
            if theirs.is_empty() {
                return Ok(next);
            }
            for series in &theirs {
                delete.del(self.series_key(*series));
            }
            let deleted: Vec<bool> = delete.query_async(&mut redis).await?;
            // Only those that were there leave the list: a login that is under way has put itself there before its series.
            let gone: Vec<String> =
                theirs.iter().zip(deleted).filter(|(_, was_there)| *was_there).map(|(id, _)| id.to_string()).collect();
            if !gone.is_empty() {
                redis.zrem::<_, _, ()>(list, gone).await?;
            }
            Ok(next)
        };
        self.connection.ask(part).await
    }
}

impl fmt::Debug for RedisSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSeries").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// A [`RedisSeries`] in the making.
#[derive(Debug)]
#[must_use = "a RedisSeries is made by `.build()`"]
pub struct RedisSeriesBuilder {
    settings: RedisSettings,
}

impl RedisSeriesBuilder {
    /// What the names of keys begin with. Default: `paseto`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = prefix.into();
        self
    }

    /// How long an answer is waited for, connecting included: 1 millisecond to 60 seconds. Default: 250 milliseconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Makes the store. It connects when it is first asked.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the URL is none of Redis's, or the timeout too short or too long.
    pub fn build(self) -> Result<RedisSeries, ConfigError> {
        let scripts = Scripts { list: Script::new(LIST), rotate: Script::new(ROTATE) };
        Ok(RedisSeries { connection: self.settings.connect()?, scripts: Arc::new(scripts) })
    }
}
