//! The memory of each record and the commands of each call, for capacity planning.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use actix_web::rt::Runtime;
use futures_util::future::join_all;
use paseto_actix::RedisStore;
use paseto_actix::revocation::{ExceptedLogin, RevocationQuery, RevocationStore};
use paseto_actix::time::OffsetDateTime;
use paseto_actix::token_family::{
    FamilyOwner, NewTokenFamily, RandomId, Rotation, RotationRequest, TokenFamilyStore,
};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::redis_cluster::{Node, RedisCluster};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The number of calls at the same time.
const PARALLEL: usize = 64;
/// The number of calls of each kind whose commands are counted.
const CALLS: usize = 1000;
/// The part of the memory of a server that does not grow with the records.
const OVERHEAD: [&str; 6] = [
    "mem_replication_backlog",
    "mem_total_replication_buffers",
    "mem_clients_slaves",
    "mem_clients_normal",
    "mem_cluster_links",
    "mem_aof_buffer",
];

#[derive(Clone, Copy)]
enum Record {
    RevokedToken,
    RevokedSubject { excepted: bool },
    FirstLogin { rotated: bool },
    FurtherLogin { rotated: bool },
}

const RECORDS: [(&str, Record); 7] = [
    ("revoked token, session or login", Record::RevokedToken),
    ("subject whose logins are revoked", Record::RevokedSubject { excepted: false }),
    ("subject whose logins are revoked, except one", Record::RevokedSubject { excepted: true }),
    ("first login of a user", Record::FirstLogin { rotated: false }),
    ("first login of a user, rotated", Record::FirstLogin { rotated: true }),
    ("one of 10 logins of a user", Record::FurtherLogin { rotated: false }),
    ("one of 10 logins of a user, rotated", Record::FurtherLogin { rotated: true }),
];

#[derive(Clone, Copy)]
enum Call {
    IsRevoked,
    Generation,
    Revoke,
    RevokeSubject,
    CreateFamily,
    Rotate,
    RevokeFamily,
    RevokeFamilies,
    ListFamilies,
}

const CALL_NAMES: [(&str, Call); 9] = [
    ("`is_revoked`: token, session, subject", Call::IsRevoked),
    ("`generation`", Call::Generation),
    ("`revoke`", Call::Revoke),
    ("`revoke_subject`", Call::RevokeSubject),
    ("`create` a family", Call::CreateFamily),
    ("`rotate`", Call::Rotate),
    ("`list`", Call::ListFamilies),
    ("`revoke` a family", Call::RevokeFamily),
    ("`revoke_all` families", Call::RevokeFamilies),
];

type Outcome = Result<(), Box<dyn Error>>;

/// Measures a cluster without load.
pub(crate) fn run(cluster: &RedisCluster, records: usize) -> Outcome {
    Runtime::new()?.block_on(async {
        // A busy machine must not cause timeouts.
        let store = |replicas| {
            let redis = RedisStore::cluster(cluster.urls()).min_replicas(replicas);
            redis.timeout(20 * SECOND).replication_timeout(10 * SECOND).build()
        };
        let (unconfirmed, confirmed) = (store(0)?, store(1)?);
        // The first commands load the scripts and fill the buffers of the replication.
        for record in
            [Record::RevokedSubject { excepted: true }, Record::FirstLogin { rotated: true }]
        {
            write_all(&unconfirmed, record, 0, 20_000).await?;
        }
        println!("| record | bytes of memory | bytes of the log | bytes to each replica |");
        println!("| --- | ---: | ---: | ---: |");
        for ((name, record), kind) in RECORDS.into_iter().zip(1..) {
            for primary in cluster.primaries() {
                cluster.command(&primary, &["FLUSHALL"]);
            }
            let before = Sizes::of(cluster);
            write_all(&unconfirmed, record, kind, records).await?;
            let growth = Sizes::of(cluster).since(&before, records);
            println!("| {name} | {} | {} | {} |", growth.memory, growth.log, growth.replication);
        }
        println!(
            "\n| call | commands | with `min_replicas(1)` | p50 in microseconds | with \
             `min_replicas(1)` |"
        );
        println!("| --- | --- | --- | ---: | ---: |");
        for (name, call) in CALL_NAMES {
            let (commands, time) = count(cluster, &unconfirmed, call).await?;
            let (confirmed_commands, confirmed_time) = count(cluster, &confirmed, call).await?;
            println!(
                "| {name} | {commands} | {confirmed_commands} | {} | {} |",
                time.as_micros(),
                confirmed_time.as_micros()
            );
        }
        Ok(())
    })
}

/// The sizes of all primaries.
struct Sizes {
    memory: i64,
    log: i64,
    replication: i64,
}

impl Sizes {
    fn of(cluster: &RedisCluster) -> Self {
        let mut sizes = Self { memory: 0, log: 0, replication: 0 };
        for primary in cluster.primaries() {
            let info = cluster.command(&primary, &["INFO", "everything"]);
            let value = |name: &str| number(&info, name).unwrap_or_default();
            sizes.memory += value("used_memory") - OVERHEAD.map(value).iter().sum::<i64>();
            sizes.log += value("aof_current_size");
            sizes.replication += value("master_repl_offset");
        }
        sizes
    }

    /// Returns the growth per record.
    fn since(&self, before: &Self, records: usize) -> Self {
        let per_record = |after, before| (after - before) / records as i64;
        Self {
            memory: per_record(self.memory, before.memory),
            log: per_record(self.log, before.log),
            replication: per_record(self.replication, before.replication),
        }
    }
}

fn number(info: &str, name: &str) -> Option<i64> {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok();
    info.lines().find_map(value)
}

/// Writes records of one kind. `kind` makes their users different from those of other kinds.
async fn write_all(redis: &RedisStore, record: Record, kind: usize, records: usize) -> Outcome {
    let from = |first: usize| async move {
        for number in (first..records).step_by(PARALLEL) {
            write(redis, record, kind, number).await?;
        }
        Ok(())
    };
    join_all((0..PARALLEL).map(from)).await.into_iter().collect()
}

async fn write(redis: &RedisStore, record: Record, kind: usize, number: usize) -> Outcome {
    let (revocations, until) = (redis.revocation_store(), OffsetDateTime::now_utc() + DAY);
    let user = |number: usize| format!("user-{kind}-{number}");
    match record {
        Record::RevokedToken => revocations.revoke(ISSUER, &id().to_string(), until).await?,
        Record::RevokedSubject { excepted } => {
            let login = id().to_string();
            let except = excepted.then(|| ExceptedLogin::new(&login, u64::MAX));
            revocations.revoke_subject(ISSUER, &user(number), except, until).await?;
        }
        Record::FirstLogin { rotated } => log_in(redis, &user(number), rotated).await?,
        Record::FurtherLogin { rotated } => log_in(redis, &user(number / 10), rotated).await?,
    }
    Ok(())
}

async fn log_in(redis: &RedisStore, user: &str, rotated: bool) -> Outcome {
    let (families, owner) = (redis.token_family_store(), FamilyOwner::new("refresh", user));
    let (family, first) = (id(), id());
    families.create(NewTokenFamily::new(owner, family, first, 30 * DAY)).await?;
    if rotated {
        let rotation = RotationRequest::new(owner, family, first, id(), 10 * SECOND);
        assert_eq!(families.rotate(rotation).await?, Rotation::Rotated);
    }
    Ok(())
}

/// Calls a method one call at a time. Returns the commands of one call, and the median of the time.
async fn count(
    cluster: &RedisCluster,
    redis: &RedisStore,
    call: Call,
) -> Result<(String, Duration), Box<dyn Error>> {
    let (mut times, mut families) = (Vec::new(), Vec::new());
    let is_on_family = matches!(
        call,
        Call::Rotate | Call::RevokeFamily | Call::RevokeFamilies | Call::ListFamilies
    );
    for _ in 0..2 * CALLS {
        let family = Family { user: id().to_string(), id: id(), first: id() };
        if is_on_family {
            redis.token_family_store().create(family.to_create()).await?;
        }
        families.push(family);
    }
    for (number, family) in families.iter().enumerate() {
        if number == CALLS {
            // The first calls have connected to all primaries and loaded the script.
            times.clear();
            for primary in cluster.primaries() {
                cluster.command(&primary, &["CONFIG", "RESETSTAT"]);
            }
        }
        let start = Instant::now();
        run_call(redis, call, family).await?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok((commands(&cluster.primaries(), cluster), times[times.len() / 2]))
}

struct Family {
    user: String,
    id: RandomId,
    first: RandomId,
}

impl Family {
    fn owner(&self) -> FamilyOwner<'_> {
        FamilyOwner::new("refresh", &self.user)
    }

    fn to_create(&self) -> NewTokenFamily<'_> {
        NewTokenFamily::new(self.owner(), self.id, self.first, 30 * DAY)
    }
}

async fn run_call(redis: &RedisStore, call: Call, family: &Family) -> Outcome {
    let (revocations, families) = (redis.revocation_store(), redis.token_family_store());
    let (until, owner) = (OffsetDateTime::now_utc() + DAY, family.owner());
    let (token, session) = (family.first.to_string(), family.id.to_string());
    match call {
        Call::IsRevoked => {
            let query = RevocationQuery::new(ISSUER, &token);
            let query = query.of_session(Some(&session)).of_subject(Some(&family.user), 0);
            assert!(!revocations.is_revoked(query).await?);
        }
        Call::Generation => assert_eq!(revocations.generation(ISSUER, &family.user).await?, 0),
        Call::Revoke => revocations.revoke(ISSUER, &token, until).await?,
        Call::RevokeSubject => {
            revocations.revoke_subject(ISSUER, &family.user, None, until).await?;
        }
        Call::CreateFamily => families.create(family.to_create()).await?,
        Call::Rotate => {
            let rotation = RotationRequest::new(owner, family.id, family.first, id(), 10 * SECOND);
            assert_eq!(families.rotate(rotation).await?, Rotation::Rotated);
        }
        Call::RevokeFamily => families.revoke(owner, family.id).await?,
        Call::RevokeFamilies => families.revoke_all(owner, None).await?,
        Call::ListFamilies => assert_eq!(families.list(owner).await?.len(), 1),
    }
    Ok(())
}

/// Returns the commands of one call, also those of scripts.
fn commands(primaries: &[Node], cluster: &RedisCluster) -> String {
    let mut counts = BTreeMap::<String, usize>::new();
    for primary in primaries {
        for line in cluster.command(primary, &["INFO", "commandstats"]).lines() {
            let parts = line.strip_prefix("cmdstat_").and_then(|line| line.split_once(":calls="));
            let Some((name, rest)) = parts else { continue };
            let calls = rest.split(',').next().and_then(|calls| calls.parse::<usize>().ok());
            *counts.entry(name.to_ascii_uppercase()).or_default() += calls.unwrap_or_default();
        }
    }
    // The acknowledgements of the replicas.
    counts.remove("REPLCONF");
    // Only commands of the calls occur as often as the calls.
    let per_call = counts.into_iter().map(|(name, calls)| (name, calls as f64 / CALLS as f64));
    let texts = per_call.filter(|(_, calls)| *calls >= 0.5).map(|(name, calls)| {
        if (calls - 1.0).abs() < 0.05 { name } else { format!("{calls:.1} {name}") }
    });
    texts.collect::<Vec<_>>().join(", ")
}

fn id() -> RandomId {
    RandomId::generate().expect("random bytes")
}
