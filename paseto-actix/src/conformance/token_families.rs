mod rules;

use std::time::Duration as StdDuration;

use time::Duration;

use super::name;
use crate::token_family::{
    FamilyOwner, LoginEntry, NewTokenFamily, RandomId, Rotation, RotationRequest, TokenFamilyError,
    TokenFamilyStore,
};

const GRACE_PERIOD: StdDuration = StdDuration::from_secs(60);
const HOUR: StdDuration = StdDuration::from_secs(60 * 60);
/// The allowed difference between the clocks of the test and of the server.
const TOLERANCE: Duration = Duration::seconds(5);

/// Tests the rules of [`TokenFamilyStore`] that do not depend on the time.
///
/// - A token rotates once, even with parallel requests. Within the grace period, it is accepted
///   again.
/// - Any other token revokes the token family.
/// - `revoke` and `revoke_all` revoke the token families of one owner, and no others.
/// - `list` returns the token families of one owner.
///
/// # Panics
///
/// If the store fails or breaks a rule. The message is the rule.
pub async fn token_family_store<S: TokenFamilyStore>(store: &S) {
    let checks = Checks::new(store);
    checks.single_use().await;
    checks.reuse().await;
    checks.recreated_families().await;
    checks.parallel_uses().await;
    checks.revoke().await;
    checks.revoke_all().await;
    checks.owners().await;
    checks.list_entries().await;
}

/// Tests the grace period and the expiry of a [`TokenFamilyStore`] whose clock a test can advance.
///
/// `advance` moves the clock of the store forward by its argument: about one hour in total.
///
/// # Panics
///
/// If the store fails or breaks a rule. The message is the rule.
pub async fn token_family_store_over_time<S: TokenFamilyStore>(
    store: &S,
    mut advance: impl AsyncFnMut(Duration),
) {
    let checks = Checks::new(store);
    let (first, unused, retried) =
        (checks.create().await, checks.create().await, checks.create().await);
    let after_retried =
        checks.assert_rotated(retried, "the first token rotates at its first use").await;
    let short = checks.create_for(&checks.user, StdDuration::from_secs(30 * 60)).await;
    let second = checks.assert_rotated(first, "the first token rotates at its first use").await;
    let superseded = Rotation::Superseded { current: second.1 };
    advance(Duration::MINUTE - TOLERANCE).await;
    let outcome = checks.rotate(first, id()).await;
    assert_eq!(outcome, superseded, "the previous token is accepted within the grace period");
    let outcome = checks.rotate(retried, id()).await;
    assert_eq!(outcome, Rotation::Superseded { current: after_retried.1 });
    advance(TOLERANCE * 2).await;
    let outcome = checks.rotate(retried, id()).await;
    assert_eq!(outcome, Rotation::Reused, "a retry does not restart the grace period");
    let third = checks.assert_rotated(second, "the current token is accepted at any time").await;
    let outcome = checks.rotate(second, id()).await;
    assert_eq!(
        outcome,
        Rotation::Superseded { current: third.1 },
        "each rotation starts a new grace period"
    );
    let created_before_use = checks.entry(third).await;
    assert!(
        created_before_use.last_used >= created_before_use.created + Duration::MINUTE,
        "`list` returns the time of the last use"
    );
    advance(Duration::MINUTE + TOLERANCE).await;
    assert_eq!(
        checks.rotate(second, id()).await,
        Rotation::Reused,
        "the previous token is reported as reused after the grace period"
    );
    checks.assert_unknown(third, "a reuse revokes the family for all clients").await;

    advance(Duration::minutes(28)).await;
    checks.assert_unknown(short, "a family expires at the end of its lifetime").await;
    assert!(
        !checks.list(&checks.user).await.iter().any(|login| login.id == short.0),
        "`list` does not return expired families"
    );
    let again = checks.create().await;
    advance(Duration::minutes(30) - TOLERANCE * 3).await;
    let last = checks
        .assert_rotated(
            unused,
            "a family is valid until its expiry, even if a shorter one has expired",
        )
        .await;
    advance(TOLERANCE * 4).await;
    checks.assert_unknown(last, "a family expires at the end of its lifetime").await;
    checks.assert_rotated(again, "a family that was created later is valid").await;
}

/// Tests that a store limits the token families per owner to `max_per_user`. At the limit, a new
/// token family replaces the oldest family of its owner, and no other family.
///
/// # Panics
///
/// If the store fails or breaks a rule. The message is the rule.
pub async fn token_family_store_bound<S: TokenFamilyStore>(store: &S, max_per_user: usize) {
    let checks = Checks::new(store);
    let other_user = name("user");
    let other = checks.create_for(&other_user, HOUR).await;
    let mut created = Vec::new();
    for _ in 0..=max_per_user {
        created.push(checks.create().await);
    }
    assert_eq!(
        checks.list(&checks.user).await.len(),
        max_per_user,
        "an owner has at most `max_per_user` families"
    );
    let mut created = created.into_iter();
    if let Some(oldest) = created.next() {
        checks
            .assert_unknown(
                oldest,
                "at the limit, a new family replaces the oldest family of its owner",
            )
            .await;
    }
    for kept in created {
        checks
            .assert_rotated(kept, "at the limit, a new family replaces only the oldest family")
            .await;
    }
    let outcome = checks.rotate_of(checks.owner(&other_user), other, id()).await;
    assert_eq!(
        outcome,
        Rotation::Rotated,
        "the limit of one owner does not revoke families of another owner"
    );
}

/// A store, and an owner that is unique to this run.
struct Checks<'a, S> {
    store: &'a S,
    namespace: String,
    user: String,
}

/// The IDs of a token family and of one of its tokens.
type Token = (RandomId, RandomId);

impl<'a, S: TokenFamilyStore> Checks<'a, S> {
    fn new(store: &'a S) -> Self {
        Self { store, namespace: name("namespace"), user: name("user") }
    }

    fn owner<'u>(&'u self, user: &'u str) -> FamilyOwner<'u> {
        FamilyOwner::new(&self.namespace, user)
    }

    async fn create(&self) -> Token {
        self.create_for(&self.user, HOUR).await
    }

    async fn create_for(&self, user: &str, lifetime: StdDuration) -> Token {
        let (family, first) = (id(), id());
        check(
            "create",
            self.store.create(NewTokenFamily::new(self.owner(user), family, first, lifetime)).await,
        );
        (family, first)
    }

    async fn rotate(&self, token: Token, next: RandomId) -> Rotation {
        self.rotate_of(self.owner(&self.user), token, next).await
    }

    async fn rotate_of(
        &self,
        owner: FamilyOwner<'_>,
        (family, presented): Token,
        next: RandomId,
    ) -> Rotation {
        check(
            "rotate",
            self.store
                .rotate(RotationRequest::new(owner, family, presented, next, GRACE_PERIOD))
                .await,
        )
    }

    /// Asserts that a token rotates, and returns the next token.
    async fn assert_rotated(&self, token: Token, rule: &str) -> Token {
        let next = id();
        assert_eq!(self.rotate(token, next).await, Rotation::Rotated, "{rule}");
        (token.0, next)
    }

    async fn assert_unknown(&self, token: Token, rule: &str) {
        assert_eq!(self.rotate(token, id()).await, Rotation::Unknown, "{rule}");
    }

    async fn list(&self, user: &str) -> Vec<LoginEntry> {
        check("list", self.store.list(self.owner(user)).await)
    }

    async fn entry(&self, (family, _): Token) -> LoginEntry {
        let found = self.list(&self.user).await.into_iter().find(|login| login.id == family);
        found.expect("`list` returns each family of the owner")
    }
}

fn id() -> RandomId {
    RandomId::generate().expect("the operating system returns random bytes")
}

fn check<T>(call: &str, result: Result<T, TokenFamilyError>) -> T {
    result.unwrap_or_else(|error| panic!("`{call}` fails: {error}"))
}
