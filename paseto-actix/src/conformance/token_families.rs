use std::time::Duration as StdDuration;

use futures_util::future::join_all;
use time::Duration;

use super::{AT_ONCE, name};
use crate::token_family::{
    FamilyOwner, LoginEntry, NewTokenFamily, RandomId, Rotation, RotationRequest, TokenFamilyError,
    TokenFamilyStore,
};

const GRACE: StdDuration = StdDuration::from_secs(60);
const HOUR: StdDuration = StdDuration::from_secs(60 * 60);
/// How exactly a store has to count time. The clock of a test and that of a server differ.
const TOLERANCE: Duration = Duration::seconds(5);

/// Tests the rules of [`TokenFamilyStore`] that need no time to pass.
///
/// A token is accepted once, also when it is used in parallel, and within the grace; another token
/// ends the token family; a token family that was revoked is unknown; the token family of an owner end together, and
/// no others; and they are listed.
///
/// # Panics
///
/// If the store fails, or breaks a rule. The message names the rule.
pub async fn token_family_store<S: TokenFamilyStore>(store: &S) {
    let suite = Suite::new(store);
    suite.one_use().await;
    suite.strangers().await;
    suite.begun_again().await;
    suite.at_once().await;
    suite.ended().await;
    suite.all_of_an_owner().await;
    suite.owners().await;
    suite.listed().await;
}

/// Tests the grace and the expiry of [`TokenFamilyStore`], with a store whose clock can be moved:
/// `advance` moves it forward by its argument, by about one hour in all.
///
/// # Panics
///
/// If the store fails, or breaks a rule. The message names the rule.
pub async fn token_family_store_over_time<S: TokenFamilyStore>(
    store: &S,
    mut advance: impl AsyncFnMut(Duration),
) {
    let suite = Suite::new(store);
    let (first, unused, retried) = (suite.begin().await, suite.begin().await, suite.begin().await);
    let after_retried = suite.go_on(retried, "the first token is good for one use").await;
    let short = suite.begin_for(&suite.user, StdDuration::from_secs(30 * 60)).await;
    let second = suite.go_on(first, "the first token is good for one use").await;
    let superseded = Rotation::Superseded { current: second.1 };
    advance(Duration::MINUTE - TOLERANCE).await;
    let outcome = suite.rotate(first, id()).await;
    assert_eq!(
        outcome, superseded,
        "the token before the current one is accepted within the grace"
    );
    let outcome = suite.rotate(retried, id()).await;
    assert_eq!(outcome, Rotation::Superseded { current: after_retried.1 });
    advance(TOLERANCE * 2).await;
    let outcome = suite.rotate(retried, id()).await;
    assert_eq!(outcome, Rotation::Reused, "a retry does not begin the grace anew");
    let third = suite.go_on(second, "the current token is accepted at any time").await;
    let outcome = suite.rotate(second, id()).await;
    assert_eq!(
        outcome,
        Rotation::Superseded { current: third.1 },
        "each use begins a grace of its own"
    );
    let created_before_use = suite.entry(third).await;
    assert!(
        created_before_use.last_used >= created_before_use.created + Duration::MINUTE,
        "`list` has the last use"
    );
    advance(Duration::MINUTE + TOLERANCE).await;
    assert_eq!(
        suite.rotate(second, id()).await,
        Rotation::Reused,
        "a token that comes after the grace is a copy"
    );
    suite.assert_unknown(third, "a reuse ends the family, for every client that has a token").await;

    advance(Duration::minutes(28)).await;
    suite.assert_unknown(short, "a family has expired at its end").await;
    assert!(
        !suite.list(&suite.user).await.iter().any(|login| login.id == short.0),
        "`list` has no expired family"
    );
    let again = suite.begin().await;
    advance(Duration::minutes(30) - TOLERANCE * 3).await;
    let last = suite
        .go_on(unused, "a family is good until its end, also if a shorter one has expired")
        .await;
    advance(TOLERANCE * 4).await;
    suite.assert_unknown(last, "a family has expired at its end").await;
    suite.go_on(again, "a family that began later is good").await;
}

/// Tests that a store bounds the token family of an owner by this number: one more token family ends the oldest
/// token family of its owner, and no other.
///
/// # Panics
///
/// If the store fails, or breaks a rule. The message names the rule.
pub async fn token_family_store_bound<S: TokenFamilyStore>(store: &S, max_per_user: usize) {
    let suite = Suite::new(store);
    let stranger = name("user");
    let other = suite.begin_for(&stranger, HOUR).await;
    let mut begun = Vec::new();
    for _ in 0..=max_per_user {
        begun.push(suite.begin().await);
    }
    assert_eq!(
        suite.list(&suite.user).await.len(),
        max_per_user,
        "an owner has no more family than the bound"
    );
    let mut begun = begun.into_iter();
    if let Some(oldest) = begun.next() {
        suite.assert_unknown(oldest, "one family more than the bound ends the oldest one").await;
    }
    for kept in begun {
        suite.go_on(kept, "one family more than the bound ends only the oldest one").await;
    }
    let outcome = suite.rotate_of(suite.owner(&stranger), other, id()).await;
    assert_eq!(outcome, Rotation::Rotated, "the bound of an owner ends no family of another");
}

/// A store, and an owner that no other run has.
struct Suite<'a, S> {
    store: &'a S,
    scope: String,
    user: String,
}

/// A token family, and its current token.
type Begun = (RandomId, RandomId);

impl<'a, S: TokenFamilyStore> Suite<'a, S> {
    fn new(store: &'a S) -> Self {
        Self { store, scope: name("scope"), user: name("user") }
    }

    fn owner<'u>(&'u self, user: &'u str) -> FamilyOwner<'u> {
        FamilyOwner::new(&self.scope, user)
    }

    async fn begin(&self) -> Begun {
        self.begin_for(&self.user, HOUR).await
    }

    async fn begin_for(&self, user: &str, lifetime: StdDuration) -> Begun {
        let (family, first) = (id(), id());
        answer(
            "begin",
            self.store.begin(NewTokenFamily::new(self.owner(user), family, first, lifetime)).await,
        );
        (family, first)
    }

    async fn rotate(&self, begun: Begun, next: RandomId) -> Rotation {
        self.rotate_of(self.owner(&self.user), begun, next).await
    }

    async fn rotate_of(
        &self,
        owner: FamilyOwner<'_>,
        (family, presented): Begun,
        next: RandomId,
    ) -> Rotation {
        answer(
            "rotate",
            self.store.rotate(RotationRequest::new(owner, family, presented, next, GRACE)).await,
        )
    }

    /// Uses the current token.
    async fn go_on(&self, begun: Begun, rule: &str) -> Begun {
        let next = id();
        assert_eq!(self.rotate(begun, next).await, Rotation::Rotated, "{rule}");
        (begun.0, next)
    }

    async fn assert_unknown(&self, begun: Begun, rule: &str) {
        assert_eq!(self.rotate(begun, id()).await, Rotation::Unknown, "{rule}");
    }

    async fn list(&self, user: &str) -> Vec<LoginEntry> {
        answer("list", self.store.list(self.owner(user)).await)
    }

    async fn entry(&self, (family, _): Begun) -> LoginEntry {
        let found = self.list(&self.user).await.into_iter().find(|login| login.id == family);
        found.expect("`list` has each family of the owner")
    }

    async fn one_use(&self) {
        let (first, other) = (self.begin().await, self.begin().await);
        self.assert_unknown((id(), first.1), "a family that never began is unknown").await;
        let second = self.go_on(first, "the first token is good for one use").await;
        for _ in 0..3 {
            let outcome = self.rotate(first, id()).await;
            let superseded = Rotation::Superseded { current: second.1 };
            assert_eq!(
                outcome, superseded,
                "the token before the current one is accepted within the grace"
            );
        }
        self.go_on(second, "the current token is the `next` of the last use").await;
        self.go_on(other, "a use changes no other family of the owner").await;
    }

    /// The grace is for the token before the current one, and for no other.
    async fn strangers(&self) {
        for stranger in [false, true] {
            let first = self.begin().await;
            let other = self.begin().await;
            let second = self.go_on(first, "the first token is good for one use").await;
            let third = self.go_on(second, "the current token is the `next` of the last use").await;
            let presented = if stranger { (first.0, id()) } else { first };
            let outcome = self.rotate(presented, id()).await;
            assert_eq!(
                outcome,
                Rotation::Reused,
                "a token that is older than the one before, or never was, is a copy"
            );
            self.assert_unknown(
                third,
                "a reuse ends the family, for every client that has a token",
            )
            .await;
            assert!(
                !self.list(&self.user).await.iter().any(|login| login.id == first.0),
                "`list` has no family that has ended"
            );
            self.go_on(other, "a reuse ends no other family of the owner").await;
        }
    }

    async fn begun_again(&self) {
        for presents_old in [false, true] {
            let begun = self.begin().await;
            self.go_on(begun, "the first token is good for one use").await;
            let again = (begun.0, id());
            let new = NewTokenFamily::new(self.owner(&self.user), again.0, again.1, HOUR);
            answer("begin", self.store.begin(new).await);
            if presents_old {
                let outcome = self.rotate(begun, id()).await;
                assert_eq!(
                    outcome,
                    Rotation::Reused,
                    "a family that begins again accepts no token from before"
                );
            } else {
                self.go_on(again, "a family that begins again has the new first token").await;
            }
        }
    }

    async fn at_once(&self) {
        let begun = self.begin().await;
        let uses = (0..AT_ONCE).map(async |_| {
            let next = id();
            (next, self.rotate(begun, next).await)
        });
        let outcomes = join_all(uses).await;
        let (rotated, rest): (Vec<_>, Vec<_>) =
            outcomes.into_iter().partition(|(_, outcome)| *outcome == Rotation::Rotated);
        assert_eq!(rotated.len(), 1, "of {AT_ONCE} uses of one token at once, one rotates");
        let current = rotated[0].0;
        for (_, outcome) in rest {
            assert_eq!(
                outcome,
                Rotation::Superseded { current },
                "the others get the token of the one that rotated"
            );
        }
        self.go_on((begun.0, current), "the token of the one that rotated is the current one")
            .await;
    }

    async fn ended(&self) {
        let (ended, kept) = (self.begin().await, self.begin().await);
        let owner = self.owner(&self.user);
        for family in [ended.0, ended.0, id()] {
            answer("revoke", self.store.revoke(owner, family).await);
        }
        self.assert_unknown(ended, "a family that was revoked is unknown").await;
        let other = name("user");
        answer("revoke", self.store.revoke(self.owner(&other), kept.0).await);
        self.go_on(kept, "`revoke` ends one family of its owner, and no other").await;
    }

    async fn all_of_an_owner(&self) {
        let (unused, used) = (self.begin().await, self.begin().await);
        let used = self.go_on(used, "the first token is good for one use").await;
        let long = self.begin_for(&self.user, HOUR * 5).await;
        let short = self.begin_for(&self.user, HOUR / 2).await;
        let owner = self.owner(&self.user);
        answer("revoke_all", self.store.revoke_all(self.owner(&name("user")), None).await);
        let used = self.go_on(used, "`revoke_all` ends no family of another owner").await;
        answer("revoke_all", self.store.revoke_all(owner, Some(used.0)).await);
        for begun in [unused, long, short] {
            self.assert_unknown(begun, "all family of an owner end with `revoke_all`").await;
        }
        let used = self.go_on(used, "`revoke_all` spares its exception").await;
        for except in [None, Some(id())] {
            let begun = self.begin().await;
            answer("revoke_all", self.store.revoke_all(owner, except).await);
            self.assert_unknown(begun, "all family of an owner end with `revoke_all`").await;
        }
        self.assert_unknown(used, "all family of an owner end with `revoke_all`").await;
        let again = self.begin().await;
        self.go_on(again, "a login after `revoke_all` is good").await;
    }

    /// Neither another scope nor another user is the same owner.
    async fn owners(&self) {
        let begun = self.begin().await;
        let (scope, user) = (name("scope"), name("user"));
        // The same letters, cut at another place.
        let (head, tail) = self.user.split_at(4);
        let longer = format!("{}{head}", self.scope);
        for other in [
            FamilyOwner::new(&scope, &self.user),
            FamilyOwner::new(&self.scope, &user),
            FamilyOwner::new(&longer, tail),
        ] {
            let outcome = self.rotate_of(other, begun, id()).await;
            assert_eq!(outcome, Rotation::Unknown, "a family belongs to its scope and its user");
            answer("revoke", self.store.revoke(other, begun.0).await);
            answer("revoke_all", self.store.revoke_all(other, None).await);
            let listed = answer("list", self.store.list(other).await);
            assert!(listed.is_empty(), "`list` has no family of another owner");
        }
        self.go_on(begun, "`revoke_all` ends no family of another owner").await;
    }

    async fn listed(&self) {
        let user = name("user");
        assert!(self.list(&user).await.is_empty(), "the list of an unknown owner is empty");
        let long = "\u{e9}".repeat(100);
        for (label, kept) in
            [("", ""), ("Firefox on Linux", "Firefox on Linux"), (&*long, &long[..128])]
        {
            let family = id();
            let new = NewTokenFamily::new(self.owner(&user), family, id(), HOUR).label(label);
            answer("begin", self.store.begin(new).await);
            let list = self.list(&user).await;
            let entry = list
                .iter()
                .find(|login| login.id == family)
                .expect("`list` has each family of the owner");
            assert_eq!(entry.label, kept, "`list` has the label");
            let lifetime = entry.expires - entry.created;
            assert!(
                (lifetime - Duration::HOUR).abs() < TOLERANCE,
                "`list` has the lifetime: {lifetime}"
            );
            assert_eq!(
                entry.last_used, entry.created,
                "an unused family was last used when it began"
            );
        }
        assert_eq!(self.list(&user).await.len(), 3, "`list` has each family of the owner once");
    }
}

fn id() -> RandomId {
    RandomId::generate().expect("the operating system has random bytes")
}

fn answer<T>(question: &str, answer: Result<T, TokenFamilyError>) -> T {
    answer.unwrap_or_else(|error| panic!("`{question}` fails: {error}"))
}
