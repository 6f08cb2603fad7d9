//! The memory of one record in each store, for `docs/state.md`.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use actix_web::rt::System;
use actix_web::rt::time::sleep;
use paseto_actix::RedisStore;
use paseto_actix::revocation::{ExceptedLogin, MemoryRevocationStore, RevocationStore};
use paseto_actix::token_family::{
    FamilyOwner, MemoryTokenFamilyStore, NewTokenFamily, RandomId, RotationRequest,
    TokenFamilyStore,
};
use paseto_actix::{Issuer, LocalKey, RefreshTokens, SecretKey};
use serde_json::json;
use time::OffsetDateTime;

use crate::machine;
use crate::memory::resident;
use crate::process::ChildProcess;
use crate::redis::Redis;
use crate::table::thousands;

/// The number of records in Redis, and in the memory of a process.
const ON_REDIS: usize = 10_000;
const IN_MEMORY: usize = 100_000;
/// The number of further records of a user who has a record already.
const FURTHER: usize = 10;
/// The longest label of a login.
const LABEL: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                     xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
const SHORT_LABEL: &str = "Firefox on Linux";
const ISSUER: &str = "https://issuer.example";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Copy)]
enum Record {
    Revoked,
    Subject { excepted: bool },
    Login { label: &'static str, rotated: bool },
    Family { refreshed: bool },
}

struct Case {
    name: &'static str,
    record: Record,
    /// Whether the user has a record of this kind already.
    is_further: bool,
}

const fn case(name: &'static str, record: Record) -> Case {
    Case { name, record, is_further: false }
}

const fn further(name: &'static str, label: &'static str, rotated: bool) -> Case {
    Case { name, record: Record::Login { label, rotated }, is_further: true }
}

const CASES: [Case; 15] = [
    case("revoked token, session or login", Record::Revoked),
    case("subject whose logins are revoked", Record::Subject { excepted: false }),
    case("subject whose logins are revoked, except one", Record::Subject { excepted: true }),
    case("first remembered login of a user", Record::Login { label: "", rotated: false }),
    case("first remembered login of a user, rotated", Record::Login { label: "", rotated: true }),
    case(
        "first remembered login of a user, label of 16 bytes, rotated",
        Record::Login { label: SHORT_LABEL, rotated: true },
    ),
    case(
        "first remembered login of a user, label of 128 bytes",
        Record::Login { label: LABEL, rotated: false },
    ),
    case(
        "first remembered login of a user, label of 128 bytes, rotated",
        Record::Login { label: LABEL, rotated: true },
    ),
    further("further remembered login", "", false),
    further("further remembered login, rotated", "", true),
    further("further remembered login, label of 16 bytes, rotated", SHORT_LABEL, true),
    further("further remembered login, label of 128 bytes", LABEL, false),
    further("further remembered login, label of 128 bytes, rotated", LABEL, true),
    case("first family of refresh tokens of a subject", Record::Family { refreshed: false }),
    case(
        "first family of refresh tokens of a subject, refreshed",
        Record::Family { refreshed: true },
    ),
];

struct Stores<R, S> {
    revocations: R,
    family: S,
    tokens: RefreshTokens,
}

impl<R: RevocationStore + Clone, S: TokenFamilyStore + Clone> Stores<R, S> {
    fn new(revocations: R, family: S) -> Self {
        let issuer = Issuer::builder(ISSUER).key(SecretKey::generate()).build().expect("an issuer");
        let tokens = RefreshTokens::builder(issuer, LocalKey::generate());
        let tokens = tokens
            .token_family_store(family.clone())
            .revocation_store(revocations.clone())
            .build()
            .expect("tokens");
        Self { revocations, family, tokens }
    }

    async fn write(&self, record: Record, user: usize) {
        let user = format!("user-{user}");
        let until = OffsetDateTime::now_utc() + DAY;
        let id = || RandomId::generate().expect("random bytes");
        match record {
            Record::Revoked => {
                self.revocations.revoke(ISSUER, &id().to_string(), until).await.expect("a record")
            }
            Record::Subject { excepted } => {
                let login = id().to_string();
                let except = excepted.then(|| ExceptedLogin::new(&login, u64::MAX));
                self.revocations
                    .revoke_subject(ISSUER, &user, except, until)
                    .await
                    .expect("a record");
            }
            Record::Login { label, rotated } => {
                let (owner, family, first) = (FamilyOwner::new("remember", &user), id(), id());
                let new = NewTokenFamily::new(owner, family, first, 30 * DAY).label(label);
                self.family.create(new).await.expect("a family");
                if rotated {
                    let token = RotationRequest::new(owner, family, first, id(), DAY);
                    self.family.rotate(token).await.expect("a rotation");
                }
            }
            Record::Family { refreshed } => {
                let pair = self
                    .tokens
                    .login(user)
                    .await
                    .expect("a login")
                    .issue(&json!({}))
                    .expect("tokens");
                if refreshed {
                    let _ = self.tokens.refresh(&pair.refresh_token).await.expect("a login");
                }
            }
        }
    }

    /// Writes the first record of each user, if the case measures further records.
    async fn prepare(&self, case: &Case, records: usize) {
        if case.is_further {
            for user in 0..records / FURTHER {
                self.write(case.record, user).await;
            }
        }
    }

    async fn fill(&self, case: &Case, records: usize) {
        for number in 0..records {
            self.write(case.record, if case.is_further { number / FURTHER } else { number }).await;
        }
    }
}

/// Measures all cases and returns the table as Markdown. Without Redis, its columns are empty.
pub(crate) fn measure() -> String {
    let redis = Redis::start();
    let mut rows = String::new();
    for (index, case) in CASES.iter().enumerate() {
        let in_memory = ChildProcess::start(&[], &["fill-store", &index.to_string()], &()).line();
        let [key, growth] = match &redis {
            Some(redis) => System::new().block_on(on_redis(redis, case)).map(thousands),
            None => [const { String::new() }; 2],
        };
        let row = format!("| {} | {key} | {growth} | {in_memory} |", case.name);
        println!("{row}");
        writeln!(rows, "{row}").expect("writing to a String cannot fail");
    }
    let version = redis
        .as_ref()
        .map_or_else(|| "no Redis".to_owned(), |redis| format!("Redis {}", redis.version()));
    format!(
        "# Memory of the state

The bytes that one record takes, measured by
`cargo bench -p paseto-actix-benches -- --state docs/state.md`.
{} {version}.

| record | Redis: `MEMORY USAGE` of the key | Redis: growth of `used_memory` | in the memory of a process |
| --- | --- | --- | --- |
{rows}
- `MEMORY USAGE` is the size of a key with its name. For a further login, it is the growth of the
  hash of a user by {FURTHER} more logins than one, divided by {FURTHER}.
- The growth of `used_memory` is that of {} records, divided by their number. It includes the hash
  tables of Redis, and excludes the buffers of the log and of clients.
- The memory of a process is the growth of its resident memory by {} records in
  `MemoryRevocationStore` or `MemoryTokenFamilyStore`, divided by their number.
- A family of refresh tokens is stored like a remembered login without a label. The families of a
  subject and the remembered logins of a user are two hashes.
- Redis stores the logins of a user in a compact list until a value is longer than
  `hash-max-listpack-value` (64 bytes), and in a hash table from then on. A label and the first
  rotation lengthen the value.
- A rotation changes nothing in the memory of a process.
",
        machine::description(),
        thousands(ON_REDIS as f64),
        thousands(IN_MEMORY as f64)
    )
}

/// Returns the size of a key and the growth of the server's memory, per record.
async fn on_redis(redis: &Redis, case: &Case) -> [f64; 2] {
    let timeout = Duration::from_secs(20);
    let revocations = RedisStore::builder(redis.url())
        .timeout(timeout)
        .build()
        .expect("a store")
        .revocation_store();
    let family = RedisStore::builder(redis.url())
        .timeout(timeout)
        .build()
        .expect("a store")
        .token_family_store();
    let stores = Stores::new(revocations, family);
    let records = if case.is_further { FURTHER } else { 1 };
    stores.prepare(case, records).await;
    let before = redis.key_memory();
    stores.fill(case, records).await;
    let key = (redis.key_memory() - before) / records as f64;
    redis.command(&["FLUSHALL"]);

    stores.prepare(case, ON_REDIS).await;
    let before = settled(redis).await;
    stores.fill(case, ON_REDIS).await;
    let growth = (settled(redis).await - before) / ON_REDIS as f64;
    redis.command(&["FLUSHALL"]);
    [key, growth]
}

/// Returns the memory of the server after it has moved its entries to a larger hash table.
async fn settled(redis: &Redis) -> f64 {
    let (start, mut last) = (Instant::now(), 0.0);
    loop {
        sleep(Duration::from_millis(300)).await;
        let used = redis.used_memory();
        if used == last || start.elapsed() > Duration::from_secs(5) {
            return used;
        }
        last = used;
    }
}

/// Runs in the child process. Prints the growth of its memory per record.
pub(crate) fn fill(case: usize) {
    let (case, capacity) = (&CASES[case], 2 * IN_MEMORY);
    let stores =
        Stores::new(MemoryRevocationStore::new(capacity), MemoryTokenFamilyStore::new(capacity));
    let growth = System::new().block_on(async {
        stores.prepare(case, IN_MEMORY).await;
        let before = resident();
        stores.fill(case, IN_MEMORY).await;
        before.zip(resident()).map(|(before, after)| (after - before) / IN_MEMORY as f64)
    });
    println!("{}", growth.map(thousands).unwrap_or_default());
}
