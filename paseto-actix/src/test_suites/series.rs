use std::time::Duration as StdDuration;

use futures_util::future::join_all;
use time::{Duration, OffsetDateTime};

use super::{AT_ONCE, name};
use crate::{RandomId, Rotation, SeriesError, SeriesStore, TokenUse};

const GRACE: StdDuration = StdDuration::from_secs(60);

/// Shows that a store keeps the rules of [`SeriesStore`].
///
/// A token is good for one use, of many at once too, and for the grace after it; who comes later ends the series; what was ended
/// or has expired is unknown; all series of one user end together, and nobody else's.
///
/// The times of its uses go up to one hour after `now`. A store that forgets by the times that it is told, as
/// [`MemorySeries`](crate::MemorySeries) does, forgets what has ended by then, whosever it is.
///
/// # Panics
///
/// If the store fails, or breaks a rule: the message says which.
pub async fn series<S: SeriesStore>(store: &S, now: OffsetDateTime) {
    let suite = Suite { store, start: now, user: name("user") };
    suite.one_use().await;
    suite.strangers().await;
    suite.begun_again().await;
    suite.at_once().await;
    suite.ended().await;
    suite.all_of_a_user().await;
    suite.expired().await;
}

/// A store, and a user that no other run has.
struct Suite<'a, S> {
    store: &'a S,
    start: OffsetDateTime,
    user: String,
}

/// A series, and its current token.
type Begun = (RandomId, RandomId);

impl<S: SeriesStore> Suite<'_, S> {
    fn end(&self) -> OffsetDateTime {
        self.start + Duration::HOUR
    }

    async fn begin(&self) -> Begun {
        self.begin_for(&self.user, self.end()).await
    }

    async fn begin_for(&self, user: &str, end: OffsetDateTime) -> Begun {
        let (series, first) = (id(), id());
        answer("begin", self.store.begin(series, first, user, end, self.start).await);
        (series, first)
    }

    async fn rotate(&self, series: RandomId, presented: RandomId, next: RandomId, now: OffsetDateTime) -> Rotation {
        answer("rotate", self.store.rotate(TokenUse::new(series, presented, next, now, GRACE)).await)
    }

    /// Uses the current token.
    async fn go_on(&self, (series, current): Begun, rule: &str) -> Begun {
        let next = id();
        assert_eq!(self.rotate(series, current, next, self.start).await, Rotation::Rotated, "{rule}");
        (series, next)
    }

    async fn assert_unknown(&self, (series, token): Begun, rule: &str) {
        assert_eq!(self.rotate(series, token, id(), self.start).await, Rotation::Unknown, "{rule}");
    }

    async fn one_use(&self) {
        let (begun, other) = (self.begin().await, self.begin().await);
        let (series, first) = begun;
        self.assert_unknown((id(), first), "a series that nobody began is unknown").await;
        let (_, second) = self.go_on(begun, "the first token is good for one use").await;
        let (third, grace_ends) = (id(), self.start + Duration::MINUTE);
        let superseded = Rotation::Superseded { current: second };
        for now in [self.start, grace_ends - Duration::MICROSECOND, grace_ends] {
            let outcome = self.rotate(series, first, third, now).await;
            assert_eq!(
                outcome, superseded,
                "the token before the current one is taken within the grace, that included"
            );
        }
        let outcome = self.rotate(series, second, third, grace_ends).await;
        assert_eq!(outcome, Rotation::Rotated, "the current token is the one that the last use brought");
        let later = grace_ends + Duration::MINUTE;
        let outcome = self.rotate(series, second, id(), later).await;
        assert_eq!(outcome, Rotation::Superseded { current: third }, "each use begins a grace of its own");
        let outcome = self.rotate(series, second, id(), later + Duration::MICROSECOND).await;
        assert_eq!(outcome, Rotation::Reused, "a token that comes after the grace is a copy");
        self.assert_unknown((series, third), "a reuse ends the series, for whoever has it").await;
        self.go_on(other, "a reuse ends no other series of the user").await;
    }

    /// The grace is for the token before the current one, and for no other.
    async fn strangers(&self) {
        for stranger in [false, true] {
            let begun = self.begin().await;
            let second = self.go_on(begun, "the first token is good for one use").await;
            let third = self.go_on(second, "the current token is the one that the last use brought").await;
            let (series, presented) = if stranger { (begun.0, id()) } else { begun };
            let outcome = self.rotate(series, presented, id(), self.start).await;
            assert_eq!(outcome, Rotation::Reused, "a token that is older than the one before, or never was, is a copy");
            self.assert_unknown(third, "a reuse ends the series, for whoever has it").await;
        }
    }

    async fn begun_again(&self) {
        for presents_old in [false, true] {
            let begun = self.begin().await;
            self.go_on(begun, "the first token is good for one use").await;
            let (series, first) = (begun.0, id());
            answer("begin", self.store.begin(series, first, &self.user, self.end(), self.start).await);
            if presents_old {
                let outcome = self.rotate(series, begun.1, id(), self.start).await;
                assert_eq!(outcome, Rotation::Reused, "a series that is begun again knows no token from before");
            } else {
                self.go_on((series, first), "a series that is begun again has the new first token").await;
            }
        }
    }

    async fn at_once(&self) {
        let (series, first) = self.begin().await;
        let uses = (0..AT_ONCE).map(async |_| {
            let next = id();
            (next, self.rotate(series, first, next, self.start).await)
        });
        let outcomes = join_all(uses).await;
        let (rotated, rest): (Vec<_>, Vec<_>) =
            outcomes.into_iter().partition(|(_, outcome)| *outcome == Rotation::Rotated);
        assert_eq!(rotated.len(), 1, "of {AT_ONCE} uses of one token at once, one rotates");
        let current = rotated[0].0;
        for (_, outcome) in rest {
            assert_eq!(outcome, Rotation::Superseded { current }, "the others get the token of the one that rotated");
        }
        self.go_on((series, current), "the token of the one that rotated is the current one").await;
    }

    async fn ended(&self) {
        let (ended, kept) = (self.begin().await, self.begin().await);
        answer("revoke", self.store.revoke(ended.0).await);
        self.assert_unknown(ended, "a series that was revoked is unknown").await;
        answer("revoke", self.store.revoke(ended.0).await);
        answer("revoke", self.store.revoke(id()).await);
        self.go_on(kept, "revoking one series ends no other").await;
    }

    async fn all_of_a_user(&self) {
        let other = name("user");
        let (fresh, used) = (self.begin().await, self.begin().await);
        let used = self.go_on(used, "the first token is good for one use").await;
        // What lists them must not end with the one that began last.
        let long = self.begin_for(&self.user, self.start + Duration::hours(5)).await;
        let short = self.begin_for(&self.user, self.start + Duration::minutes(30)).await;
        let of_other = self.begin_for(&other, self.end()).await;
        answer("revoke_all", self.store.revoke_all(&name("nobody")).await);
        for _ in 0..2 {
            answer("revoke_all", self.store.revoke_all(&self.user).await);
        }
        for begun in [fresh, used, long, short] {
            self.assert_unknown(begun, "all series of a user end with `revoke_all`").await;
        }
        self.go_on(of_other, "`revoke_all` ends nobody else's series").await;
        let again = self.begin().await;
        self.go_on(again, "a login after `revoke_all` is good").await;
    }

    async fn expired(&self) {
        let ((last, of_last), (late, of_late)) = (self.begin().await, self.begin().await);
        let outcome = self.rotate(last, of_last, id(), self.end() - Duration::MICROSECOND).await;
        assert_eq!(outcome, Rotation::Rotated, "a series is good until just before its end");
        let outcome = self.rotate(late, of_late, id(), self.end()).await;
        assert_eq!(outcome, Rotation::Unknown, "a series has expired at its end");
    }
}

fn id() -> RandomId {
    RandomId::generate().expect("the operating system has random bytes")
}

fn answer<T>(question: &str, answer: Result<T, SeriesError>) -> T {
    answer.unwrap_or_else(|error| panic!("`{question}` fails: {error}"))
}
