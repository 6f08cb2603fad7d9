//! A refresh or a login concurrent with `logout_all`, in every order of their steps.

use std::sync::{Arc, Mutex};
use std::time::Duration as StdDuration;

use actix_web::ResponseError;
use actix_web::http::StatusCode;
use paseto_actix::refresh::RefreshError;
use paseto_actix::revocation::{
    ExceptedLogin, MemoryRevocationStore, RevocationError, RevocationQuery, RevocationStore,
};
use paseto_actix::token_family::{
    FamilyOwner, LoginEntry, MemoryTokenFamilyStore, NewTokenFamily, RandomId, Rotation,
    RotationRequest, TokenFamilyError, TokenFamilyStore,
};
use paseto_actix::{LocalKey, RefreshTokens, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::{assert_accepted, assert_rejected, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::{START, TestClock};
use serde_json::json;
use time::{Duration, OffsetDateTime};

/// The scope of the token families. It contains the purpose, the issuer with its length, and the
/// application.
const SCOPE: &str = "paseto-actix/refresh/22/https://issuer.example/";

/// Implements both stores. Runs the steps of Ada's `logout_all` between the steps of a refresh or a
/// login, as planned.
#[derive(Clone)]
struct Interrupted {
    families: MemoryTokenFamilyStore,
    revocations: MemoryRevocationStore,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    /// The numbers of steps after which the logout revokes the access tokens, then the token
    /// families, then the access tokens again. Empty without a logout.
    logout: Vec<usize>,
    steps: usize,
    /// The calls of a real `logout_all`.
    revoked: Vec<&'static str>,
}

impl Interrupted {
    fn new(clock: &TestClock) -> Self {
        let revocations = MemoryRevocationStore::new(100).clock(clock.clone());
        Self {
            families: MemoryTokenFamilyStore::new(100).clock(clock.clone()),
            revocations,
            plan: Arc::default(),
        }
    }

    async fn plan(&self, logout: [usize; 3]) {
        *self.plan.lock().unwrap() = Plan { logout: logout.into(), ..Plan::default() };
        self.log_out(0).await;
    }

    /// Is called after each step of a refresh or a login.
    async fn step(&self) {
        let steps = {
            let mut plan = self.plan.lock().unwrap();
            plan.steps += 1;
            plan.steps
        };
        self.log_out(steps).await;
    }

    async fn log_out(&self, steps: usize) {
        let logout = self.plan.lock().unwrap().logout.clone();
        let due = |step: usize| logout.get(step) == Some(&steps);
        for step in [0, 2] {
            if due(step) {
                self.revocations
                    .revoke_subject(ISSUER, "ada", None, START + Duration::HOUR)
                    .await
                    .unwrap();
            }
            if step == 0 && due(1) {
                self.families.revoke_all(FamilyOwner::new(SCOPE, "ada"), None).await.unwrap();
            }
        }
    }
}

impl TokenFamilyStore for Interrupted {
    async fn create(&self, new: NewTokenFamily<'_>) -> Result<(), TokenFamilyError> {
        assert_eq!(new.owner.namespace, SCOPE);
        let outcome = self.families.create(new).await;
        self.step().await;
        outcome
    }

    async fn rotate(&self, request: RotationRequest<'_>) -> Result<Rotation, TokenFamilyError> {
        let outcome = self.families.rotate(request).await;
        self.step().await;
        outcome
    }

    async fn revoke(
        &self,
        owner: FamilyOwner<'_>,
        family: RandomId,
    ) -> Result<(), TokenFamilyError> {
        self.families.revoke(owner, family).await
    }

    async fn revoke_all(
        &self,
        owner: FamilyOwner<'_>,
        except: Option<RandomId>,
    ) -> Result<(), TokenFamilyError> {
        self.plan.lock().unwrap().revoked.push("families");
        self.families.revoke_all(owner, except).await
    }

    async fn list(&self, owner: FamilyOwner<'_>) -> Result<Vec<LoginEntry>, TokenFamilyError> {
        self.families.list(owner).await
    }
}

impl RevocationStore for Interrupted {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        self.revocations.revoke(issuer, id, until).await
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        self.plan.lock().unwrap().revoked.push("access tokens");
        self.revocations.revoke_subject(issuer, subject, except, until).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        let generation = self.revocations.generation(issuer, subject).await;
        self.step().await;
        generation
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.revocations.is_revoked(query).await
    }
}

/// Returns all orders of three steps among `steps` other steps.
fn orders(steps: usize) -> impl Iterator<Item = [usize; 3]> {
    let each = move |from: usize| from..=steps;
    each(0).flat_map(move |a| each(a).flat_map(move |b| each(b).map(move |c| [a, b, c])))
}

fn application() -> (Interrupted, RefreshTokens, Verifier) {
    let clock = TestClock::new();
    let store = Interrupted::new(&clock);
    let tokens =
        RefreshTokens::builder(issuer_builder(&clock).build().unwrap(), LocalKey::generate())
            .token_family_store(store.clone())
            .revocation_store(store.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
    let verifier = verifier_builder(&clock).revocation_store(store.clone()).build().unwrap();
    (store, tokens, verifier)
}

#[actix_web::test]
async fn logout_all_between_the_steps_of_a_refresh_revokes_its_tokens() {
    let mut refreshed = 0;
    for order in orders(2) {
        let (store, tokens, verifier) = application();
        let first = tokens.login("ada").await.unwrap().issue(&json!({})).unwrap();
        assert_accepted(&verifier, &first.access_token).await;

        store.plan(order).await;
        let outcome = tokens.refresh(&first.refresh_token).await;
        *store.plan.lock().unwrap() = Plan::default();
        assert_rejected(&verifier, &first.access_token).await;
        match outcome {
            Ok(login) => {
                let second = login.issue(&json!({})).unwrap();
                assert_rejected(&verifier, &second.access_token).await;
                let error = tokens.refresh(&second.refresh_token).await.unwrap_err();
                assert!(matches!(error, RefreshError::Revoked), "{order:?}: {error}");
                refreshed += 1;
            }
            Err(error) => assert!(matches!(error, RefreshError::Revoked), "{order:?}: {error}"),
        }
    }
    assert_eq!(
        refreshed, 3,
        "a rotation before the revocation of the families returns tokens, and all are revoked"
    );
}

/// The first step is `start_login`, before the application checks the password. A `logout_all`
/// after this step revokes this login too, and all its refreshed tokens.
#[actix_web::test]
async fn logout_all_between_the_steps_of_a_login_revokes_that_login() {
    let (mut logins, mut refreshed, mut good) = (0, 0, 0);
    for order in orders(5) {
        let (store, tokens, verifier) = application();
        store.plan(order).await;
        let pending = tokens.start_login("ada").await.unwrap();
        let mut pairs = Vec::new();
        if let Ok(login) = pending.complete().await {
            pairs.push(login.issue(&json!({})).unwrap());
            if let Ok(login) = tokens.refresh(&pairs[0].refresh_token).await {
                pairs.push(login.issue(&json!({})).unwrap());
                refreshed += 1;
            }
            logins += 1;
        } else {
            assert!(order[0] > 0 || order[2] > 0, "{order:?}");
        }
        *store.plan.lock().unwrap() = Plan::default();
        for pair in &pairs {
            if order[0] > 0 {
                assert_rejected(&verifier, &pair.access_token).await;
            } else if order[2] == 0 {
                assert_accepted(&verifier, &pair.access_token).await;
            }
        }
        if let Some(pair) = pairs.last() {
            let next = tokens.refresh(&pair.refresh_token).await;
            match order {
                [0, _, 0] => good += usize::from(next.is_ok()),
                // A login that started during the logout may be valid or revoked.
                [0, ..] => {}
                _ => assert!(matches!(next, Err(RefreshError::Revoked)), "{order:?}"),
            }
        }
    }
    assert!(logins > refreshed && refreshed > good && good > 0, "{logins} {refreshed} {good}");
}

#[actix_web::test]
async fn logout_all_revokes_access_tokens_before_and_after_families() {
    let (store, tokens, _) = application();
    tokens.logout_all("ada").await.unwrap();
    assert_eq!(store.plan.lock().unwrap().revoked, ["access tokens", "families", "access tokens"]);
}

#[actix_web::test]
async fn pending_login_older_than_the_access_ttl_has_expired() {
    let clock = TestClock::new();
    let store = Interrupted::new(&clock);
    let tokens =
        RefreshTokens::builder(issuer_builder(&clock).build().unwrap(), LocalKey::generate())
            .token_family_store(store.clone())
            .revocation_store(store)
            .access_ttl(StdDuration::from_secs(60))
            .clock(clock.clone())
            .build()
            .unwrap();
    for (seconds, good) in [(0, true), (60, true), (61, false), (-1, false)] {
        let pending = tokens.start_login("ada").await.unwrap();
        clock.advance(Duration::seconds(seconds));
        match pending.complete().await {
            Ok(_) => assert!(good, "{seconds}"),
            Err(error) => {
                assert!(!good && matches!(error, RefreshError::PendingLoginExpired), "{seconds}");
                assert_eq!(error.error_response().status(), StatusCode::BAD_REQUEST);
            }
        }
    }
}
