//! State files that a store cannot use.

use std::fs;
use std::time::Duration as StdDuration;

use futures_util::future::{join_all, join3};
use paseto_actix::SqliteStore;
use paseto_actix::clock::{Clock, SystemClock};
use paseto_actix::revocation::{RevocationQuery, RevocationStore};
use paseto_actix::token_family::{
    FamilyOwner, NewTokenFamily, RandomId, RotationRequest, TokenFamilyStore,
};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::state_file::StateFile;

/// A file with revoked tokens. It is closed, so that SQLite has copied the write-ahead log into it.
async fn filled(clock: &TestClock) -> StateFile {
    let file = StateFile::new();
    let store = file.open(clock.clone());
    for number in 0..IDS {
        let until = clock.now() + StdDuration::from_secs(3600);
        store.revocation_store().revoke(ISSUER, &format!("id-{number}"), until).await.unwrap();
    }
    drop(store);
    let database = file.database();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    file
}

const IDS: usize = 100;

#[test]
fn other_files_are_rejected_and_not_changed() {
    let file = StateFile::new();
    fs::write(file.path(), "a text that is long enough to be a header of SQLite. ".repeat(100))
        .unwrap();
    let before = fs::read(file.path()).unwrap();
    assert!(file.open_error().contains("not an SQLite database"), "{}", file.open_error());
    assert!(fs::read(file.path()).unwrap() == before);

    for id in [0, 5] {
        let file = StateFile::new();
        file.database().execute_batch("CREATE TABLE users (name)").unwrap();
        file.database().pragma_update(None, "application_id", id).unwrap();
        let before = fs::read(file.path()).unwrap();
        assert!(file.open_error().contains("database of another program"), "{}", file.open_error());
        assert!(fs::read(file.path()).unwrap() == before, "the file is not changed");
    }
}

#[test]
fn file_of_another_version_is_rejected_with_both_versions() {
    let file = StateFile::new();
    drop(file.open(SystemClock));
    for version in [0, 2] {
        file.database().pragma_update(None, "user_version", version).unwrap();
        let expected = format!("expected the format version 1, found {version}: use the version");
        assert!(file.open_error().contains(&expected), "{}", file.open_error());
    }
    file.database().pragma_update(None, "user_version", 1).unwrap();
    drop(file.open(SystemClock));
}

#[test]
fn locked_file_is_rejected_after_the_timeout() {
    let file = StateFile::new();
    drop(file.open(SystemClock));
    let other = file.database();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    assert!(
        file.open_error().contains("end the other program that locks"),
        "{}",
        file.open_error()
    );
    drop(other);
    drop(file.open(SystemClock));
}

#[test]
fn path_that_is_no_file_is_rejected() {
    let file = StateFile::new();
    fs::create_dir(file.path()).unwrap();
    assert!(file.open_error().contains("not a file"), "{}", file.open_error());
    let missing = file.folder().join("missing").join("state.sqlite");
    let error = SqliteStore::open(missing).unwrap_err().to_string();
    assert!(error.contains("cannot create the file (No such file"), "{error}");
    assert!(error.contains("choose another path"), "{error}");
}

/// SQLite opens a database in memory for this name.
#[actix_web::test]
async fn special_names_of_sqlite_are_names_of_files() {
    let file = StateFile::new();
    for name in [":memory:", "file:name?mode=memory"] {
        let path = file.folder().join(name);
        SqliteStore::open(&path).unwrap().check().await.unwrap();
        assert!(fs::metadata(path).unwrap().len() > 0);
    }
}

/// Overwrites a part of the file, at each of many places. The store must return an error, or revoke
/// all tokens.
#[actix_web::test]
async fn damaged_file_is_an_error_or_has_all_records() {
    let clock = TestClock::new();
    let file = filled(&clock).await;
    let intact = fs::read(file.path()).unwrap();
    let mut errors = 0;
    for (length, step) in [(1, 151), (16, 641), (4096, 2048)] {
        for start in (0..intact.len()).step_by(step) {
            let mut content = intact.clone();
            for byte in content.iter_mut().skip(start).take(length) {
                *byte ^= 0x55;
            }
            let file = StateFile::new();
            fs::write(file.path(), content).unwrap();
            let builder = SqliteStore::builder(file.path()).clock(clock.clone());
            match builder.timeout(StdDuration::from_millis(10)).build() {
                Err(error) => {
                    errors += 1;
                    assert!(error.to_string().contains("state.sqlite`: "), "{error}");
                }
                Ok(store) => {
                    for number in 0..IDS {
                        let id = format!("id-{number}");
                        let query = RevocationQuery::new(ISSUER, &id);
                        let revoked = store.revocation_store().is_revoked(query).await;
                        assert!(revoked.is_err() || revoked.unwrap(), "{start}: {id}");
                    }
                }
            }
        }
    }
    assert!(errors > 50, "{errors}");
}

/// A changed row must not extend a login, or return a revoked login.
#[actix_web::test]
async fn changed_token_family_is_an_error() {
    for change in ["expires = expires + 1", "used = used + 1", "label = 'another'"] {
        let (clock, file) = (TestClock::new(), StateFile::new());
        let [family, first] = [(); 2].map(|()| RandomId::generate().unwrap());
        let owner = || FamilyOwner::new("shop", "ada");
        let store = file.open(clock.clone());
        let new = NewTokenFamily::new(owner(), family, first, StdDuration::from_secs(3600));
        store.token_family_store().create(new).await.unwrap();
        drop(store);
        let changed = file.database().execute(&format!("UPDATE token_families SET {change}"), []);
        assert_eq!(changed, Ok(1));
        if let Ok(store) = SqliteStore::builder(file.path()).clock(clock).build() {
            let list = store.token_family_store().list(owner()).await;
            assert!(list.is_err(), "{change}: {list:?}");
        }
    }
}

#[test]
fn truncated_file_is_rejected() {
    let clock = TestClock::new();
    let file = actix_web::rt::System::new().block_on(filled(&clock));
    let intact = fs::read(file.path()).unwrap();
    for length in [100, 4096, intact.len() / 2, intact.len() - 4096] {
        let file = StateFile::new();
        fs::write(file.path(), &intact[..length]).unwrap();
        let error = file.open_error();
        assert!(error.contains("restore a backup"), "{length}: {error}");
    }
}

/// Reads until the store checks the file, which it does every 5 milliseconds.
async fn read_error(store: &SqliteStore, query: RevocationQuery<'_>) -> String {
    loop {
        if let Err(error) = store.revocation_store().is_revoked(query).await {
            return error.to_string();
        }
    }
}

/// The calls share a transaction, because all of them wait while the thread stores the first one.
#[actix_web::test]
async fn damaged_login_is_no_error_of_other_calls() {
    let (file, clock) = (StateFile::new(), TestClock::new());
    let store = file.open(clock.clone());
    let (families, owner) = (store.token_family_store(), FamilyOwner::new("shop", "ada"));
    let [family, first, next] = [(); 3].map(|()| RandomId::generate().unwrap());
    let hour = StdDuration::from_secs(3600);
    families.create(NewTokenFamily::new(owner, family, first, hour)).await.unwrap();
    file.database().execute_batch("UPDATE token_families SET checksum = checksum + 1").unwrap();
    let revocations = store.revocation_store();
    let until = clock.now() + hour;
    let revoke = |id: String| {
        let store = &revocations;
        async move { store.revoke(ISSUER, &id, until).await }
    };
    let before = join_all((0..20).map(|number| revoke(format!("before-{number}"))));
    let rotate = families.rotate(RotationRequest::new(owner, family, first, next, hour));
    let after = join_all((0..20).map(|number| revoke(format!("after-{number}"))));
    let (before, rotated, after) = join3(before, rotate, after).await;
    assert!(rotated.unwrap_err().to_string().contains("the checksum of a row is wrong"));
    assert!(before.iter().chain(&after).all(Result::is_ok));
}

/// A row that another process has written is damaged.
#[actix_web::test]
async fn damaged_row_is_an_error_of_the_next_call() {
    let (file, clock) = (StateFile::new(), TestClock::new());
    let store = file.open(clock.clone());
    let until = clock.now() + StdDuration::from_secs(3600);
    store.revocation_store().revoke(ISSUER, "id", until).await.unwrap();
    let query = RevocationQuery::new(ISSUER, "id");
    assert!(store.revocation_store().is_revoked(query).await.unwrap());
    file.database().execute_batch("UPDATE revocations SET number = 7, expires = 0").unwrap();
    for _ in 0..3 {
        let error = read_error(&store, query).await;
        assert!(error.contains("the checksum of a row is wrong: restore a backup"), "{error}");
        assert!(store.revocation_store().generation(ISSUER, "ada").await.is_err());
    }
    file.database().execute_batch("DELETE FROM revocations").unwrap();
    assert!(store.revocation_store().is_revoked(query).await.unwrap(), "it is still in memory");
    file.database().execute_batch("DROP TABLE token_families").unwrap();
    let list = store.token_family_store().list(FamilyOwner::new("shop", "ada")).await;
    assert!(list.unwrap_err().to_string().contains("no such table"));
}

/// Another process would create a new file at the path, so this process must stop.
#[cfg(unix)]
#[actix_web::test]
async fn moved_file_is_an_error() {
    let file = StateFile::new();
    let store = file.open(SystemClock);
    let query = RevocationQuery::new(ISSUER, "id");
    assert!(!store.revocation_store().is_revoked(query).await.unwrap());
    fs::rename(file.path(), file.folder().join("moved")).unwrap();
    for _ in 0..2 {
        let error = store.check().await.unwrap_err().to_string();
        assert!(error.contains("the file was moved or deleted"), "{error}");
        let error = read_error(&store, query).await;
        assert!(error.ends_with("restart the process"), "{error}");
    }
    fs::write(file.path(), "").unwrap();
    assert!(store.check().await.is_err(), "another file at the path");
    read_error(&store, query).await;
    fs::rename(file.folder().join("moved"), file.path()).unwrap();
    store.check().await.unwrap();
}

#[test]
fn settings_out_of_range_are_errors() {
    let file = StateFile::new();
    let builder = || SqliteStore::builder(file.path());
    for (builder, expected) in [
        (builder().timeout(StdDuration::ZERO), "`timeout`: expected 10 milliseconds to 60 seconds"),
        (builder().capacity(0), "`capacity`: expected 1 to 100000000 records, found 0"),
        (builder().max_per_user(0), "`max_per_user`: expected 1 to 1000 logins, found 0"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(!file.path().exists());
}
