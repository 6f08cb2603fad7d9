//! A refresh or a login, and a logout everywhere at once, in every order of their steps.

use std::sync::{Arc, Mutex};

use paseto_actix::{
    LocalKey, MemoryRevocations, MemorySeries, RandomId, RefreshError, RefreshTokens, RevocationError, RevocationQuery,
    Revocations, Rotation, SeriesError, SeriesStore, TokenUse, Verifier,
};
use paseto_actix_tests::{
    ISSUER,
    app::{assert_accepted, assert_refused, issuer_builder, verifier_builder},
    clock::{START, TestClock},
};
use serde_json::json;
use time::{Duration, OffsetDateTime};

/// Both stores in one. The steps of a logout everywhere of Ada come between those of a refresh or a login, where it is told.
#[derive(Clone)]
struct Interrupted {
    families: MemorySeries,
    revocations: MemoryRevocations,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    /// After how many steps the families end, then the access tokens, and the families again; empty while nobody logs out.
    logout: Vec<usize>,
    steps: usize,
}

impl Interrupted {
    fn new(clock: &TestClock) -> Self {
        let revocations = MemoryRevocations::new(100).clock(clock.clone());
        Self { families: MemorySeries::new(100), revocations, plan: Arc::default() }
    }

    async fn plan(&self, logout: [usize; 3]) {
        *self.plan.lock().unwrap() = Plan { logout: logout.into(), steps: 0 };
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
        if due(0) {
            self.families.revoke_all("ada").await.unwrap();
        }
        if due(1) {
            self.revocations.revoke_subject(ISSUER, "ada", START + Duration::HOUR).await.unwrap();
        }
        if due(2) {
            self.families.revoke_all("ada").await.unwrap();
        }
    }
}

impl SeriesStore for Interrupted {
    async fn begin(
        &self,
        series: RandomId,
        first: RandomId,
        user_id: &str,
        expires: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<(), SeriesError> {
        let outcome = self.families.begin(series, first, user_id, expires, now).await;
        self.step().await;
        outcome
    }

    async fn rotate(&self, token: TokenUse) -> Result<Rotation, SeriesError> {
        let outcome = self.families.rotate(token).await;
        self.step().await;
        outcome
    }

    async fn revoke(&self, series: RandomId) -> Result<(), SeriesError> {
        self.families.revoke(series).await
    }

    async fn revoke_all(&self, user_id: &str) -> Result<(), SeriesError> {
        self.families.revoke_all(user_id).await
    }
}

impl Revocations for Interrupted {
    async fn revoke(&self, issuer: &str, token_id: &str, until: OffsetDateTime) -> Result<(), RevocationError> {
        self.revocations.revoke(issuer, token_id, until).await
    }

    async fn revoke_subject(&self, issuer: &str, subject: &str, until: OffsetDateTime) -> Result<u64, RevocationError> {
        self.revocations.revoke_subject(issuer, subject, until).await
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
    let tokens = RefreshTokens::builder(issuer_builder(&clock).build().unwrap(), LocalKey::generate())
        .families(store.clone())
        .revocations(store.clone())
        .clock(clock.clone())
        .build()
        .unwrap();
    let verifier = verifier_builder(&clock).revocations(store.clone()).build().unwrap();
    (store, tokens, verifier)
}

#[actix_web::test]
async fn b49_a_logout_everywhere_between_the_steps_of_a_refresh() {
    let mut refreshed = 0;
    for order in orders(2) {
        let (store, tokens, verifier) = house();
        let first = tokens.begin("ada").await.unwrap().issue(&json!({})).unwrap();
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
                assert!(matches!(error, RefreshError::Ended), "{order:?}: {error}");
                refreshed += 1;
            }
            Err(error) => assert!(matches!(error, RefreshError::Ended), "{order:?}: {error}"),
        }
    }
    assert_eq!(refreshed, 1, "where the rotation comes before the logout, there are tokens, and none is good");
}

/// The first step is the attempt, before the password is looked at; whoever logs out everywhere after it means this one, too.
#[actix_web::test]
async fn b49_a_logout_everywhere_between_the_steps_of_a_login() {
    let (mut begun, mut good) = (0, 0);
    for order in orders(3) {
        let (store, tokens, verifier) = house();
        store.plan(order).await;
        let attempt = tokens.attempt("ada").await.unwrap();
        let outcome = attempt.begin().await;
        *store.plan.lock().unwrap() = Plan::default();
        match (outcome, order) {
            (Ok(login), [_, 0, families]) => {
                let pair = login.issue(&json!({})).unwrap();
                assert_accepted(&verifier, &pair.access_token).await;
                // One that comes while the last step is still to come may be ended by it.
                let goes_on = tokens.refresh(&pair.refresh_token).await.is_ok();
                assert_eq!(goes_on, families < 2, "{order:?}");
                good += usize::from(goes_on);
            }
            (Ok(login), _) => {
                let pair = login.issue(&json!({})).unwrap();
                assert_refused(&verifier, &pair.access_token).await;
                let error = tokens.refresh(&pair.refresh_token).await.unwrap_err();
                assert!(matches!(error, RefreshError::Ended), "{order:?}: {error}");
                begun += 1;
            }
            (Err(error), [_, access, _]) => {
                assert!(matches!(error, RefreshError::Ended) && access > 0, "{order:?}: {error}");
            }
        }
    }
    assert!(begun > 0 && good > 0, "{begun} {good}");
}
