//! The conformance tests on state files.

use paseto_actix::clock::Clock;
use paseto_actix::conformance;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::state_file::StateFile;

#[actix_web::test]
async fn sqlite_revocation_store_conforms() {
    let (file, clock) = (StateFile::new(), TestClock::new());
    let store = file.open(clock.clone()).revocation_store();
    for _ in 0..2 {
        conformance::revocation_store(&store, clock.now()).await;
        conformance::revocation_store_over_time(&store, clock.now(), async |by| clock.advance(by))
            .await;
    }
}

#[cfg(feature = "session")]
#[actix_web::test]
async fn sqlite_token_family_store_conforms() {
    let (file, clock) = (StateFile::new(), TestClock::new());
    let store = file.open(clock.clone()).token_family_store();
    for _ in 0..2 {
        conformance::token_family_store(&store).await;
        conformance::token_family_store_over_time(&store, async |by| clock.advance(by)).await;
        conformance::token_family_store_bound(&store, 100).await;
    }
    for bound in [1, 2, 7] {
        use paseto_actix_tests::state_file::TIMEOUT;
        let limited =
            paseto_actix::SqliteStore::builder(file.path()).timeout(TIMEOUT).max_per_user(bound);
        let limited = limited.clock(clock.clone()).build().unwrap().token_family_store();
        conformance::token_family_store_bound(&limited, bound).await;
    }
}
