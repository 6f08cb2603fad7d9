use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::ConnectionManager;
use redis::{AsyncCommands, FromRedisValue, Script, ScriptInvocation};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{
    FamilyOwner, LoginEntry, MAX_PER_USER, NewTokenFamily, RandomId, Rotation, RotationRequest,
    TokenFamilyError, TokenFamilyStore,
};
use crate::error::ConfigError;
use crate::redis::{RedisConnection, RedisSettings};

/// Token families on a Redis server (7 or later, or Valkey), for several processes. Clones share one
/// connection.
///
/// Each call is one round trip, and a login two. If Redis does not answer within the timeout, the
/// request gets `503`. The connection comes back by itself. If it was lost, the store sends the
/// command once more within the timeout. If Redis executed a rotation and its answer was lost, the
/// presented token is accepted for the grace.
///
/// The token family of a user are one hash, which expires with the last of them. Its key contains no name
/// of a user. Each command uses one key, so a cluster behind a proxy can hold the store, as for
/// [`RedisRevocationStore`](crate::revocation::RedisRevocationStore). The grace and the expiry are judged by the clock
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
/// use paseto_actix::token_family::RedisTokenFamilyStore;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let token family = RedisTokenFamilyStore::builder("redis://127.0.0.1/").prefix("shop").timeout(Duration::from_millis(100)).build()?;
/// # let _ = token family;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisTokenFamilyStore {
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

/// Each field of the hash is a token family, in MessagePack. A reused token family leaves a marker for a minute,
/// without a current token: its `previous` is the `next` of the use that found the reuse.
const COMMON: &str = r"
local CURRENT, PREVIOUS, CREATED, USED, EXPIRES, LABEL = 1, 2, 3, 4, 5, 6
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function alive()
    local all, gone = {}, {}
    local fields = redis.call('HGETALL', KEYS[1])
    for i = 1, #fields, 2 do
        local family = cmsgpack.unpack(fields[i + 1])
        if family[EXPIRES] <= now then
            gone[#gone + 1] = fields[i]
        else
            family.id = fields[i]
            all[#all + 1] = family
        end
    end
    return all, gone
end
";

/// Removes the oldest token family of an owner at the limit. A marker of a reuse counts as a token family.
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
/// again. Other uses of a reused token family find no token family.
const ROTATE: &str = r"
local id, presented, next_one, grace = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local value = redis.call('HGET', KEYS[1], id)
local family = value and cmsgpack.unpack(value)
if not family or family[EXPIRES] <= now then return {'unknown', ''} end
if family[CURRENT] == '' then return {family[PREVIOUS] == next_one and 'reused' or 'unknown', ''} end
if family[CURRENT] == next_one and family[PREVIOUS] == presented then return {'rotated', ''} end
local outcome = {'rotated', ''}
if family[CURRENT] == presented then
    family[CURRENT], family[PREVIOUS], family[USED] = next_one, presented, now
elseif family[PREVIOUS] == presented and now <= family[USED] + grace then
    return {'superseded', family[CURRENT]}
else
    outcome = {'reused', ''}
    family = {'', next_one, family[CREATED], now, now + 60000000, ''}
end
redis.call('HSET', KEYS[1], id, cmsgpack.pack(family))
return outcome
";

/// Ends all token family but one.
const KEEP_ONE: &str = r"
local others = {}
for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
    if id ~= ARGV[1] then others[#others + 1] = id end
end
if #others > 0 then redis.call('HDEL', KEYS[1], unpack(others)) end
";

const LIST: &str = r"
local list = {}
for _, family in ipairs((alive())) do
    if family[CURRENT] ~= '' then
        list[#list + 1] = {family.id, family[CREATED], family[USED], family[EXPIRES], family[LABEL]}
    end
end
return list
";

/// A script handles all token family of an owner in one step, so their number is bounded.
const ALLOWED_PER_USER: RangeInclusive<usize> = 1..=1000;

impl RedisTokenFamilyStore {
    /// Starts a store on the server of this URL: `redis://` or, with the feature `redis-tls`,
    /// `rediss://`, as the `redis` crate reads it. TLS uses the certificates of the operating system
    /// (or of the file in the environment variable `SSL_CERT_FILE`), and the `CryptoProvider` of
    /// rustls that the process has installed. If there is none, the store installs that of `ring`.
    pub fn builder(url: impl Into<String>) -> RedisTokenFamilyStoreBuilder {
        RedisTokenFamilyStoreBuilder {
            settings: RedisSettings::new(url.into()),
            max_per_user: MAX_PER_USER,
        }
    }

    /// Checks that the server answers and accepts writes, for the start of a program and for
    /// readiness probes. It writes a key that expires within a second. A replica and a server whose
    /// memory is full answer reads but reject writes: that is an error.
    ///
    /// ```no_run
    /// use paseto_actix::token_family::RedisTokenFamilyStore;
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let token family = RedisTokenFamilyStore::builder("redis://127.0.0.1/").build()?;
    /// token family.ping().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`TokenFamilyError::Other`] with the reason, after the timeout at the latest. The text contains
    /// neither the URL nor its password.
    pub async fn ping(&self) -> Result<(), TokenFamilyError> {
        self.connection.ping().await.map_err(TokenFamilyError::Other)
    }

    fn key(&self, owner: FamilyOwner<'_>) -> String {
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
    ) -> Result<T, TokenFamilyError> {
        let invoke = async |mut redis: ConnectionManager| script.invoke_async(&mut redis).await;
        self.connection.run_idempotent(invoke).await.map_err(TokenFamilyError::Other)
    }
}

impl TokenFamilyStore for RedisTokenFamilyStore {
    async fn begin(&self, new: NewTokenFamily<'_>) -> Result<(), TokenFamilyError> {
        let mut begin = self.scripts.begin.key(self.key(new.owner));
        begin.arg(new.family.as_bytes()).arg(new.first.as_bytes());
        begin.arg(micros(new.lifetime)).arg(new.label).arg(self.max_per_user);
        // Once: a second `begin` after a logout would bring back the token family that the logout ended.
        // An unconfirmed token family is useless, because no client gets its token. `PING` finds a lost
        // connection before.
        let ping = async |mut redis: ConnectionManager| redis.ping::<()>().await;
        let begin = async |mut redis: ConnectionManager| begin.invoke_async::<()>(&mut redis).await;
        self.connection.run_idempotent_then(ping, begin).await.map_err(TokenFamilyError::Other)
    }

    async fn rotate(&self, token: RotationRequest<'_>) -> Result<Rotation, TokenFamilyError> {
        let mut script = self.scripts.rotate.key(self.key(token.owner));
        script.arg(token.family.as_bytes()).arg(token.presented.as_bytes());
        script.arg(token.next.as_bytes()).arg(micros(token.grace_period));
        let (outcome, current): (String, Vec<u8>) = self.run(&script).await?;
        Ok(match &*outcome {
            "rotated" => Rotation::Rotated,
            "reused" => Rotation::Reused,
            "superseded" => Rotation::Superseded { current: RandomId::from_bytes(&current)? },
            _ => Rotation::Unknown,
        })
    }

    async fn revoke(
        &self,
        owner: FamilyOwner<'_>,
        family: RandomId,
    ) -> Result<(), TokenFamilyError> {
        let key = self.key(owner);
        let delete = async |mut redis: ConnectionManager| redis.hdel(&key, family.as_bytes()).await;
        self.connection.run_idempotent(delete).await.map_err(TokenFamilyError::Other)
    }

    async fn revoke_all(
        &self,
        owner: FamilyOwner<'_>,
        except: Option<RandomId>,
    ) -> Result<(), TokenFamilyError> {
        let key = self.key(owner);
        if let Some(except) = except {
            let mut script = self.scripts.keep_one.key(key);
            script.arg(except.as_bytes());
            return self.run(&script).await;
        }
        let delete = async |mut redis: ConnectionManager| redis.del(&key).await;
        self.connection.run_idempotent(delete).await.map_err(TokenFamilyError::Other)
    }

    async fn list(&self, owner: FamilyOwner<'_>) -> Result<Vec<LoginEntry>, TokenFamilyError> {
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

impl fmt::Debug for RedisTokenFamilyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTokenFamilyStore")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// Builds a [`RedisTokenFamilyStore`].
#[derive(Debug)]
#[must_use = "call `.build()` to get a RedisTokenFamilyStore"]
pub struct RedisTokenFamilyStoreBuilder {
    settings: RedisSettings,
    max_per_user: usize,
}

impl RedisTokenFamilyStoreBuilder {
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
    pub fn build(self) -> Result<RedisTokenFamilyStore, ConfigError> {
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
        Ok(RedisTokenFamilyStore {
            connection,
            max_per_user: self.max_per_user,
            scripts: Arc::new(scripts),
        })
    }
}
