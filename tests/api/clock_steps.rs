//! A clock that is set one hour forward or back, and is right again later.

use std::time::Duration as RealDuration;

use actix_web::test::TestRequest;
use paseto_actix::keys::{KeyRing, KeySchedule};
use paseto_actix::refresh::TokenPair;
use paseto_actix::revocation::{MemoryRevocationStore, RevocationStore};
use paseto_actix::testing::Browser;
use paseto_actix::token_family::{
    FamilyOwner, MemoryTokenFamilyStore, NewTokenFamily, RandomId, Rotation, RotationRequest,
    TokenFamilyStore,
};
use paseto_actix::{Issuer, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::logins::{Keys, Logins};
use paseto_actix_tests::remember::{REMEMBER, SESSION};
use paseto_actix_tests::session::Site;
use paseto_actix_tests::state_file::StateFile;
use serde_json::json;
use time::Duration;
use time::format_description::well_known::Rfc3339;

const STEPS: [Duration; 2] = [Duration::HOUR, Duration::hours(-1)];

/// An application, with the cookies and the tokens of all logins that were revoked.
struct Steps {
    logins: Logins,
    site: Site,
    revoked: Vec<(Browser, TokenPair)>,
}

impl Steps {
    async fn new(
        clock: &TestClock,
        revocations: impl RevocationStore + Clone,
        families: impl TokenFamilyStore + Clone,
    ) -> Self {
        let logins = Logins::new("shop", &Keys::generate(), clock.clone(), revocations, families);
        let site = logins.site().await;
        Self { logins, site, revoked: Vec::new() }
    }

    async fn is_logged_in(&self, browser: &Browser) -> bool {
        let mut copy = Browser::new();
        for name in [SESSION, REMEMBER] {
            if let Some(value) = browser.cookie(name) {
                copy.set_cookie(name, value);
            }
        }
        copy.get(&self.site, "/me").await.body == "ada"
    }

    async fn accepts(&self, pair: &TokenPair) -> bool {
        self.logins.verifier.verify_str_async(&pair.access_token).await.is_ok()
    }

    /// Logs a user in, uses the login, and logs out. Then checks all revoked logins.
    async fn log_in_and_out(&mut self) {
        let mut browser = Browser::new();
        browser.send(&self.site, TestRequest::post().uri("/login?user=ada")).await;
        assert!(self.is_logged_in(&browser).await, "a new login in a browser");
        let pair = self.logins.tokens.login("ada").await.unwrap().issue(&json!({})).unwrap();
        assert!(self.accepts(&pair).await, "the tokens of a new login");
        let login = self.logins.tokens.refresh(&pair.refresh_token).await.unwrap();
        let pair = login.issue(&json!({})).unwrap();

        let mut copy = Browser::new();
        for name in [SESSION, REMEMBER] {
            copy.set_cookie(name, browser.cookie(name).unwrap());
        }
        browser.send(&self.site, TestRequest::post().uri("/logout")).await;
        self.logins.tokens.logout_with_refresh_token(&pair.refresh_token).await.unwrap();
        self.revoked.push((copy, pair));
        self.assert_revoked().await;
    }

    async fn assert_revoked(&self) {
        for (index, (browser, pair)) in self.revoked.iter().enumerate() {
            assert!(!self.is_logged_in(browser).await, "the cookies of login {index}");
            assert!(!self.accepts(pair).await, "the access token of login {index}");
            let refreshed = self.logins.tokens.refresh(&pair.refresh_token).await;
            assert!(refreshed.is_err(), "the refresh token of login {index}");
        }
    }
}

async fn check_steps(clock: &TestClock, mut steps: Steps) {
    for step in STEPS {
        steps.log_in_and_out().await;
        clock.advance(step);
        steps.assert_revoked().await;
        steps.log_in_and_out().await;
        clock.advance(-step);
        steps.assert_revoked().await;
        steps.log_in_and_out().await;
        steps.logins.tokens.logout_all("ada").await.unwrap();
        steps.log_in_and_out().await;
    }
}

#[actix_web::test]
async fn revoked_login_stays_revoked_and_new_logins_are_valid() {
    let clock = TestClock::new();
    let revocations = MemoryRevocationStore::new(1000).clock(clock.clone());
    let families = MemoryTokenFamilyStore::new(1000).clock(clock.clone());
    check_steps(&clock, Steps::new(&clock, revocations, families).await).await;

    let (clock, file) = (TestClock::new(), StateFile::new());
    let store = file.open(clock.clone());
    let steps = Steps::new(&clock, store.revocation_store(), store.token_family_store());
    check_steps(&clock, steps.await).await;
}

/// Otherwise, a used refresh token would be accepted until the clock has caught up.
#[actix_web::test]
async fn step_back_does_not_extend_the_grace_period() {
    let (clock, file) = (TestClock::new(), StateFile::new());
    let memory = MemoryTokenFamilyStore::new(10).clock(clock.clone());
    let (state, owner) = (file.open(clock.clone()), FamilyOwner::new("refresh", "ada"));
    check_grace_period(&clock, memory, owner).await;
    check_grace_period(&clock, state.token_family_store(), owner).await;
}

async fn check_grace_period(
    clock: &TestClock,
    store: impl TokenFamilyStore,
    owner: FamilyOwner<'_>,
) {
    let grace_period = RealDuration::from_secs(10);
    let [family, first, second, third] = [(); 4].map(|()| RandomId::generate().unwrap());
    let lifetime = RealDuration::from_secs(30 * 24 * 60 * 60);
    store.create(NewTokenFamily::new(owner, family, first, lifetime)).await.unwrap();
    let rotate = |presented, next| {
        store.rotate(RotationRequest::new(owner, family, presented, next, grace_period))
    };
    assert_eq!(rotate(first, second).await.unwrap(), Rotation::Rotated);
    // A clock that is adjusted goes back by less than 5 seconds.
    clock.advance(Duration::seconds(-5));
    let current = Rotation::Superseded { current: second };
    assert_eq!(rotate(first, third).await.unwrap(), current);
    clock.advance(Duration::milliseconds(-1));
    assert_eq!(rotate(first, third).await.unwrap(), Rotation::Reused);
    assert_eq!(rotate(second, third).await.unwrap(), Rotation::Unknown);
    clock.advance(Duration::milliseconds(5001));
}

#[test]
fn key_of_the_schedule_signs_after_each_step_and_its_tokens_are_accepted() {
    let (clock, keys) = (TestClock::new(), [SecretKey::generate(), SecretKey::generate()]);
    let entry = |key: &SecretKey, after: Duration| {
        let time = (START + after).format(&Rfc3339).unwrap();
        json!({ "paserk": *key.to_paserk(), "activates_at": time })
    };
    let entries = [entry(&keys[0], Duration::hours(-9)), entry(&keys[1], Duration::minutes(30))];
    let schedule = json!({ "version": 1, "keys": entries }).to_string();
    let schedule = KeySchedule::<SecretKey>::from_json(&schedule).unwrap();
    let issuer = Issuer::builder(ISSUER).keys(KeyRing::from(schedule)).clock(clock.clone());
    let issuer = issuer.build().unwrap();
    let verifier = Verifier::builder().trust_issuer(&issuer).clock(clock.clone()).build().unwrap();
    let first = issuer.issue(&json!({})).unwrap();
    for (step, active) in
        STEPS.into_iter().flat_map(|step| [(step, step > Duration::ZERO), (-step, false)])
    {
        clock.advance(step);
        let token = issuer.issue(&json!({})).unwrap();
        let kid = verifier.verify_str(&token).unwrap().kid().to_owned();
        assert_eq!(kid, keys[usize::from(active)].kid(), "{step}");
    }
    verifier.verify_str(&first).unwrap();
}
