use std::fmt;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use redis::aio::ConnectionManager;
use redis::{AsyncCommands, ExistenceCheck, Script, SetExpiry, SetOptions};
use time::OffsetDateTime;

use super::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore, generation_at};
use crate::clock::{Clock, SystemClock};
use crate::redis::{RedisConnection, RedisError, RedisStore, key_end, record_id};

/// A [`RevocationStore`] on a Redis server, for several processes.
///
/// [`RedisStore::revocation_store`](crate::RedisStore::revocation_store) creates it. Each call is
/// one round trip. Each record is one key, which Redis removes when it expires.
#[derive(Clone)]
pub struct RedisRevocationStore {
    connection: RedisConnection,
    clock: Arc<dyn Clock>,
    new_generation: Arc<Script>,
}

/// Starts a new generation of a subject, or returns `revoked` if the record of the subject revokes
/// the excepted login. The value of the key is the generation, a colon and the ID of the excepted
/// login.
///
/// Redis runs a script atomically, so two parallel revocations start two generations. The store may
/// send the script twice. The first run stores the exception, so the second run does not reject it.
const NEW_GENERATION: &str = r"
local now, until_time, excepted, own = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local last, except = string.match(redis.call('GET', KEYS[1]) or '0:', '^(%d+):(.*)$')
last = tonumber(last)
if excepted ~= '' and own < last and excepted ~= except then return 'revoked' end
local generation = string.format('%.0f', math.max(last + 1, now))
local ends = math.max(redis.call('EXPIRETIME', KEYS[1]), until_time)
redis.call('SET', KEYS[1], generation .. ':' .. excepted, 'EXAT', string.format('%.0f', ends))
return generation
";

impl RedisStore {
    /// Returns the revocation store on this server. It uses the connection of this handle.
    #[must_use]
    pub fn revocation_store(&self) -> RedisRevocationStore {
        RedisRevocationStore {
            connection: self.connection.clone(),
            clock: Arc::new(SystemClock),
            new_generation: Arc::new(Script::new(NEW_GENERATION)),
        }
    }
}

impl From<RedisError> for RevocationError {
    fn from(error: RedisError) -> Self {
        Self::Other(error.into())
    }
}

impl RedisRevocationStore {
    /// Sets the clock, for tests. Default: [`SystemClock`]. Only new generations use it. Redis
    /// expires the records by its own clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn token_key(&self, issuer: &str, id: &str) -> String {
        self.connection.key('t', &record_id(&["token", issuer, id]))
    }

    fn subject_key(&self, issuer: &str, subject: &str) -> String {
        self.connection.key('s', &record_id(&["subject", issuer, subject]))
    }
}

impl RevocationStore for RedisRevocationStore {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        let key = self.token_key(issuer, id);
        let end = key_end(until);
        let expiration = SetExpiry::EXAT(u64::try_from(end).unwrap_or_default());
        let options =
            SetOptions::default().conditional_set(ExistenceCheck::NX).with_expiration(expiration);
        // `NX` and `GT` never shorten a record, and a repeated call changes nothing.
        let mut steps = redis::pipe();
        steps.atomic().set_options(&key, 1, options).ignore();
        steps.cmd("EXPIREAT").arg(&key).arg(end).arg("GT").ignore();
        let set = async |mut redis: ConnectionManager| steps.query_async(&mut redis).await;
        Ok(self.connection.run_idempotent(set).await?)
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        let mut script = self.new_generation.key(self.subject_key(issuer, subject));
        let excepted = except.map(|except| exception(issuer, except.id)).unwrap_or_default();
        let own = except.map(|except| except.generation).unwrap_or_default();
        // A repeated call starts a second generation, which also revokes the earlier tokens.
        script.arg(generation_at(self.clock.now())).arg(key_end(until)).arg(excepted).arg(own);
        let invoke = async |mut redis: ConnectionManager| script.invoke_async(&mut redis).await;
        let reply: String = self.connection.run_idempotent(invoke).await?;
        match &*reply {
            "revoked" => Err(RevocationError::Revoked),
            generation => Ok(generation_of(&format!("{generation}:"))?.0),
        }
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        let key = self.subject_key(issuer, subject);
        let get = async |mut redis: ConnectionManager| redis.get(&key).await;
        let value: Option<String> = self.connection.run_idempotent(get).await?;
        value.map_or(Ok(0), |value| Ok(generation_of(&value)?.0))
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let ids = || [Some(query.token_id), query.session_id].into_iter().flatten();
        // One key per command, because a cluster may store the keys on different servers.
        let mut commands = redis::pipe();
        for id in ids() {
            commands.get(self.token_key(query.issuer, id));
        }
        if let Some((subject, _)) = query.subject {
            commands.get(self.subject_key(query.issuer, subject));
        }
        let get = async |mut redis: ConnectionManager| commands.query_async(&mut redis).await;
        let mut values: Vec<Option<String>> = self.connection.run_idempotent(get).await?;
        let of_subject =
            query.subject.and_then(|(_, generation)| Some((generation, values.pop()??)));
        if values.iter().any(Option::is_some) {
            return Ok(true);
        }
        let Some((generation, value)) = of_subject else { return Ok(false) };
        let (current, except) = generation_of(&value)?;
        let is_excepted =
            || !except.is_empty() && ids().any(|id| exception(query.issuer, id) == except);
        Ok(generation < current && !is_excepted())
    }
}

/// Encodes the ID of an excepted login for the value of a key.
fn exception(issuer: &str, id: &str) -> String {
    Base64UrlUnpadded::encode_string(&record_id(&["token", issuer, id]))
}

/// Parses a value that [`NEW_GENERATION`] stored. An invalid value is an error, so that the token
/// is not accepted.
fn generation_of(value: &str) -> Result<(u64, &str), RevocationError> {
    let parts = value
        .split_once(':')
        .and_then(|(generation, except)| Some((generation.parse().ok()?, except)));
    parts.ok_or_else(|| {
        RevocationError::Other("Redis: expected a generation in the record of a subject".into())
    })
}

impl fmt::Debug for RedisRevocationStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRevocationStore")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}
