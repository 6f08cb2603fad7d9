//! A revocation store that breaks one rule, or none. The conformance tests must detect the broken
//! rule.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::rt::task::yield_now;
use paseto_actix::clock::Clock;
use paseto_actix::revocation::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};
use time::OffsetDateTime;

use crate::clock::TestClock;

/// The rule that a [`ModelRevocationStore`] breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationFault {
    /// Each call fails.
    Fails,
    /// It stores no token IDs.
    DropsIds,
    /// It returns new generations but does not store them.
    DropsSubjects,
    /// A second revocation replaces the end of the record, even by an earlier end.
    ShortensRecords,
    /// A record expires one step too early: at its end instead of after it.
    ExpiresEarly,
    /// A record of a subject expires at its end instead of after it.
    ExpiresSubjectsEarly,
    /// `generation` returns 0 at the end of the record.
    ExpiresGenerationsEarly,
    /// A record of an ID never expires.
    NeverExpiresIds,
    /// A record of a subject never expires.
    NeverExpiresSubjects,
    /// A record of a subject expires, but `generation` still returns its generation.
    NeverExpiresGenerations,
    /// It stores IDs and subjects without their issuers.
    IgnoresIssuers,
    /// It concatenates issuer and name to one key.
    ConcatenatesNames,
    /// It stores IDs and subjects in one table.
    MixesIdsAndSubjects,
    /// It ignores session IDs.
    IgnoresSessions,
    /// For a token with a subject, it checks the generation only.
    IgnoresIdsOfSubjects,
    /// Two generations within one microsecond are equal.
    SameGeneration,
    /// Its generations count from 1 instead of containing the time.
    CountsFromOne,
    /// It revokes tokens of the new generation too.
    RevokesNewGeneration,
    /// All subjects share one generation.
    SharesGeneration,
    /// It reads and writes in separate steps.
    Races,
    /// It ignores exceptions.
    IgnoresExceptions,
    /// It excepts session IDs only, and no token IDs.
    ExceptsOnlySessions,
    /// A new generation keeps the exception of the generation before.
    KeepsExceptions,
    /// A revoked login can be excepted.
    RevivesLogins,
    /// An excepted login cannot be revoked by its ID.
    ExceptionOverridesIds,
}

/// The end, generation and exception of each record, by kind, issuer and name.
type Records = HashMap<[String; 3], (OffsetDateTime, u64, Option<String>)>;

/// A revocation store with a clock that tests move.
#[derive(Debug)]
pub struct ModelRevocationStore {
    clock: TestClock,
    fault: Option<RevocationFault>,
    records: Mutex<Records>,
}

impl ModelRevocationStore {
    /// Returns an empty store.
    pub fn new(clock: &TestClock, fault: Option<RevocationFault>) -> Self {
        Self { clock: clock.clone(), fault, records: Mutex::default() }
    }

    fn has(&self, fault: RevocationFault) -> bool {
        self.fault == Some(fault)
    }

    fn records(&self) -> Result<MutexGuard<'_, Records>, RevocationError> {
        if self.has(RevocationFault::Fails) {
            return Err(RevocationError::Other("down".into()));
        }
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let is_early = |kind: &str| {
            self.has(RevocationFault::ExpiresEarly)
                || (kind == "subject" && self.has(RevocationFault::ExpiresSubjectsEarly))
        };
        let forever = match self.fault {
            Some(RevocationFault::NeverExpiresIds) => "id",
            Some(
                RevocationFault::NeverExpiresSubjects | RevocationFault::NeverExpiresGenerations,
            ) => "subject",
            _ => "no kind",
        };
        records.retain(|key, (until, ..)| {
            key[0] == forever || if is_early(&key[0]) { *until > now } else { *until >= now }
        });
        Ok(records)
    }

    fn key(&self, kind: &str, issuer: &str, name: &str) -> [String; 3] {
        let kind = if self.has(RevocationFault::MixesIdsAndSubjects) { "" } else { kind };
        let issuer = if self.has(RevocationFault::IgnoresIssuers) { "" } else { issuer };
        let name = if kind == "subject" && self.has(RevocationFault::SharesGeneration) {
            ""
        } else {
            name
        };
        if self.has(RevocationFault::ConcatenatesNames) {
            return [kind.to_owned(), String::new(), format!("{issuer}{name}")];
        }
        [kind, issuer, name].map(str::to_owned)
    }

    fn store(
        &self,
        key: [String; 3],
        until: OffsetDateTime,
        generation: u64,
        except: Option<&str>,
    ) -> Result<(), RevocationError> {
        let mut records = self.records()?;
        let known = records
            .get(&key)
            .map(|(until, ..)| *until)
            .filter(|_| !self.has(RevocationFault::ShortensRecords));
        let mut except =
            except.filter(|_| !self.has(RevocationFault::IgnoresExceptions)).map(str::to_owned);
        if except.is_none() && self.has(RevocationFault::KeepsExceptions) {
            except = records.get(&key).and_then(|(.., except)| except.clone());
        }
        records.insert(key, (known.map_or(until, |known| known.max(until)), generation, except));
        Ok(())
    }
}

impl RevocationStore for ModelRevocationStore {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        if self.has(RevocationFault::DropsIds) {
            return Ok(());
        }
        self.store(self.key("id", issuer, id), until, 0, None)
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        let key = self.key("subject", issuer, subject);
        let (last, known) = self
            .records()?
            .get(&key)
            .map_or((0, None), |(_, generation, except)| (*generation, except.clone()));
        let is_revoked_login = |login: ExceptedLogin<'_>| {
            login.generation < last && known.as_deref() != Some(login.id)
        };
        if except.is_some_and(is_revoked_login) && !self.has(RevocationFault::RevivesLogins) {
            return Err(RevocationError::Revoked);
        }
        let except = except.map(|login| login.id);
        if self.has(RevocationFault::Races) {
            yield_now().await;
        }
        let micros =
            u64::try_from(self.clock.now().unix_timestamp_nanos() / 1000).expect("after 1970");
        let generation = match self.fault {
            Some(RevocationFault::SameGeneration) => last.max(micros),
            Some(RevocationFault::CountsFromOne) => last + 1,
            _ => micros.max(last + 1),
        };
        if !self.has(RevocationFault::DropsSubjects) {
            self.store(key, until, generation, except)?;
        }
        Ok(generation)
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        let key = self.key("subject", issuer, subject);
        let now = self.clock.now();
        let has_expired =
            |until| self.has(RevocationFault::ExpiresGenerationsEarly) && until == now;
        let records = self.records()?;
        let record = records.get(&key).filter(|(until, ..)| !has_expired(*until));
        Ok(record.map_or(0, |(_, generation, _)| *generation))
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let records = self.records()?;
        let has = |id: &str| records.contains_key(&self.key("id", query.issuer, id));
        let session = query.session_id.filter(|_| !self.has(RevocationFault::IgnoresSessions));
        let by_id = has(query.token_id) || session.is_some_and(has);
        let Some((subject, own)) = query.subject else { return Ok(by_id) };
        let has_expired =
            |until| self.has(RevocationFault::NeverExpiresGenerations) && until < self.clock.now();
        let record = records
            .get(&self.key("subject", query.issuer, subject))
            .filter(|(until, ..)| !has_expired(*until));
        let least = record.map_or(0, |(_, generation, _)| *generation);
        let except = record.and_then(|(.., except)| except.as_deref());
        let token_id =
            Some(query.token_id).filter(|_| !self.has(RevocationFault::ExceptsOnlySessions));
        let is_excepted = except.is_some() && (except == token_id || except == query.session_id);
        if is_excepted && self.has(RevocationFault::ExceptionOverridesIds) {
            return Ok(false);
        }
        let own = if self.has(RevocationFault::RevokesNewGeneration) {
            own.saturating_sub(1)
        } else {
            own
        };
        Ok((own < least && !is_excepted)
            || (by_id && !self.has(RevocationFault::IgnoresIdsOfSubjects)))
    }
}
