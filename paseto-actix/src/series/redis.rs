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
/// answered `503`. The connection comes back by itself, and where it was lost, the question is asked once more within the
/// timeout. Of a use that Redis took and whose answer was lost for good, the token is good for the grace, as it is if the
/// response is lost.
///
/// Each series is a key of its own with an end of its own, and one more key of each user lists theirs: Redis forgets them by
/// itself, and any cluster can hold them, behind a proxy, as for [`RedisRevocations`](crate::RedisRevocations). What was
/// revoked by itself stays on the list, 22 bytes, until it would have ended and the user logs in once more. All of a user end
/// in parts of some 500, each within the timeout. Times are told apart by the microsecond. **Redis has to keep what it was
/// told**: let it write its log (`appendonly yes`), and evict nothing (`maxmemory-policy noeviction`). A restart that loses the
/// last uses takes tokens again that were used up, and theirs after them for copies; one that loses a logout ends it for
/// nobody.
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

/// One step, so that of two uses of one token at once, one rotates. Whoever finds a reuse is told so for a minute, and nobody else: the
/// answer may be lost, and the question asked again. (If that is asked again after somebody else has used the next token, it is taken
/// for a reuse, which ends a login too many.) Redis's clock is not asked: what has expired is what has by
/// the clock of whoever asks, and Redis removes it a little later.
const ROTATE: &str = r"
local presented, next_one, now, grace = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local current, previous, used, expires = unpack(redis.call('HMGET', KEYS[1], 'current', 'previous', 'used', 'expires'))
if not current then
    return {redis.call('HGET', KEYS[1], 'reused_by') == next_one and 'reused' or 'unknown', ''}
end
if tonumber(expires) <= now then
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
redis.call('HSET', KEYS[1], 'reused_by', next_one)
redis.call('EXPIRE', KEYS[1], 60)
return {'reused', ''}
";

impl RedisSeries {
    /// Starts a store on the server of this URL: `redis://` or, with the feature `redis-tls`, `rediss://`, as the `redis` crate
    /// reads it. TLS takes the system's certificates (or those of the file that the environment names in `SSL_CERT_FILE`), and the
    /// `CryptoProvider` of rustls that the process has installed by then; where there is none, it installs that of `ring`.
    pub fn builder(url: impl Into<String>) -> RedisSeriesBuilder {
        RedisSeriesBuilder { settings: RedisSettings::new(url.into()) }
    }

    /// Asks whether the server answers and takes what it is told, for a program's start and for probes of readiness: it writes a
    /// key that ends within a second. A replica, or a server whose memory is full, answers requests still, and takes no logout:
    /// that is an error here.
    ///
    /// ```no_run
    /// use paseto_actix::RedisSeries;
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let series = RedisSeries::builder("redis://127.0.0.1/").build()?;
    /// series.ping().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SeriesError::Other`] with the reason, after the timeout at the latest. It shows neither the URL nor its password.
    pub async fn ping(&self) -> Result<(), SeriesError> {
        self.connection.ping().await.map_err(SeriesError::Other)
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
        // The list first: what is not on it could not be ended with the rest.
        let list = async |mut redis: ConnectionManager| list.invoke_async::<()>(&mut redis).await;
        // Once: said again after a logout, it would bring back what that has ended. What was not confirmed is handed out to nobody.
        let create = async |mut redis: ConnectionManager| create.query_async::<()>(&mut redis).await;
        self.connection.ask_and_then_once(list, create).await.map_err(SeriesError::Other)
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
            // Nobody else knows the next token: asked twice, this very use made it the current one, and its answer was lost.
            "superseded" if current == next.to_string() => Rotation::Rotated,
            "superseded" => Rotation::Superseded { current: current.parse()? },
            "reused" => Rotation::Reused,
            _ => Rotation::Unknown,
        })
    }

    async fn revoke(&self, series: RandomId) -> Result<(), SeriesError> {
        let key = self.series_key(series);
        // What is gone stays gone, however often it is said.
        let delete = async |mut redis: ConnectionManager| redis.del(&key).await;
        self.connection.ask(delete).await.map_err(SeriesError::Other)
    }

    async fn revoke_all(&self, user_id: &str) -> Result<(), SeriesError> {
        let list = self.user_key(user_id);
        let mut from = Some("-inf".to_owned());
        while let Some(least) = from {
            let (listed, rest) = self.listed(&list, &least).await.map_err(SeriesError::Other)?;
            for part in listed.chunks(CHUNK) {
                self.revoke_part(&list, part).await.map_err(SeriesError::Other)?;
            }
            from = rest;
        }
        Ok(())
    }
}

impl RedisSeries {
    /// Some of those that are listed, from this end on, and from which end on there may be more. All that end in the same second
    /// come together. An end never changes, whatever leaves the list meanwhile: places in its order would move, and the cursors
    /// of a server mean nothing to it after a restart, which need not be noticed here.
    async fn listed(
        &self,
        list: &str,
        least: &str,
    ) -> Result<(Vec<String>, Option<String>), Box<dyn Error + Send + Sync>> {
        let question = async |mut redis: ConnectionManager| {
            let mut range = redis::cmd("ZRANGE");
            range.arg(list).arg(least).arg("+inf").arg("BYSCORE").arg("LIMIT").arg(0).arg(CHUNK).arg("WITHSCORES");
            let first: Vec<(String, f64)> = range.query_async(&mut redis).await?;
            // Whether its answers are those of RESP2 or of RESP3, `f64` reads the ends.
            let last = first.last().filter(|_| first.len() == CHUNK).map(|(_, end)| *end);
            let before = first.into_iter().filter(|(_, end)| Some(*end) != last);
            let mut names: Vec<String> = before.map(|(name, _)| name).collect();
            let Some(last) = last else { return Ok((names, None)) };
            let mut same = redis::cmd("ZRANGE");
            same.arg(list).arg(last.to_string()).arg(last.to_string()).arg("BYSCORE");
            names.extend(same.query_async::<Vec<String>>(&mut redis).await?);
            Ok((names, Some(format!("({last}"))))
        };
        self.connection.ask(question).await
    }

    async fn revoke_part(&self, list: &str, names: &[String]) -> Result<(), Box<dyn Error + Send + Sync>> {
        let theirs: Vec<RandomId> = names.iter().filter_map(|name| name.parse().ok()).collect();
        if theirs.is_empty() {
            return Ok(());
        }
        let part = async |mut redis: ConnectionManager| {
            // Commands of one key each: in a cluster, they may be of several servers.
            let mut delete = redis::pipe();
            for series in &theirs {
                delete.del(self.series_key(*series));
            }
            let deleted: Vec<bool> = delete.query_async(&mut redis).await?;
            // Only those that were there leave the list: a login that is under way has put itself there before its series. Asked
            // twice, what the first time deleted may stay on it, as does what was revoked by itself.
            let gone: Vec<String> =
                theirs.iter().zip(deleted).filter(|(_, was_there)| *was_there).map(|(id, _)| id.to_string()).collect();
            if !gone.is_empty() {
                redis.zrem::<_, _, ()>(list, gone).await?;
            }
            Ok(())
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
