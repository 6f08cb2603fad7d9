use futures_util::future::join_all;
use time::{Duration, OffsetDateTime};

use super::{PARALLEL_CALLS, name};
use crate::revocation::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};

/// Tests the rules of [`RevocationStore`] that do not depend on the time.
///
/// - Records of IDs, subjects and issuers are separate.
/// - A later call does not shorten a record.
/// - Each revocation of a subject starts a generation that is greater than all earlier ones, even
///   with parallel calls.
/// - A new generation does not revoke the excepted login.
///
/// # Panics
///
/// If the store fails or breaks a rule. The message is the rule.
pub async fn revocation_store<R: RevocationStore>(store: &R, now: OffsetDateTime) {
    let checks = Checks::new(store, now);
    checks.ids().await;
    checks.subjects().await;
    checks.exceptions().await;
    checks.parallel_calls().await;
}

/// Tests the expiry of records with a [`RevocationStore`] whose clock a test can advance.
///
/// `advance` moves the clock of the store forward by its argument: two hours in total.
///
/// - The store applies a record up to and including its expiry, and ignores it 5 seconds after its
///   expiry.
/// - A new generation after that is still greater than all earlier ones.
///
/// # Panics
///
/// If the store fails or breaks a rule. The message is the rule.
pub async fn revocation_store_over_time<R: RevocationStore>(
    store: &R,
    now: OffsetDateTime,
    mut advance: impl AsyncFnMut(Duration),
) {
    let checks = Checks::new(store, now);
    let (id, subject) = (name("token"), name("subject"));
    checks.revoke(&id, now + Duration::HOUR).await;
    checks.revoke(&id, now + Duration::MINUTE).await;
    let first = checks.revoke_subject(&subject, now + Duration::HOUR).await;
    let second = checks.revoke_subject(&subject, now + Duration::MINUTE).await;
    assert!(
        second > first,
        "a new generation is greater than the last generation: {second} after {first}"
    );
    advance(Duration::HOUR).await;
    assert!(
        checks.is_revoked(checks.token(&id)).await,
        "a token is revoked up to and including its latest `until`"
    );
    let old = checks.token("other").of_subject(Some(&subject), first);
    assert!(
        checks.is_revoked(old).await,
        "a subject is revoked up to and including its latest `until`"
    );
    let generation = checks.generation(&subject).await;
    assert_eq!(
        generation, second,
        "`generation` returns the last generation up to and including the latest `until`"
    );
    advance(TOLERANCE).await;
    assert!(
        !checks.is_revoked(checks.token(&id)).await,
        "a token is not revoked 5 seconds after the expiry of its record"
    );
    assert!(
        !checks.is_revoked(old).await,
        "a subject is not revoked 5 seconds after the expiry of its record"
    );
    let generation = checks.generation(&subject).await;
    assert_eq!(
        generation, 0,
        "the generation of a subject is 0 again 5 seconds after the expiry of its record"
    );
    advance(Duration::HOUR - TOLERANCE).await;
    let third = checks.revoke_subject(&subject, now + Duration::hours(3)).await;
    assert!(
        third > second,
        "a new generation is greater than all removed generations: {third} after {second}"
    );
}

/// The maximum time for which a store may apply a record after its expiry. Redis counts whole
/// seconds, and its clock may differ.
const TOLERANCE: Duration = Duration::seconds(5);

/// A store, and an issuer that is unique to this run.
struct Checks<'a, R> {
    store: &'a R,
    issuer: String,
    now: OffsetDateTime,
}

impl<'a, R: RevocationStore> Checks<'a, R> {
    fn new(store: &'a R, now: OffsetDateTime) -> Self {
        Self { store, issuer: name("https://issuer"), now }
    }

    fn end(&self) -> OffsetDateTime {
        self.now + Duration::HOUR
    }

    fn token<'q>(&'q self, id: &'q str) -> RevocationQuery<'q> {
        RevocationQuery::new(&self.issuer, id)
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> bool {
        check("is_revoked", self.store.is_revoked(query).await)
    }

    async fn revoke(&self, id: &str, until: OffsetDateTime) {
        check("revoke", self.store.revoke(&self.issuer, id, until).await);
    }

    async fn revoke_subject(&self, subject: &str, until: OffsetDateTime) -> u64 {
        check("revoke_subject", self.store.revoke_subject(&self.issuer, subject, None, until).await)
    }

    async fn generation(&self, subject: &str) -> u64 {
        check("generation", self.store.generation(&self.issuer, subject).await)
    }

    async fn ids(&self) {
        let (id, other, subject) = (name("token"), name("token"), name("subject"));
        let of_subject = |id, generation| self.token(id).of_subject(Some(&subject), generation);
        assert!(
            !self.is_revoked(of_subject(&id, 0)).await,
            "a token without a record is not revoked"
        );
        self.revoke(&id, self.end()).await;
        assert!(self.is_revoked(self.token(&id)).await, "`revoke` revokes the token");
        self.revoke(&id, self.now - Duration::HOUR).await;
        assert!(self.is_revoked(self.token(&id)).await, "a later call does not shorten a record");
        assert!(
            self.is_revoked(of_subject(&id, u64::MAX)).await,
            "a revoked ID is revoked with any generation"
        );

        assert!(!self.is_revoked(of_subject(&other, 0)).await, "another ID is not revoked");
        assert!(
            !self.is_revoked(self.token(&other).of_subject(Some(&id), 0)).await,
            "a revoked ID does not revoke a subject with this name"
        );
        let elsewhere = name("https://issuer");
        let same_id = RevocationQuery::new(&elsewhere, &id);
        assert!(!self.is_revoked(same_id).await, "an ID belongs to its issuer");
        // The same concatenation of issuer and ID, split at a different position.
        let (head, tail) = id.split_at(6);
        let longer = format!("{}{head}", self.issuer);
        assert!(
            !self.is_revoked(RevocationQuery::new(&longer, tail)).await,
            "an ID belongs to its issuer"
        );

        let of_session = |session| self.token(&other).of_session(Some(session));
        assert!(
            self.is_revoked(of_session(&id)).await,
            "a revoked session ID revokes all tokens of the session"
        );
        assert!(
            !self.is_revoked(of_session(&other)).await,
            "tokens of another session are not revoked"
        );
    }

    async fn subjects(&self) {
        let (id, subject, other) = (name("token"), name("subject"), name("subject"));
        let of = |subject, generation| self.token(&id).of_subject(Some(subject), generation);
        assert_eq!(
            self.generation(&subject).await,
            0,
            "the generation of a subject without a record is 0"
        );
        let first = self.revoke_subject(&subject, self.end()).await;
        // Removed records have expired, so their generations are less than the current time.
        let least = self.now.unix_timestamp_nanos() / 1000;
        assert!(
            i128::from(first) >= least,
            "a generation is at least the time in microseconds: {first}, {least}"
        );
        let generation = self.generation(&subject).await;
        assert_eq!(generation, first, "`generation` returns the generation of the last revocation");
        assert!(
            self.is_revoked(of(&subject, 0)).await,
            "tokens without a generation are revoked with their subject"
        );
        assert!(
            self.is_revoked(of(&subject, first - 1)).await,
            "tokens of an earlier generation are revoked"
        );
        assert!(
            !self.is_revoked(of(&subject, first)).await,
            "tokens of the new generation are not revoked"
        );

        assert!(!self.is_revoked(of(&other, 0)).await, "another subject is not revoked");
        assert_eq!(self.generation(&other).await, 0, "another subject has its own generation");
        assert!(
            !self.is_revoked(self.token(&id)).await,
            "a token without a subject is not revoked with a subject"
        );
        assert!(
            !self.is_revoked(self.token(&subject)).await,
            "a revoked subject does not revoke an ID with this name"
        );
        let elsewhere = name("https://issuer");
        let same = RevocationQuery::new(&elsewhere, &id).of_subject(Some(&subject), 0);
        assert!(!self.is_revoked(same).await, "a subject belongs to its issuer");

        let second = self.revoke_subject(&subject, self.now - Duration::HOUR).await;
        assert!(
            second > first,
            "a new generation is greater than the last generation: {second} after {first}"
        );
        assert_eq!(
            self.generation(&subject).await,
            second,
            "a later call does not shorten a record"
        );
        assert!(
            self.is_revoked(of(&subject, first)).await,
            "tokens of the first generation are revoked by the second"
        );
        assert!(
            !self.is_revoked(of(&subject, second)).await,
            "tokens of the second generation are not revoked"
        );
    }

    /// A new generation does not revoke the excepted login.
    async fn exceptions(&self) {
        let (subject, login, token, other) =
            (name("subject"), name("login"), name("token"), name("login"));
        let of = |id, login, generation| {
            self.token(id).of_session(login).of_subject(Some(&subject), generation)
        };
        let revoke_except = async |id: &str, generation| {
            let except = Some(ExceptedLogin::new(id, generation));
            self.store.revoke_subject(&self.issuer, &subject, except, self.end()).await
        };
        let first = check("revoke_subject", revoke_except(&login, 0).await);
        assert!(
            !self.is_revoked(of(&token, Some(&login), 0)).await,
            "tokens of the excepted login are not revoked"
        );
        assert!(
            !self.is_revoked(of(&login, None, 0)).await,
            "a token whose ID is the exception is not revoked"
        );
        assert!(
            self.is_revoked(of(&token, Some(&other), 0)).await,
            "tokens of other logins are revoked"
        );
        assert!(self.is_revoked(of(&token, None, 0)).await, "tokens without a login are revoked");
        assert_eq!(
            self.generation(&subject).await,
            first,
            "an exception does not change the generation"
        );
        let rejected = revoke_except(&other, first - 1).await;
        assert!(
            matches!(rejected, Err(RevocationError::Revoked)),
            "a revoked login cannot be the exception: {rejected:?}"
        );
        assert_eq!(
            self.generation(&subject).await,
            first,
            "a revoked login does not start a generation"
        );
        assert!(
            self.is_revoked(of(&token, Some(&other), 0)).await,
            "a revoked login stays revoked"
        );
        let second = check("revoke_subject", revoke_except(&login, 0).await);
        assert!(
            second > first,
            "an excepted login can be the exception again: {second} after {first}"
        );
        self.revoke(&login, self.end()).await;
        assert!(
            self.is_revoked(of(&token, Some(&login), 0)).await,
            "an excepted login can be revoked by its ID"
        );
        check("revoke_subject", revoke_except(&other, second).await);
        assert!(
            !self.is_revoked(of(&token, Some(&other), second)).await,
            "each generation has its own exception"
        );
        self.revoke_subject(&subject, self.end()).await;
        assert!(
            self.is_revoked(of(&token, Some(&other), second)).await,
            "an exception ends with the next generation"
        );
    }

    async fn parallel_calls(&self) {
        let subject = name("subject");
        let mut generations =
            join_all((0..PARALLEL_CALLS).map(|_| self.revoke_subject(&subject, self.end()))).await;
        generations.sort_unstable();
        generations.dedup();
        assert_eq!(
            generations.len(),
            PARALLEL_CALLS,
            "each of {PARALLEL_CALLS} parallel revocations starts its own generation"
        );
        let last = generations.last().copied();
        assert_eq!(
            Some(self.generation(&subject).await),
            last,
            "the greatest generation is the current generation"
        );
    }
}

fn check<T>(call: &str, result: Result<T, RevocationError>) -> T {
    result.unwrap_or_else(|error| panic!("`{call}` fails: {error}"))
}
