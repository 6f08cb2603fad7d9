//! A refresh or a login, and a logout everywhere at once, in every order of their steps.

use std::sync::{Arc, Mutex};
use std::time::Duration as StdDuration;

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
use paseto_actix_tests::app::{assert_accepted, assert_refused, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::{START, TestClock};
use serde_json::json;
use time::{Duration, OffsetDateTime};

/// The scope of the families: the purpose, the issuer with its length, and the application.
const SCOPE: &str = "paseto-actix/refresh/22/https://issuer.example/";

/// Both stores in one. The steps of a logout everywhere of Ada come between those of a refresh or a login, where it is told.
#[derive(Clone)]
struct Interrupted {
    families: MemoryTokenFamilyStore,
    revocations: MemoryRevocationStore,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    /// After how many steps the access tokens end, then the families, and the access tokens again; empty while nobody logs out.
    logout: Vec<usize>,
    steps: usize,
    /// What a real logout everywhere has done.
    ended: Vec<&'static str>,
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

    /// Comes after each step of a refresh or a login.
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
    async fn begin(&self, new: NewTokenFamily<'_>) -> Result<(), TokenFamilyError> {
        assert_eq!(new.owner.scope, SCOPE);
        let outcome = self.families.begin(new).await;
        self.step().await;
        outcome
    }

    async fn rotate(&self, token: RotationRequest<'_>) -> Result<Rotation, TokenFamilyError> {
        let outcome = self.families.rotate(token).await;
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
        self.plan.lock().unwrap().ended.push("families");
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
        token_id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        self.revocations.revoke(issuer, token_id, until).await
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        self.plan.lock().unwrap().ended.push("access tokens");
        self.revocations.revoke_subject(issuer, subject, except, until).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        let generation = self.revocations.generation(issuer, subject).await;
        self.step().await;
        generation
    }

    async fn is_revoked(&self, token: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.revocations.is_revoked(token).await
    }
}

/// All orders of three steps among so many others.
fn orders(steps: usize) -> impl Iterator<Item = [usize; 3]> {
    let each = move |from: usize| from..=steps;
    each(0).flat_map(move |a| each(a).flat_map(move |b| each(b).map(move |c| [a, b, c])))
}

fn house() -> (Interrupted, RefreshTokens, Verifier) {
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
async fn a_logout_everywhere_between_the_steps_of_a_refresh() {
    let mut refreshed = 0;
    for order in orders(2) {
        let (store, tokens, verifier) = house();
        let first = tokens.login("ada").await.unwrap().issue(&json!({})).unwrap();
        assert_accepted(&verifier, &first.access_token).await;

        store.plan(order).await;
        let outcome = tokens.refresh(&first.refresh_token).await;
        *store.plan.lock().unwrap() = Plan::default();
        assert_refused(&verifier, &first.access_token).await;
        match outcome {
            Ok(login) => {
                let second = login.issue(&json!({})).unwrap();
                assert_refused(&verifier, &second.access_token).await;
                let error = tokens.refresh(&second.refresh_token).await.unwrap_err();
                assert!(matches!(error, RefreshError::Revoked), "{order:?}: {error}");
                refreshed += 1;
            }
            Err(error) => assert!(matches!(error, RefreshError::Revoked), "{order:?}: {error}"),
        }
    }
    assert_eq!(
        refreshed, 3,
        "where the rotation comes before the families end, there are tokens, and none is good"
    );
}

/// The first step is the attempt, before the password is looked at; whoever logs out everywhere after it means this one, too, and
/// what is refreshed of it.
#[actix_web::test]
async fn a_logout_everywhere_between_the_steps_of_a_login_and_a_refresh() {
    let (mut begun, mut refreshed, mut good) = (0, 0, 0);
    for order in orders(5) {
        let (store, tokens, verifier) = house();
        store.plan(order).await;
        let attempt = tokens.start_login("ada").await.unwrap();
        let mut pairs = Vec::new();
        if let Ok(login) = attempt.complete().await {
            pairs.push(login.issue(&json!({})).unwrap());
            if let Ok(login) = tokens.refresh(&pairs[0].refresh_token).await {
                pairs.push(login.issue(&json!({})).unwrap());
                refreshed += 1;
            }
            begun += 1;
        } else {
            assert!(order[0] > 0 || order[2] > 0, "{order:?}");
        }
        *store.plan.lock().unwrap() = Plan::default();
        for pair in &pairs {
            if order[0] > 0 {
                assert_refused(&verifier, &pair.access_token).await;
            } else if order[2] == 0 {
                assert_accepted(&verifier, &pair.access_token).await;
            }
        }
        if let Some(pair) = pairs.last() {
            let goes_on = tokens.refresh(&pair.refresh_token).await;
            match order {
                [0, _, 0] => good += usize::from(goes_on.is_ok()),
                // One that came after the logout had begun may go on, or not.
                [0, ..] => {}
                _ => assert!(matches!(goes_on, Err(RefreshError::Revoked)), "{order:?}"),
            }
        }
    }
    assert!(begun > refreshed && refreshed > good && good > 0, "{begun} {refreshed} {good}");
}

#[actix_web::test]
async fn the_order_of_a_logout_everywhere() {
    let (store, tokens, _) = house();
    tokens.logout_all("ada").await.unwrap();
    assert_eq!(store.plan.lock().unwrap().ended, ["access tokens", "families", "access tokens"]);
}

#[actix_web::test]
async fn an_attempt_that_is_older_than_what_is_remembered() {
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
        let attempt = tokens.start_login("ada").await.unwrap();
        clock.advance(Duration::seconds(seconds));
        assert_eq!(attempt.complete().await.is_ok(), good, "{seconds}");
    }
}
