//! State files: what survives, what is removed, and what the file contains.

use std::time::Duration as StdDuration;

use futures_util::future::join_all;
use paseto_actix::clock::Clock;
use paseto_actix::revocation::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};
use paseto_actix::token_family::{
    FamilyOwner, NewTokenFamily, RandomId, Rotation, RotationRequest, TokenFamilyError,
    TokenFamilyStore,
};
use paseto_actix::{SqliteStore, clock};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::state_file::StateFile;
use time::{Duration, OffsetDateTime};

const HOUR: StdDuration = StdDuration::from_secs(60 * 60);

fn owner(user: &str) -> FamilyOwner<'_> {
    FamilyOwner::new("shop", user)
}

fn ids<const N: usize>() -> [RandomId; N] {
    [(); N].map(|()| RandomId::generate().unwrap())
}

async fn is_revoked(store: &SqliteStore, id: &str) -> bool {
    store.revocation_store().is_revoked(RevocationQuery::new(ISSUER, id)).await.unwrap()
}

async fn rotate(store: &SqliteStore, family: RandomId, one: RandomId, next: RandomId) -> Rotation {
    let request = RotationRequest::new(owner("ada"), family, one, next, StdDuration::ZERO);
    store.token_family_store().rotate(request).await.unwrap()
}

#[actix_web::test]
async fn state_survives_reopening() {
    let (file, clock) = (StateFile::new(), TestClock::new());
    let until = clock.now() + HOUR;
    let [family, first, second, third] = ids();
    let generation = {
        let store = file.open(clock.clone());
        let revocations = store.revocation_store();
        revocations.revoke(ISSUER, "id", until).await.unwrap();
        let new = NewTokenFamily::new(owner("ada"), family, first, HOUR).label("Firefox");
        store.token_family_store().create(new).await.unwrap();
        assert_eq!(rotate(&store, family, first, second).await, Rotation::Rotated);
        let except = ExceptedLogin::new("kept", 0);
        revocations.revoke_subject(ISSUER, "ada", Some(except), until).await.unwrap()
    };
    let store = file.open(clock.clone());
    let revocations = store.revocation_store();
    assert_eq!(revocations.generation(ISSUER, "ada").await.unwrap(), generation);
    assert!(is_revoked(&store, "id").await && !is_revoked(&store, "other").await);
    for (id, is_expected) in [("kept", false), ("other", true)] {
        let query = RevocationQuery::new(ISSUER, id).of_subject(Some("ada"), 0);
        assert_eq!(revocations.is_revoked(query).await.unwrap(), is_expected, "{id}");
    }
    let list = store.token_family_store().list(owner("ada")).await.unwrap();
    assert_eq!((list.len(), list[0].id, list[0].label.as_str()), (1, family, "Firefox"));
    assert_eq!(rotate(&store, family, second, third).await, Rotation::Rotated);
    assert_eq!(rotate(&store, family, first, first).await, Rotation::Reused);
    clock.advance(Duration::HOUR + Duration::SECOND);
    drop((store, revocations));
    assert!(!is_revoked(&file.open(clock), "id").await, "an expired record revokes nothing");
}

/// A handle opens the file separately, so two handles are like two processes.
#[actix_web::test]
async fn handle_reads_the_writes_of_another_handle_immediately() {
    let (file, clock) = (StateFile::new(), TestClock::new());
    let [one, other] = [(); 2].map(|()| file.open(clock.clone()));
    let until = clock.now() + HOUR;
    let mut generation = 0;
    for number in 0..50 {
        let (writer, reader) = if number % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let id = format!("id-{number}");
        assert!(!is_revoked(reader, &id).await);
        writer.revocation_store().revoke(ISSUER, &id, until).await.unwrap();
        assert!(is_revoked(reader, &id).await && is_revoked(writer, &id).await, "{id}");
        let next = writer.revocation_store();
        let next = next.revoke_subject(ISSUER, "ada", None, until).await.unwrap();
        assert!(next > generation);
        generation = next;
        for store in [reader, writer] {
            let read = store.revocation_store().generation(ISSUER, "ada").await.unwrap();
            assert_eq!(read, generation);
        }
        let [family, first, second] = ids();
        let new = NewTokenFamily::new(owner("ada"), family, first, HOUR);
        writer.token_family_store().create(new).await.unwrap();
        assert_eq!(rotate(reader, family, first, second).await, Rotation::Rotated);
        assert_eq!(
            rotate(writer, family, first, first).await,
            Rotation::Superseded { current: second }
        );
    }
    assert_eq!(file.rows("revocations"), 51);
}

/// The threads of the handles wait for the lock of each other.
#[actix_web::test]
async fn parallel_writes_of_two_handles_all_succeed() {
    let (file, clock) = (StateFile::new(), TestClock::new());
    let handles = [(); 2].map(|()| file.open(clock.clone()));
    let until = clock.now() + HOUR;
    let revoke = |number: usize| {
        let store = handles[number % 2].revocation_store();
        async move { store.revoke(ISSUER, &format!("id-{number}"), until).await.unwrap() }
    };
    join_all((0..500).map(revoke)).await;
    for number in 0..500 {
        assert!(is_revoked(&handles[(number + 1) % 2], &format!("id-{number}")).await);
    }
}

/// A dropped handle must not release the locks of the others.
#[actix_web::test]
async fn handle_works_after_another_handle_was_dropped() {
    let (file, clock) = (StateFile::new(), TestClock::new());
    let kept = file.open(clock.clone());
    let until = clock.now() + HOUR;
    for number in 0..20 {
        let id = format!("id-{number}");
        file.open(clock.clone()).revocation_store().revoke(ISSUER, &id, until).await.unwrap();
        assert!(is_revoked(&kept, &id).await);
        kept.check().await.unwrap();
    }
    assert_eq!(file.rows("revocations"), 20);
}

#[actix_web::test]
async fn expired_rows_are_removed_by_later_writes() {
    let (file, clock) = (StateFile::new(), TestClock::new());
    let store = file.open(clock.clone());
    let until = clock.now() + HOUR;
    for number in 0..10 {
        store.revocation_store().revoke(ISSUER, &number.to_string(), until).await.unwrap();
        let [family, first] = ids();
        let new = NewTokenFamily::new(owner("ada"), family, first, HOUR);
        store.token_family_store().create(new).await.unwrap();
    }
    clock.advance(Duration::HOUR);
    store.check().await.unwrap();
    assert_eq!((file.rows("revocations"), file.rows("token_families")), (10, 0), "at the expiry");
    clock.advance(Duration::microseconds(1));
    store.check().await.unwrap();
    assert_eq!(file.rows("revocations"), 0);
}

#[actix_web::test]
async fn full_store_returns_an_error_until_a_record_expires() {
    let (file, clock) = (StateFile::new(), TestClock::new());
    let store = SqliteStore::builder(file.path()).capacity(2).clock(clock.clone()).build().unwrap();
    let revocations = store.revocation_store();
    let until = clock.now() + HOUR;
    for id in ["1", "2", "1"] {
        revocations.revoke(ISSUER, id, until).await.unwrap();
    }
    let error = revocations.revoke(ISSUER, "3", until).await.unwrap_err();
    assert!(matches!(error, RevocationError::Full { capacity: 2 }), "{error}");
    let error = revocations.revoke_subject(ISSUER, "ada", None, until).await.unwrap_err();
    assert!(matches!(error, RevocationError::Full { capacity: 2 }), "{error}");
    revocations.revoke(ISSUER, "2", until + HOUR).await.unwrap();

    let families = store.token_family_store();
    let create = async |user| {
        let [family, first] = ids();
        families.create(NewTokenFamily::new(owner(user), family, first, HOUR)).await
    };
    for user in ["1", "2"] {
        create(user).await.unwrap();
    }
    let error = create("3").await.unwrap_err();
    assert!(matches!(error, TokenFamilyError::Full { capacity: 2 }), "{error}");

    clock.advance(Duration::HOUR + Duration::SECOND);
    revocations.revoke(ISSUER, "3", until + HOUR).await.unwrap();
    create("3").await.unwrap();
    assert!(is_revoked(&store, "2").await && !is_revoked(&store, "1").await);
}

/// The thread waits for a lock, so the calls stay in the queue.
#[actix_web::test]
async fn call_fails_if_the_queue_is_full() {
    let file = StateFile::new();
    let store = SqliteStore::builder(file.path()).timeout(StdDuration::from_secs(1));
    let store = store.build().unwrap();
    let other = file.database();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let errors: Vec<_> = join_all((0..3000).map(|_| store.check()))
        .await
        .into_iter()
        .map(|result| result.unwrap_err().to_string())
        .collect();
    let count = |text: &str| errors.iter().filter(|error| error.contains(text)).count();
    assert!(count("1024 calls wait for the disk") >= 3000 - 2 * 1024, "{}", errors[2999]);
    assert!(count("raise `.timeout(..)`") >= 1024, "{}", errors[0]);
    // Reads need no lock.
    assert!(!is_revoked(&store, "id").await);
    other.execute_batch("COMMIT").unwrap();
    store.check().await.unwrap();
}

#[cfg(unix)]
#[actix_web::test]
async fn files_contain_no_names_and_no_person_but_the_owner_reads_them() {
    let (file, clock) = (StateFile::new(), TestClock::new());
    let store = file.open(clock.clone());
    let [family, first] = ids();
    let until = clock.now() + HOUR;
    store.revocation_store().revoke(ISSUER, "the-token-id", until).await.unwrap();
    let except = ExceptedLogin::new("the-session-id", 0);
    let revocations = store.revocation_store();
    revocations.revoke_subject(ISSUER, "the-user-id", Some(except), until).await.unwrap();
    let owner = FamilyOwner::new("the-namespace", "the-user-id");
    let new = NewTokenFamily::new(owner, family, first, HOUR).label("Firefox");
    store.token_family_store().create(new).await.unwrap();

    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    let mut names = Vec::new();
    for entry in fs::read_dir(file.folder()).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        let contains = |text: &str| content.windows(text.len()).any(|part| part == text.as_bytes());
        for secret in ["the-token-id", "the-session-id", "the-user-id", "the-namespace", ISSUER] {
            assert!(!contains(secret), "{} contains `{secret}`", path.display());
        }
        names.push((path.extension().unwrap().to_str().unwrap().to_owned(), contains("Firefox")));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    names.sort();
    let expected = [("sqlite", false), ("sqlite-shm", false), ("sqlite-wal", true)];
    assert_eq!(names, expected.map(|(name, found)| (name.to_owned(), found)));
}

/// The queries of the documentation.
#[actix_web::test]
async fn person_can_read_kinds_and_expiries() {
    let (file, clock) = (StateFile::new(), TestClock::new());
    let store = file.open(clock.clone());
    let revocations = store.revocation_store();
    revocations.revoke(ISSUER, "id", clock.now() + HOUR).await.unwrap();
    revocations.revoke_subject(ISSUER, "ada", None, clock.now() + 2 * HOUR).await.unwrap();
    let database = file.database();
    let read =
        "SELECT kind, count(*), max(expires_at) FROM revocations GROUP BY kind ORDER BY kind";
    let mut read = database.prepare(read).unwrap();
    let rows = read.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let rows: Vec<(String, i64, String)> = rows.map(Result::unwrap).collect();
    let row = |kind: &str, expiry: &str| (kind.to_owned(), 1, expiry.to_owned());
    assert_eq!(rows, [row("subject", "2026-01-01 02:00:00"), row("token", "2026-01-01 01:00:00")]);
}

#[actix_web::test]
async fn generation_is_the_time_in_microseconds() {
    let file = StateFile::new();
    let store = file.open(clock::SystemClock).revocation_store();
    let micros = || OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000;
    let (before, until) = (micros(), OffsetDateTime::now_utc() + HOUR);
    let generation = store.revoke_subject(ISSUER, "ada", None, until).await.unwrap();
    assert!((before..=micros()).contains(&generation.into()));
}
