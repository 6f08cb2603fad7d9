use std::fmt;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use time::OffsetDateTime;

use super::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore, generation_at};
use crate::clock::{Clock, SystemClock};
use crate::redis::{
    RedisConnection, RedisError, RedisFailure, RedisStore, Request, Script, key_end, record_id,
};

/// A [`RevocationStore`] on Redis, for several processes.
///
/// [`RedisStore::revocation_store`](crate::RedisStore::revocation_store) creates it. Each call is
/// one round trip. In a cluster, `is_revoked` is up to three at the same time. With `min_replicas`,
/// a write waits for replicas too. Each record is one key, which Redis removes when it expires.
#[derive(Clone)]
pub struct RedisRevocationStore {
    connection: RedisConnection,
    clock: Arc<dyn Clock>,
    scripts: Arc<Scripts>,
}

struct Scripts {
    revoke: Script,
    new_generation: Script,
}

/// Revokes a token. `NX` and `GT` never shorten a record, and a repeated call changes nothing.
const REVOKE: &str = r"
redis.call('SET', KEYS[1], 1, 'NX', 'EXAT', ARGV[1])
redis.call('EXPIREAT', KEYS[1], ARGV[1], 'GT')
";

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
    /// Returns the revocation store on Redis. It uses the connections of this handle.
    #[must_use]
    pub fn revocation_store(&self) -> RedisRevocationStore {
        RedisRevocationStore {
            connection: self.connection.clone(),
            clock: Arc::new(SystemClock),
            scripts: Arc::new(Scripts {
                revoke: Script::new(REVOKE.to_owned()),
                new_generation: Script::new(NEW_GENERATION.to_owned()),
            }),
        }
    }
}

impl From<RedisError> for RevocationError {
    fn from(error: RedisError) -> Self {
        match error.0 {
            RedisFailure::NotReplicated { replicas, expected } => {
                Self::NotReplicated { replicas, expected }
            }
            RedisFailure::Failed(_) => Self::Other(error.into()),
        }
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
        self.connection.key('t', &token_record(issuer, id))
    }

    /// Returns the keys of a query. A cluster may store them on different servers.
    pub(super) fn keys(&self, query: &RevocationQuery<'_>) -> Vec<String> {
        let mut keys: Vec<String> = ids(query).map(|id| self.token_key(query.issuer, id)).collect();
        if let Some((subject, _)) = query.subject {
            keys.push(self.subject_key(query.issuer, subject));
        }
        keys
    }

    fn subject_key(&self, issuer: &str, subject: &str) -> String {
        self.connection.key('s', &subject_record(issuer, subject))
    }
}

impl RevocationStore for RedisRevocationStore {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        let request = self.scripts.revoke.on(self.token_key(issuer, id)).arg(key_end(until).max(0));
        Ok(self.connection.write(&request).await?)
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        let excepted = except.map(|except| exception(issuer, except.id)).unwrap_or_default();
        let own = except.map(|except| except.generation).unwrap_or_default();
        // A repeated call starts a second generation, which also revokes the earlier tokens.
        let request = self.scripts.new_generation.on(self.subject_key(issuer, subject));
        let request = request.arg(generation_at(self.clock.now())).arg(key_end(until));
        let reply: String = self.connection.write(&request.arg(excepted).arg(own)).await?;
        match &*reply {
            "revoked" => Err(RevocationError::Revoked),
            generation => Ok(generation_of(&format!("{generation}:"))?.0),
        }
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        let request = Request::command("GET", self.subject_key(issuer, subject));
        let value: Option<String> = self.connection.read(&request).await?;
        value.map_or(Ok(0), |value| Ok(generation_of(&value)?.0))
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let requests: Vec<_> =
            self.keys(&query).into_iter().map(|key| Request::command("GET", key)).collect();
        is_revoked_by(&query, self.connection.read_all(&requests).await?)
    }
}

/// Returns whether the values of [`RedisRevocationStore::keys`] revoke the token.
pub(super) fn is_revoked_by(
    query: &RevocationQuery<'_>,
    mut values: Vec<Option<String>>,
) -> Result<bool, RevocationError> {
    let of_subject = query.subject.and_then(|(_, generation)| Some((generation, values.pop()??)));
    if values.iter().any(Option::is_some) {
        return Ok(true);
    }
    let Some((generation, value)) = of_subject else { return Ok(false) };
    let (current, except) = generation_of(&value)?;
    let is_excepted =
        || !except.is_empty() && ids(query).any(|id| exception(query.issuer, id) == except);
    Ok(generation < current && !is_excepted())
}

/// Returns the IDs of the token and of its login.
fn ids<'q>(query: &RevocationQuery<'q>) -> impl Iterator<Item = &'q str> + use<'q> {
    [Some(query.token_id), query.session_id].into_iter().flatten()
}

/// Returns the ID of the record of a token or a login.
pub(super) fn token_record(issuer: &str, id: &str) -> [u8; 16] {
    record_id(&["token", issuer, id])
}

/// Returns the ID of the record of a subject.
pub(super) fn subject_record(issuer: &str, subject: &str) -> [u8; 16] {
    record_id(&["subject", issuer, subject])
}

/// Encodes the ID of an excepted login for the value of a key.
fn exception(issuer: &str, id: &str) -> String {
    Base64UrlUnpadded::encode_string(&token_record(issuer, id))
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
