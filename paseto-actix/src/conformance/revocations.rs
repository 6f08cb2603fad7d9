use std::fmt::Debug;

use futures_util::future::join_all;
use time::{Duration, OffsetDateTime};

use super::{AT_ONCE, name};
use crate::revocation::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};

/// Shows that a store keeps the rules of [`RevocationStore`] that need no time to pass.
///
/// Ids of tokens and of sessions, subjects and issuers are told apart; a record never ends sooner for a second word; each
/// revocation of a subject begins a generation that is greater than all before it, those at once among them.
///
/// # Panics
///
/// If the store fails, or breaks a rule: the message says which.
pub async fn revocation_store<R: RevocationStore>(store: &R, now: OffsetDateTime) {
    let suite = Suite::new(store, now);
    suite.ids().await;
    suite.subjects().await;
    suite.exceptions().await;
    suite.at_once().await;
}

/// Shows that a store keeps its records until their end, on a store whose clock can be moved: `advance` moves it forward by
/// what it is given. It is moved by two hours in all.
///
/// The store applies a record up to and including its end, and ignores it 5 seconds after its end. A
/// generation that begins after that is still greater than all earlier ones.
///
/// # Panics
///
/// If the store fails, or breaks a rule: the message says which.
pub async fn revocation_store_over_time<R: RevocationStore>(
    store: &R,
    now: OffsetDateTime,
    mut advance: impl AsyncFnMut(Duration),
) {
    let suite = Suite::new(store, now);
    let (id, subject) = (name("token"), name("subject"));
    suite.revoke(&id, now + Duration::HOUR).await;
    suite.revoke(&id, now + Duration::MINUTE).await;
    let first = suite.revoke_subject(&subject, now + Duration::HOUR).await;
    let second = suite.revoke_subject(&subject, now + Duration::MINUTE).await;
    assert!(
        second > first,
        "a generation is greater than the one before it: {second} after {first}"
    );
    advance(Duration::HOUR).await;
    assert!(
        suite.is_revoked(suite.token(&id)).await,
        "a token is revoked until the last end that was told, that included"
    );
    let old = suite.token("other").of_subject(Some(&subject), first);
    assert!(
        suite.is_revoked(old).await,
        "a subject is revoked until the last end that was told, that included"
    );
    let generation = suite.generation(&subject).await;
    assert_eq!(
        generation, second,
        "`generation` returns the last generation up to and including the latest `until`"
    );
    advance(TOLERANCE).await;
    assert!(
        !suite.is_revoked(suite.token(&id)).await,
        "a token is not revoked 5 seconds after the end of its record"
    );
    assert!(
        !suite.is_revoked(old).await,
        "a subject is not revoked 5 seconds after the end of its record"
    );
    let generation = suite.generation(&subject).await;
    assert_eq!(
        generation, 0,
        "the generation of a subject is 0 again 5 seconds after the end of its record"
    );
    advance(Duration::HOUR - TOLERANCE).await;
    let third = suite.revoke_subject(&subject, now + Duration::hours(3)).await;
    assert!(
        third > second,
        "a generation is greater than those that were forgotten: {third} after {second}"
    );
}

/// How long a store may apply a record after its end. Redis counts whole seconds, and its clock may differ.
const TOLERANCE: Duration = Duration::seconds(5);

/// A store, and an issuer that no other run has.
struct Suite<'a, R> {
    store: &'a R,
    issuer: String,
    now: OffsetDateTime,
}

impl<'a, R: RevocationStore> Suite<'a, R> {
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
        answer("is_revoked", self.store.is_revoked(query).await)
    }

    async fn revoke(&self, id: &str, until: OffsetDateTime) {
        answer("revoke", self.store.revoke(&self.issuer, id, until).await);
    }

    async fn revoke_subject(&self, subject: &str, until: OffsetDateTime) -> u64 {
        answer(
            "revoke_subject",
            self.store.revoke_subject(&self.issuer, subject, None, until).await,
        )
    }

    async fn generation(&self, subject: &str) -> u64 {
        answer("generation", self.store.generation(&self.issuer, subject).await)
    }

    async fn ids(&self) {
        let (id, other, subject) = (name("token"), name("token"), name("subject"));
        let of_subject = |id, generation| self.token(id).of_subject(Some(&subject), generation);
        assert!(!self.is_revoked(of_subject(&id, 0)).await, "what nobody revoked is not revoked");
        self.revoke(&id, self.end()).await;
        assert!(
            self.is_revoked(self.token(&id)).await,
            "a token is revoked from its revocation on"
        );
        self.revoke(&id, self.now - Duration::HOUR).await;
        assert!(
            self.is_revoked(self.token(&id)).await,
            "a record never ends sooner for a second word"
        );
        assert!(
            self.is_revoked(of_subject(&id, u64::MAX)).await,
            "a revoked id is revoked under whatever generation"
        );

        assert!(!self.is_revoked(of_subject(&other, 0)).await, "another id is not revoked");
        assert!(
            !self.is_revoked(self.token(&other).of_subject(Some(&id), 0)).await,
            "an id is no subject"
        );
        let elsewhere = name("https://issuer");
        let same_id = RevocationQuery::new(&elsewhere, &id);
        assert!(!self.is_revoked(same_id).await, "an id is one of its issuer's");
        // What is cut in two elsewhere is not the same.
        let (head, tail) = id.split_at(6);
        let longer = format!("{}{head}", self.issuer);
        assert!(
            !self.is_revoked(RevocationQuery::new(&longer, tail)).await,
            "an id is one of its issuer's"
        );

        let of_session = |session| self.token(&other).of_session(Some(session));
        assert!(
            self.is_revoked(of_session(&id)).await,
            "all tokens of a session that was revoked are"
        );
        assert!(!self.is_revoked(of_session(&other)).await, "those of another session are not");
    }

    async fn subjects(&self) {
        let (id, subject, other) = (name("token"), name("subject"), name("subject"));
        let of = |subject, generation| self.token(&id).of_subject(Some(subject), generation);
        assert_eq!(
            self.generation(&subject).await,
            0,
            "the generation of a subject that nobody revoked is 0"
        );
        let first = self.revoke_subject(&subject, self.end()).await;
        // What was forgotten ended before now: its generation was of a time before that.
        let least = self.now.unix_timestamp_nanos() / 1000;
        assert!(
            i128::from(first) >= least,
            "a generation is no less than the time in microseconds: {first}, {least}"
        );
        let generation = self.generation(&subject).await;
        assert_eq!(generation, first, "the generation is the one that the last revocation began");
        assert!(
            self.is_revoked(of(&subject, 0)).await,
            "tokens of no generation are revoked with their subject"
        );
        assert!(
            self.is_revoked(of(&subject, first - 1)).await,
            "tokens of a generation before are revoked"
        );
        assert!(
            !self.is_revoked(of(&subject, first)).await,
            "tokens of the new generation are not revoked"
        );

        assert!(!self.is_revoked(of(&other, 0)).await, "another subject is not revoked");
        assert_eq!(self.generation(&other).await, 0, "another subject has a generation of its own");
        assert!(
            !self.is_revoked(self.token(&id)).await,
            "a token of no subject is not revoked with one"
        );
        assert!(!self.is_revoked(self.token(&subject)).await, "a subject is no id");
        let elsewhere = name("https://issuer");
        let same = RevocationQuery::new(&elsewhere, &id).of_subject(Some(&subject), 0);
        assert!(!self.is_revoked(same).await, "a subject is one of its issuer's");

        let second = self.revoke_subject(&subject, self.now - Duration::HOUR).await;
        assert!(
            second > first,
            "a generation is greater than the one before it: {second} after {first}"
        );
        assert_eq!(
            self.generation(&subject).await,
            second,
            "a record never ends sooner for a second word"
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

    /// A new generation can spare one login.
    async fn exceptions(&self) {
        let (subject, login, token, other) =
            (name("subject"), name("login"), name("token"), name("login"));
        let of = |id, login, generation| {
            self.token(id).of_session(login).of_subject(Some(&subject), generation)
        };
        let spare = async |id: &str, generation| {
            let except = Some(ExceptedLogin::new(id, generation));
            self.store.revoke_subject(&self.issuer, &subject, except, self.end()).await
        };
        let first = answer("revoke_subject", spare(&login, 0).await);
        assert!(
            !self.is_revoked(of(&token, Some(&login), 0)).await,
            "tokens of the excepted login are not revoked"
        );
        assert!(
            !self.is_revoked(of(&login, None, 0)).await,
            "a token whose id is the exception is not revoked"
        );
        assert!(
            self.is_revoked(of(&token, Some(&other), 0)).await,
            "tokens of other logins are revoked"
        );
        assert!(self.is_revoked(of(&token, None, 0)).await, "tokens of no login are revoked");
        assert_eq!(
            self.generation(&subject).await,
            first,
            "an exception does not change the generation"
        );
        let ended = spare(&other, first - 1).await;
        assert!(
            matches!(ended, Err(RevocationError::Revoked)),
            "a login that has ended cannot be spared: {ended:?}"
        );
        assert_eq!(
            self.generation(&subject).await,
            first,
            "a login that has ended begins no generation"
        );
        assert!(
            self.is_revoked(of(&token, Some(&other), 0)).await,
            "a login that has ended stays revoked"
        );
        let second = answer("revoke_subject", spare(&login, 0).await);
        assert!(second > first, "an excepted login can be spared again: {second} after {first}");
        self.revoke(&login, self.end()).await;
        assert!(
            self.is_revoked(of(&token, Some(&login), 0)).await,
            "an excepted login can be revoked by its id"
        );
        answer("revoke_subject", spare(&other, second).await);
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

    async fn at_once(&self) {
        let subject = name("subject");
        let mut begun =
            join_all((0..AT_ONCE).map(|_| self.revoke_subject(&subject, self.end()))).await;
        begun.sort_unstable();
        begun.dedup();
        assert_eq!(
            begun.len(),
            AT_ONCE,
            "each of {AT_ONCE} revocations at once begins a generation of its own"
        );
        let last = begun.last().copied();
        assert_eq!(
            Some(self.generation(&subject).await),
            last,
            "the greatest generation is the one that stays"
        );
    }
}

fn answer<T: Debug>(question: &str, answer: Result<T, RevocationError>) -> T {
    answer.unwrap_or_else(|error| panic!("`{question}` fails: {error}"))
}
