use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::{
    FamilyOwner, LoginEntry, MAX_PER_USER, MAX_STEP_BACK, NewTokenFamily, RandomId, Rotation,
    RotationRequest, TokenFamilyError, TokenFamilyStore,
};
use crate::redis::{
    RedisConnection, RedisError, RedisFailure, RedisStore, Request, Script, record_id,
};

/// A [`TokenFamilyStore`] on Redis, for several processes.
///
/// [`RedisStore::token_family_store`](crate::RedisStore::token_family_store) creates it. Each call
/// is one round trip, and `create` is two. With `min_replicas`, a write waits for replicas too. If
/// Redis executes a rotation and its reply is lost, the presented token is accepted again within
/// the grace period.
///
/// The token families of a user are one hash. Redis removes the hash when the last family expires.
/// Redis checks the grace period and the expiry with its own clock, in microseconds.
#[derive(Clone)]
pub struct RedisTokenFamilyStore {
    connection: RedisConnection,
    max_per_user: usize,
    scripts: Arc<Scripts>,
}

struct Scripts {
    create: Script,
    rotate: Script,
    keep_one: Script,
    list: Script,
}

/// The start of all scripts. Each field of the hash is a token family in MessagePack.
///
/// After a reuse, the script stores a marker for one minute in place of the family. The marker has
/// no current token. Its `PREVIOUS` is the `next` of the request that detected the reuse.
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

/// Creates a token family. At the limit, it first removes the owner's oldest family. A marker of a
/// reuse counts as a family.
const CREATE: &str = r"
local id, first, lifetime, label, max = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
redis.call('HDEL', KEYS[1], id)
local all, gone = alive()
table.sort(all, function(a, b) return a[CREATED] < b[CREATED] end)
for i = 1, #all + 1 - max do gone[#gone + 1] = all[i].id end
local expires = now + lifetime
redis.call('HSET', KEYS[1], id, cmsgpack.pack({first, '', now, now, expires, label}))
-- After `HSET`: a slot that is being migrated does not accept a new key.
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
local ends = math.max(redis.call('PEXPIRETIME', KEYS[1]), math.ceil(expires / 1000))
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', ends))
";

/// Uses a token. Redis runs a script atomically, so one of two parallel uses of a token rotates.
///
/// The store may send a request twice, if the reply is lost. `next` is unique per request, so a
/// repeated request gets the same reply. After a reuse, other requests get `unknown`.
const ROTATE: &str = r"
local id, presented, next_one = ARGV[1], ARGV[2], ARGV[3]
local grace, max_step_back = tonumber(ARGV[4]), tonumber(ARGV[5])
local value = redis.call('HGET', KEYS[1], id)
local family = value and cmsgpack.unpack(value)
if not family or family[EXPIRES] <= now then return {'unknown', ''} end
if family[CURRENT] == '' then return {family[PREVIOUS] == next_one and 'reused' or 'unknown', ''} end
if family[CURRENT] == next_one and family[PREVIOUS] == presented then return {'rotated', ''} end
local outcome = {'rotated', ''}
if family[CURRENT] == presented then
    family[CURRENT], family[PREVIOUS], family[USED] = next_one, presented, now
elseif family[PREVIOUS] == presented
    and now >= family[USED] - max_step_back and now <= family[USED] + grace then
    return {'superseded', family[CURRENT]}
else
    outcome = {'reused', ''}
    family = {'', next_one, family[CREATED], now, now + 60000000, ''}
end
redis.call('HSET', KEYS[1], id, cmsgpack.pack(family))
return outcome
";

/// Removes all token families of an owner, except one.
const KEEP_ONE: &str = r"
local others = {}
for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
    if id ~= ARGV[1] then others[#others + 1] = id end
end
if #others > 0 then redis.call('HDEL', KEYS[1], unpack(others)) end
";

/// Returns the token families of an owner, without expired families and markers.
const LIST: &str = r"
local list = {}
for _, family in ipairs((alive())) do
    if family[CURRENT] ~= '' then
        list[#list + 1] = {family.id, family[CREATED], family[USED], family[EXPIRES], family[LABEL]}
    end
end
return list
";

impl RedisStore {
    /// Returns the token family store on Redis. It uses the connections of this handle.
    #[must_use]
    pub fn token_family_store(&self) -> RedisTokenFamilyStore {
        let script = |code: &str| Script::new(format!("{COMMON}{code}"));
        RedisTokenFamilyStore {
            connection: self.connection.clone(),
            max_per_user: self.max_per_user.unwrap_or(MAX_PER_USER),
            scripts: Arc::new(Scripts {
                create: script(CREATE),
                rotate: script(ROTATE),
                keep_one: Script::new(KEEP_ONE.to_owned()),
                list: script(LIST),
            }),
        }
    }
}

impl From<RedisError> for TokenFamilyError {
    fn from(error: RedisError) -> Self {
        match error.0 {
            RedisFailure::NotReplicated { replicas, expected } => {
                Self::NotReplicated { replicas, expected }
            }
            RedisFailure::Failed(_) => Self::Other(error.into()),
        }
    }
}

impl RedisTokenFamilyStore {
    fn key(&self, owner: FamilyOwner<'_>) -> String {
        self.connection.key('l', &record_id(&[owner.namespace, owner.user_id]))
    }
}

impl TokenFamilyStore for RedisTokenFamilyStore {
    async fn create(&self, new: NewTokenFamily<'_>) -> Result<(), TokenFamilyError> {
        let request = self.scripts.create.on(self.key(new.owner));
        let request = request.arg(new.family.as_bytes()).arg(new.first.as_bytes());
        let request = request.arg(micros(new.lifetime)).arg(new.label).arg(self.max_per_user);
        // Send `create` only once, because a repeated `create` could recreate a family that a
        // logout has revoked. If the reply is lost, the login fails, and the new family is unused.
        Ok(self.connection.write_once(&request).await?)
    }

    async fn rotate(&self, request: RotationRequest<'_>) -> Result<Rotation, TokenFamilyError> {
        let script = self.scripts.rotate.on(self.key(request.owner));
        let script = script.arg(request.family.as_bytes()).arg(request.presented.as_bytes());
        let script = script.arg(request.next.as_bytes()).arg(micros(request.grace_period));
        let script = script.arg(micros(MAX_STEP_BACK.unsigned_abs()));
        let (outcome, current): (String, Vec<u8>) = self.connection.write(&script).await?;
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
        let delete = Request::command("HDEL", self.key(owner)).arg(family.as_bytes());
        Ok(self.connection.write(&delete).await?)
    }

    async fn revoke_all(
        &self,
        owner: FamilyOwner<'_>,
        except: Option<RandomId>,
    ) -> Result<(), TokenFamilyError> {
        let key = self.key(owner);
        let request = match except {
            Some(except) => self.scripts.keep_one.on(key).arg(except.as_bytes()),
            None => Request::command("DEL", key),
        };
        Ok(self.connection.write(&request).await?)
    }

    async fn list(&self, owner: FamilyOwner<'_>) -> Result<Vec<LoginEntry>, TokenFamilyError> {
        type Row = (Vec<u8>, i64, i64, i64, String);
        let request = self.scripts.list.on(self.key(owner));
        let rows: Vec<Row> = self.connection.read(&request).await?;
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

/// Converts to microseconds. Redis scripts use floating-point numbers, which represent microseconds
/// since 1970 exactly until the year 2255.
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
