use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use redis::aio::ConnectionManager;
use redis::{AsyncCommands, ExistenceCheck, Script, SetExpiry, SetOptions};
use time::OffsetDateTime;

use super::store::{generation_at, subject_record, token_record};
use super::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};
use crate::clock::{Clock, SystemClock};
use crate::error::ConfigError;
use crate::redis::{RedisConnection, RedisSettings, key_end};

/// RevocationStore on a Redis server (7 or later, or Valkey), for several processes. Clones share one connection.
///
/// A request costs one round trip. What does not answer within the timeout counts as no answer, and the request is answered
/// `503`. The connection comes back by itself, and where it was lost, the question is asked once more within the timeout.
///
/// Each record is a key of its own with an end of its own: Redis forgets it by itself, and any cluster can hold it. The store
/// itself speaks to one server, though: in front of a cluster, its URL is that of a proxy, since a server of it that sends
/// elsewhere (`MOVED`) is one that does not answer. **Redis has to keep what it was told**: let it write its log (`appendonly
/// yes`), and evict nothing (`maxmemory-policy noeviction`). A revocation that a restart or an eviction loses is a token that
/// is good again.
///
/// ```no_run
/// use std::time::Duration;
///
/// use paseto_actix::{SecretKey, Verifier};
/// use paseto_actix::revocation::RedisRevocationStore;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let revocations =
///     RedisRevocationStore::builder("redis://127.0.0.1/").prefix("shop").timeout(Duration::from_millis(100)).build()?;
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .revocation_store(revocations)
///     .build()?;
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisRevocationStore {
    connection: RedisConnection,
    clock: Arc<dyn Clock>,
    new_generation: Arc<Script>,
}

/// A script is one step, so each of two parallel revocations begins a generation of its own. The
/// value is the generation, a colon, and the record of the login that it does not revoke. Returns
/// `ended` if the record revokes the login that should be spared. If the store sends the script twice,
/// that login is spared by the first.
const NEW_GENERATION: &str = r"
local now, until_time, spared, own = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local last, except = string.match(redis.call('GET', KEYS[1]) or '0:', '^(%d+):(.*)$')
last = tonumber(last)
if spared ~= '' and own < last and spared ~= except then return 'ended' end
local generation = string.format('%.0f', math.max(last + 1, now))
local ends = math.max(redis.call('EXPIRETIME', KEYS[1]), until_time)
redis.call('SET', KEYS[1], generation .. ':' .. spared, 'EXAT', string.format('%.0f', ends))
return generation
";

impl RedisRevocationStore {
    /// Starts a store on the server of this URL: `redis://` or, with the feature `redis-tls`, `rediss://`, as the `redis` crate
    /// reads it. TLS takes the system's certificates (or those of the file that the environment names in `SSL_CERT_FILE`), and the
    /// `CryptoProvider` of rustls that the process has installed by then; where there is none, it installs that of `ring`.
    pub fn builder(url: impl Into<String>) -> RedisRevocationStoreBuilder {
        RedisRevocationStoreBuilder {
            settings: RedisSettings::new(url.into()),
            clock: Arc::new(SystemClock),
        }
    }

    /// Asks whether the server answers and takes what it is told, for a program's start and for probes of readiness: it writes a
    /// key that ends within a second. A replica, or a server whose memory is full, answers requests still, and takes no logout:
    /// that is an error here.
    ///
    /// ```no_run
    /// use paseto_actix::revocation::RedisRevocationStore;
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let revocations = RedisRevocationStore::builder("redis://127.0.0.1/").build()?;
    /// revocations.ping().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RevocationError::Other`] with the reason, after the timeout at the latest. It shows neither the URL nor its password.
    pub async fn ping(&self) -> Result<(), RevocationError> {
        self.connection.ping().await.map_err(RevocationError::Other)
    }

    fn token_key(&self, issuer: &str, token_id: &str) -> String {
        self.connection.key('t', &token_record(issuer, token_id))
    }

    fn subject_key(&self, issuer: &str, subject: &str) -> String {
        self.connection.key('s', &subject_record(issuer, subject))
    }
}

impl RevocationStore for RedisRevocationStore {
    async fn revoke(
        &self,
        issuer: &str,
        token_id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        let key = self.token_key(issuer, token_id);
        let end = key_end(until);
        let expiration = SetExpiry::EXAT(u64::try_from(end).unwrap_or_default());
        let options =
            SetOptions::default().conditional_set(ExistenceCheck::NX).with_expiration(expiration);
        // A record never ends sooner than was said before: to say the same twice changes nothing.
        let mut steps = redis::pipe();
        steps.atomic().set_options(&key, 1, options).ignore();
        steps.cmd("EXPIREAT").arg(&key).arg(end).arg("GT").ignore();
        let set = async |mut redis: ConnectionManager| steps.query_async(&mut redis).await;
        self.connection.run_idempotent(set).await.map_err(RevocationError::Other)
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        let mut script = self.new_generation.key(self.subject_key(issuer, subject));
        let spared = except.map(|except| exception(issuer, except.id)).unwrap_or_default();
        let own = except.map(|except| except.generation).unwrap_or_default();
        // If the store sends it twice, it begins two generations, and the second one counts.
        script.arg(generation_at(self.clock.now())).arg(key_end(until)).arg(spared).arg(own);
        let invoke = async |mut redis: ConnectionManager| script.invoke_async(&mut redis).await;
        let answer: String =
            self.connection.run_idempotent(invoke).await.map_err(RevocationError::Other)?;
        match &*answer {
            "ended" => Err(RevocationError::Revoked),
            generation => Ok(generation_of(&format!("{generation}:"))?.0),
        }
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        let key = self.subject_key(issuer, subject);
        let get = async |mut redis: ConnectionManager| redis.get(&key).await;
        let value: Option<String> =
            self.connection.run_idempotent(get).await.map_err(RevocationError::Other)?;
        value.map_or(Ok(0), |value| Ok(generation_of(&value)?.0))
    }

    async fn is_revoked(&self, token: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let ids = || [Some(token.token_id), token.session_id].into_iter().flatten();
        // Commands of one key each: in a cluster, the keys may be on several servers.
        let mut commands = redis::pipe();
        for id in ids() {
            commands.get(self.token_key(token.issuer, id));
        }
        if let Some((subject, _)) = token.subject {
            commands.get(self.subject_key(token.issuer, subject));
        }
        let ask = async |mut redis: ConnectionManager| commands.query_async(&mut redis).await;
        let mut values: Vec<Option<String>> =
            self.connection.run_idempotent(ask).await.map_err(RevocationError::Other)?;
        let of_subject =
            token.subject.and_then(|(_, generation)| Some((generation, values.pop()??)));
        if values.iter().any(Option::is_some) {
            return Ok(true);
        }
        let Some((generation, value)) = of_subject else { return Ok(false) };
        let (least, except) = generation_of(&value)?;
        let is_excepted =
            || !except.is_empty() && ids().any(|id| exception(token.issuer, id) == except);
        Ok(generation < least && !is_excepted())
    }
}

/// The login that a new generation does not revoke, as the value of a key.
fn exception(issuer: &str, id: &str) -> String {
    Base64UrlUnpadded::encode_string(&token_record(issuer, id))
}

/// A value of [`NEW_GENERATION`]. Another value is an error, and not a token that is accepted.
fn generation_of(value: &str) -> Result<(u64, &str), RevocationError> {
    let parts = value
        .split_once(':')
        .and_then(|(generation, except)| Some((generation.parse().ok()?, except)));
    parts.ok_or_else(|| {
        RevocationError::Other("Redis: the value of a subject is not a generation".into())
    })
}

impl fmt::Debug for RedisRevocationStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRevocationStore")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// A [`RedisRevocationStore`] in the making.
#[must_use = "a RedisRevocationStore is made by `.build()`"]
pub struct RedisRevocationStoreBuilder {
    settings: RedisSettings,
    clock: Arc<dyn Clock>,
}

impl RedisRevocationStoreBuilder {
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

    /// Where the time of new generations comes from. Default: [`SystemClock`]. (When records end, Redis's own clock says.)
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the store. It connects when it is first asked.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the URL is none of Redis's, or the timeout too short or too long.
    pub fn build(self) -> Result<RedisRevocationStore, ConfigError> {
        Ok(RedisRevocationStore {
            connection: self.settings.connect()?,
            clock: self.clock,
            new_generation: Arc::new(Script::new(NEW_GENERATION)),
        })
    }
}

impl fmt::Debug for RedisRevocationStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRevocationStoreBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
