//! Stores that fail on demand.

use std::time::Duration;

use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use paseto_actix::PasetoRequired;
use paseto_actix::revocation::{
    MemoryRevocationStore, RevocationError, RevocationQuery, RevocationStore,
};
use paseto_actix::testing::{FailingStore, START, TestClock, TestIssuer};
use paseto_actix::token_family::{
    FamilyOwner, MemoryTokenFamilyStore, NewTokenFamily, RandomId, Rotation, RotationRequest,
    TokenFamilyError, TokenFamilyStore,
};
use paseto_actix_tests::ISSUER;

const UNTIL: time::OffsetDateTime = START.saturating_add(time::Duration::HOUR);

#[actix_web::test]
async fn each_method_of_a_revocation_store_fails_until_the_store_works_again() {
    let inner = MemoryRevocationStore::new(10).clock(TestClock::new());
    let store = FailingStore::new(inner);
    let calls = async || {
        let query = RevocationQuery::new(ISSUER, "1");
        [
            store.revoke(ISSUER, "1", UNTIL).await,
            store.revoke_subject(ISSUER, "ada", None, UNTIL).await.map(drop),
            store.generation(ISSUER, "ada").await.map(drop),
            store.is_revoked(query).await.map(drop),
        ]
    };
    store.clone().set_failing(true);
    for result in calls().await {
        assert!(matches!(result, Err(RevocationError::Other(_))), "{result:?}");
    }
    assert_eq!(store.get_ref().len(), 0, "no call reaches the store");
    store.set_failing(false);
    for result in calls().await {
        result.unwrap();
    }
    assert_eq!(store.get_ref().len(), 2);
    assert!(store.is_revoked(RevocationQuery::new(ISSUER, "1")).await.unwrap());
}

#[actix_web::test]
async fn each_method_of_a_token_family_store_fails_until_the_store_works_again() {
    let store = FailingStore::new(MemoryTokenFamilyStore::new(10).clock(TestClock::new()));
    let owner = FamilyOwner::new(ISSUER, "ada");
    let [family, first, next] = [(); 3].map(|()| RandomId::generate().unwrap());
    let new = NewTokenFamily::new(owner, family, first, Duration::from_secs(60));
    store.create(new).await.unwrap();
    let rotation = RotationRequest::new(owner, family, first, next, Duration::ZERO);
    store.clone().set_failing(true);
    for result in [
        store.create(new).await,
        store.rotate(rotation).await.map(drop),
        store.revoke(owner, family).await,
        store.revoke_all(owner, None).await,
        store.list(owner).await.map(drop),
    ] {
        assert!(matches!(result, Err(TokenFamilyError::Other(_))), "{result:?}");
    }
    store.set_failing(false);
    assert_eq!(store.list(owner).await.unwrap().len(), 1, "no call reaches the store");
    assert_eq!(store.rotate(rotation).await.unwrap(), Rotation::Rotated);
    store.revoke(owner, family).await.unwrap();
    assert_eq!(store.list(owner).await.unwrap(), []);
    store.create(new).await.unwrap();
    store.revoke_all(owner, None).await.unwrap();
    assert_eq!(store.list(owner).await.unwrap(), []);
}

#[actix_web::test]
async fn guard_without_its_store_rejects_and_a_verifier_without_the_store_is_noticed() {
    let auth = TestIssuer::new(ISSUER);
    let store = FailingStore::new(MemoryRevocationStore::new(10));
    let with_store = auth.verifier().revocation_store(store.clone()).build().unwrap();
    let without = auth.verifier().build().unwrap();
    let status = async |verifier| {
        let me = web::get().to(async || "me").wrap(PasetoRequired::new());
        let app = init_service(App::new().app_data(verifier).route("/", me)).await;
        let request = TestRequest::default().insert_header(auth.user("ada"));
        call_service(&app, request.to_request()).await.status().as_u16()
    };
    for (is_failing, expected) in [(false, 200), (true, 503)] {
        store.set_failing(is_failing);
        assert_eq!(status(with_store.clone()).await, expected);
        assert_eq!(status(without.clone()).await, 200);
    }
}
