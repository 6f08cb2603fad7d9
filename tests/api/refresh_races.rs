//! A refresh and a logout everywhere at once, in every order of their steps.

use std::sync::{Arc, Mutex};

use paseto_actix::{
    LocalKey, MemoryRevocations, MemorySeries, RandomId, RefreshError, RefreshTokens, RevocationError, RevocationQuery,
    Revocations, Rotation, SeriesError, SeriesStore, TokenUse,
};
use paseto_actix_tests::{
    ISSUER,
    app::{assert_accepted, assert_refused, issuer_builder, verifier_builder},
    clock::{START, TestClock},
};
use serde_json::json;
use time::{Duration, OffsetDateTime};

/// Both stores in one. The two steps of a logout everywhere of Ada come between those of a refresh, where it is told.
#[derive(Clone)]
struct Interrupted {
    families: MemorySeries,
    revocations: MemoryRevocations,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    /// After how many steps of the refresh the families end, and then the access tokens; empty while nobody logs out.
    logout: Vec<usize>,
    steps: usize,
}

impl Interrupted {
    fn new(clock: &TestClock) -> Self {
        let revocations = MemoryRevocations::new(100).clock(clock.clone());
        Self { families: MemorySeries::new(100), revocations, plan: Arc::default() }
    }

    async fn plan(&self, logout: [usize; 2]) {
        *self.plan.lock().unwrap() = Plan { logout: logout.into(), steps: 0 };
        self.log_out(0).await;
    }

    /// Comes after each step of a refresh.
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
        self.families.begin(series, first, user_id, expires, now).await
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

#[actix_web::test]
async fn b49_a_logout_everywhere_between_the_steps_of_a_refresh() {
    let mut orders = 0;
    for families in 0..=2 {
        for access in families..=2 {
            let clock = TestClock::new();
            let store = Interrupted::new(&clock);
            let tokens = RefreshTokens::builder(issuer_builder(&clock).build().unwrap(), LocalKey::generate())
                .families(store.clone())
                .revocations(store.clone())
                .clock(clock.clone())
                .build()
                .unwrap();
            let verifier = verifier_builder(&clock).revocations(store.clone()).build().unwrap();
            let first = tokens.begin("ada").await.unwrap().issue(&json!({})).unwrap();
            assert_accepted(&verifier, &first.access_token).await;

            store.plan([families, access]).await;
            let refreshed = tokens.refresh(&first.refresh_token).await;
            *store.plan.lock().unwrap() = Plan::default();
            assert_refused(&verifier, &first.access_token).await;
            match refreshed {
                Ok(login) => {
                    let second = login.issue(&json!({})).unwrap();
                    assert_refused(&verifier, &second.access_token).await;
                    let error = tokens.refresh(&second.refresh_token).await.unwrap_err();
                    assert!(matches!(error, RefreshError::Ended), "{families} {access}: {error}");
                    orders += 1;
                }
                Err(error) => assert!(matches!(error, RefreshError::Ended), "{families} {access}: {error}"),
            }
        }
    }
    assert_eq!(orders, 1, "where the rotation comes before the logout, there are tokens, and none is good");
}
