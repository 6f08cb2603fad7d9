use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use redis::{AsyncCommands, FromRedisValue, Script, ScriptInvocation, aio::ConnectionManager};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{
    LoginEntry, MAX_PER_USER, NewSeries, RandomId, Rotation, SeriesError, SeriesOwner, SeriesStore,
    TokenUse,
};
use crate::{
    ConfigError,
    redis::{RedisConnection, RedisSettings},
};

/// Series on a Redis server (7 or later, or Valkey), for several processes. Clones share one
/// connection.
///
/// Each call is one round trip, and a login two. If Redis does not answer within the timeout, the
/// request gets `503`. The connection comes back by itself. If it was lost, the store sends the
/// command once more within the timeout. If Redis executed a rotation and its answer was lost, the
/// presented token is accepted for the grace.
///
/// The series of a user are one hash, which expires with the last of them. Its key contains no name
/// of a user. Each command uses one key, so a cluster behind a proxy can hold the store, as for
/// [`RedisRevocations`](crate::RedisRevocations). The grace and the expiry are judged by the clock
/// of Redis, in microseconds.
///
/// **Redis must keep the data**: turn its log on (`appendonly yes`), and turn eviction off
/// (`maxmemory-policy noeviction`). A restart that loses the last rotations makes used tokens valid
/// again, and the tokens after them copies. A restart that loses a logout makes its login valid
/// again.
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
    max_per_user: usize,
    scripts: Arc<Scripts>,
}

struct Scripts {
    begin: Script,
    rotate: Script,
    keep_one: Script,
    list: Script,
}

/// Each field of the hash is a series, in MessagePack. A reused series leaves a marker for a minute,
/// without a current token: its `previous` is the `next` of the use that found the reuse.
const COMMON: &str = r"
local CURRENT, PREVIOUS, CREATED, USED, EXPIRES, LABEL = 1, 2, 3, 4, 5, 6
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function alive()
    local all, gone = {}, {}
    local fields = redis.call('HGETALL', KEYS[1])
    for i = 1, #fields, 2 do
        local series = cmsgpack.unpack(fields[i + 1])
        if series[EXPIRES] <= now then
            gone[#gone + 1] = fields[i]
        else
            series.id = fields[i]
            all[#all + 1] = series
        end
    end
    return all, gone
end
";

/// Removes the oldest series of an owner at the limit. A marker of a reuse counts as a series.
const BEGIN: &str = r"
local id, first, lifetime, label, max = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
redis.call('HDEL', KEYS[1], id)
local all, gone = alive()
table.sort(all, function(a, b) return a[CREATED] < b[CREATED] end)
for i = 1, #all + 1 - max do gone[#gone + 1] = all[i].id end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
local expires = now + lifetime
redis.call('HSET', KEYS[1], id, cmsgpack.pack({first, '', now, now, expires, label}))
local ends = math.max(redis.call('PEXPIRETIME', KEYS[1]), math.ceil(expires / 1000))
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', ends))
";

/// A script is one step, so of two parallel uses of one token, one rotates. The store may send a
/// use twice, because an answer can be lost: only one use knows its `next`, and gets the same answer
/// again. Other uses of a reused series find no series.
const ROTATE: &str = r"
local id, presented, next_one, grace = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local value = redis.call('HGET', KEYS[1], id)
local series = value and cmsgpack.unpack(value)
if not series or series[EXPIRES] <= now then return {'unknown', ''} end
if series[CURRENT] == '' then return {series[PREVIOUS] == next_one and 'reused' or 'unknown', ''} end
if series[CURRENT] == next_one and series[PREVIOUS] == presented then return {'rotated', ''} end
local outcome = {'rotated', ''}
if series[CURRENT] == presented then
    series[CURRENT], series[PREVIOUS], series[USED] = next_one, presented, now
elseif series[PREVIOUS] == presented and now <= series[USED] + grace then
    return {'superseded', series[CURRENT]}
else
    outcome = {'reused', ''}
    series = {'', next_one, series[CREATED], now, now + 60000000, ''}
end
redis.call('HSET', KEYS[1], id, cmsgpack.pack(series))
return outcome
";

/// Ends all series but one.
const KEEP_ONE: &str = r"
local others = {}
for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
    if id ~= ARGV[1] then others[#others + 1] = id end
end
if #others > 0 then redis.call('HDEL', KEYS[1], unpack(others)) end
";

const LIST: &str = r"
local list = {}
for _, series in ipairs((alive())) do
    if series[CURRENT] ~= '' then
        list[#list + 1] = {series.id, series[CREATED], series[USED], series[EXPIRES], series[LABEL]}
    end
end
return list
";

/// A script handles all series of an owner in one step, so their number is bounded.
const ALLOWED_PER_USER: RangeInclusive<usize> = 1..=1000;

impl RedisSeries {
    /// Starts a store on the server of this URL: `redis://` or, with the feature `redis-tls`,
    /// `rediss://`, as the `redis` crate reads it. TLS uses the certificates of the operating system
    /// (or of the file in the environment variable `SSL_CERT_FILE`), and the `CryptoProvider` of
    /// rustls that the process has installed. If there is none, the store installs that of `ring`.
    pub fn builder(url: impl Into<String>) -> RedisSeriesBuilder {
        RedisSeriesBuilder { settings: RedisSettings::new(url.into()), max_per_user: MAX_PER_USER }
    }

    /// Checks that the server answers and accepts writes, for the start of a program and for
    /// readiness probes. It writes a key that expires within a second. A replica and a server whose
    /// memory is full answer reads but reject writes: that is an error.
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
    /// [`SeriesError::Other`] with the reason, after the timeout at the latest. The text contains
    /// neither the URL nor its password.
    pub async fn ping(&self) -> Result<(), SeriesError> {
        self.connection.ping().await.map_err(SeriesError::Other)
    }

    fn key(&self, owner: SeriesOwner<'_>) -> String {
        let mut hash = Sha256::new();
        for name in [owner.scope, owner.user_id] {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        self.connection.key('l', &id)
    }

    async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, SeriesError> {
        let invoke = async |mut redis: ConnectionManager| script.invoke_async(&mut redis).await;
        self.connection.ask(invoke).await.map_err(SeriesError::Other)
    }
}

impl SeriesStore for RedisSeries {
    async fn begin(&self, new: NewSeries<'_>) -> Result<(), SeriesError> {
        let mut begin = self.scripts.begin.key(self.key(new.owner));
        begin.arg(new.series.as_bytes()).arg(new.first.as_bytes());
        begin.arg(micros(new.lifetime)).arg(new.label).arg(self.max_per_user);
        // Once: a second `begin` after a logout would bring back the series that the logout ended.
        // An unconfirmed series is useless, because no client gets its token. `PING` finds a lost
        // connection before.
        let ping = async |mut redis: ConnectionManager| redis.ping::<()>().await;
        let begin = async |mut redis: ConnectionManager| begin.invoke_async::<()>(&mut redis).await;
        self.connection.ask_and_then_once(ping, begin).await.map_err(SeriesError::Other)
    }

    async fn rotate(&self, token: TokenUse<'_>) -> Result<Rotation, SeriesError> {
        let mut script = self.scripts.rotate.key(self.key(token.owner));
        script.arg(token.series.as_bytes()).arg(token.presented.as_bytes());
        script.arg(token.next.as_bytes()).arg(micros(token.grace));
        let (outcome, current): (String, Vec<u8>) = self.run(&script).await?;
        Ok(match &*outcome {
            "rotated" => Rotation::Rotated,
            "reused" => Rotation::Reused,
            "superseded" => Rotation::Superseded { current: RandomId::from_bytes(&current)? },
            _ => Rotation::Unknown,
        })
    }

    async fn revoke(&self, owner: SeriesOwner<'_>, series: RandomId) -> Result<(), SeriesError> {
        let key = self.key(owner);
        let delete = async |mut redis: ConnectionManager| redis.hdel(&key, series.as_bytes()).await;
        self.connection.ask(delete).await.map_err(SeriesError::Other)
    }

    async fn revoke_all(
        &self,
        owner: SeriesOwner<'_>,
        except: Option<RandomId>,
    ) -> Result<(), SeriesError> {
        let key = self.key(owner);
        if let Some(except) = except {
            let mut script = self.scripts.keep_one.key(key);
            script.arg(except.as_bytes());
            return self.run(&script).await;
        }
        let delete = async |mut redis: ConnectionManager| redis.del(&key).await;
        self.connection.ask(delete).await.map_err(SeriesError::Other)
    }

    async fn list(&self, owner: SeriesOwner<'_>) -> Result<Vec<LoginEntry>, SeriesError> {
        type Row = (Vec<u8>, i64, i64, i64, String);
        let script = self.scripts.list.key(self.key(owner));
        let rows: Vec<Row> = self.run(&script).await?;
        let entry = |(id, created, used, expires, label): Row| {
            let entry = LoginEntry::new(
                RandomId::from_bytes(&id)?,
                time_of(created),
                time_of(expires),
                label,
            );
            Ok(entry.used_at(time_of(used)))
        };
        rows.into_iter().map(entry).collect()
    }
}

/// The scripts of Redis use floating-point numbers. They hold microseconds exactly until the year
/// 2255.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn time_of(micros: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH.saturating_add(time::Duration::microseconds(micros))
}

impl fmt::Debug for RedisSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSeries").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// Builds a [`RedisSeries`].
#[derive(Debug)]
#[must_use = "call `.build()` to get a RedisSeries"]
pub struct RedisSeriesBuilder {
    settings: RedisSettings,
    max_per_user: usize,
}

impl RedisSeriesBuilder {
    /// The prefix of all keys. Default: `paseto`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = prefix.into();
        self
    }

    /// The longest wait for an answer, with the time to connect: 1 millisecond to 60 seconds.
    /// Default: 250 milliseconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// The number of logins that one user can have: 1 to 1000. One more login ends the oldest login
    /// of the user. Default: 100.
    pub fn max_per_user(mut self, logins: usize) -> Self {
        self.max_per_user = logins;
        self
    }

    /// Builds the store. It connects with its first command.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the URL is not a URL of Redis, if the timeout is too short or too long, or
    /// if the number of logins of a user is not allowed.
    pub fn build(self) -> Result<RedisSeries, ConfigError> {
        if !ALLOWED_PER_USER.contains(&self.max_per_user) {
            let problem = format!("expected 1 to 1000 logins, found {}", self.max_per_user);
            return Err(ConfigError::setting("max_per_user", problem));
        }
        let script = |code: &str| Script::new(&format!("{COMMON}{code}"));
        let scripts = Scripts {
            begin: script(BEGIN),
            rotate: script(ROTATE),
            keep_one: Script::new(KEEP_ONE),
            list: script(LIST),
        };
        let connection = self.settings.connect()?;
        Ok(RedisSeries { connection, max_per_user: self.max_per_user, scripts: Arc::new(scripts) })
    }
}
