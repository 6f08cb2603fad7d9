//! A store of revocations that keeps all rules, or all but one: what a suite has to tell apart.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::rt::task::yield_now;
use paseto_actix::clock::Clock;
use paseto_actix::revocation::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};
use time::OffsetDateTime;

use crate::clock::TestClock;

/// What is wrong with a [`ModelRevocationStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationFault {
    /// It answers nothing.
    Fails,
    /// It keeps no ids.
    ForgetsIds,
    /// It begins generations, and keeps none.
    ForgetsSubjects,
    /// The last end that was told is the one that counts.
    EndsSooner,
    /// A record is gone when its end has come.
    EndsEarly,
    /// A record of a subject is gone when its end has come.
    EndsSubjectsEarly,
    /// A generation is 0 when the end of its record has come.
    EndsGenerationsEarly,
    /// A record of an id counts for ever.
    NeverForgetsIds,
    /// A record of a subject revokes for ever.
    NeverForgetsSubjects,
    /// A record of a subject ends, and its generation stays.
    NeverForgetsGenerations,
    /// It keeps ids and subjects without their issuers.
    MixesIssuers,
    /// It keeps an issuer and a name as one text.
    JoinsNames,
    /// It keeps ids and subjects in one table.
    MixesKinds,
    /// It does not look at session ids.
    IgnoresSessions,
    /// It looks at the generation alone where there is one.
    IgnoresIdsOfSubjects,
    /// Its generations do not grow within a microsecond.
    SameGeneration,
    /// Its generations are numbers of their own.
    CountsFromOne,
    /// Tokens of the new generation are revoked too.
    RevokesTheNew,
    /// All subjects have one generation.
    OneForAll,
    /// It reads in one step and writes in another.
    Races,
    /// A new generation has no exception.
    IgnoresExceptions,
    /// Only session ids are excepted, and no ids of tokens.
    ExceptsOnlySessions,
    /// A new generation keeps the exception of the one before.
    KeepsExceptions,
    /// A login that has ended can be spared.
    RevivesLogins,
    /// An excepted login cannot be revoked by its id.
    ExceptsFromEverything,
}

/// Ends, generations and exceptions, by kind, issuer and name.
type Records = HashMap<[String; 3], (OffsetDateTime, u64, Option<String>)>;

/// The store, by a clock that tests move.
#[derive(Debug)]
pub struct ModelRevocationStore {
    clock: TestClock,
    fault: Option<RevocationFault>,
    records: Mutex<Records>,
}

impl ModelRevocationStore {
    /// An empty one.
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
            self.has(RevocationFault::EndsEarly)
                || (kind == "subject" && self.has(RevocationFault::EndsSubjectsEarly))
        };
        let forever = match self.fault {
            Some(RevocationFault::NeverForgetsIds) => "id",
            Some(
                RevocationFault::NeverForgetsSubjects | RevocationFault::NeverForgetsGenerations,
            ) => "subject",
            _ => "no kind",
        };
        records.retain(|key, (until, ..)| {
            key[0] == forever || if is_early(&key[0]) { *until > now } else { *until >= now }
        });
        Ok(records)
    }

    fn key(&self, kind: &str, issuer: &str, name: &str) -> [String; 3] {
        let kind = if self.has(RevocationFault::MixesKinds) { "" } else { kind };
        let issuer = if self.has(RevocationFault::MixesIssuers) { "" } else { issuer };
        let name =
            if kind == "subject" && self.has(RevocationFault::OneForAll) { "" } else { name };
        if self.has(RevocationFault::JoinsNames) {
            return [kind.to_owned(), String::new(), format!("{issuer}{name}")];
        }
        [kind, issuer, name].map(str::to_owned)
    }

    fn keep(
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
            .filter(|_| !self.has(RevocationFault::EndsSooner));
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
        token_id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        if self.has(RevocationFault::ForgetsIds) {
            return Ok(());
        }
        self.keep(self.key("id", issuer, token_id), until, 0, None)
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
        let is_ended = |login: ExceptedLogin<'_>| {
            login.generation < last && known.as_deref() != Some(login.id)
        };
        if except.is_some_and(is_ended) && !self.has(RevocationFault::RevivesLogins) {
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
        if !self.has(RevocationFault::ForgetsSubjects) {
            self.keep(key, until, generation, except)?;
        }
        Ok(generation)
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        let key = self.key("subject", issuer, subject);
        let now = self.clock.now();
        let has_ended = |until| self.has(RevocationFault::EndsGenerationsEarly) && until == now;
        let records = self.records()?;
        let record = records.get(&key).filter(|(until, ..)| !has_ended(*until));
        Ok(record.map_or(0, |(_, generation, _)| *generation))
    }

    async fn is_revoked(&self, token: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let records = self.records()?;
        let has = |id: &str| records.contains_key(&self.key("id", token.issuer, id));
        let session = token.session_id.filter(|_| !self.has(RevocationFault::IgnoresSessions));
        let by_id = has(token.token_id) || session.is_some_and(has);
        let Some((subject, own)) = token.subject else { return Ok(by_id) };
        let has_ended =
            |until| self.has(RevocationFault::NeverForgetsGenerations) && until < self.clock.now();
        let record = records
            .get(&self.key("subject", token.issuer, subject))
            .filter(|(until, ..)| !has_ended(*until));
        let least = record.map_or(0, |(_, generation, _)| *generation);
        let except = record.and_then(|(.., except)| except.as_deref());
        let token_id =
            Some(token.token_id).filter(|_| !self.has(RevocationFault::ExceptsOnlySessions));
        let is_excepted = except.is_some() && (except == token_id || except == token.session_id);
        if is_excepted && self.has(RevocationFault::ExceptsFromEverything) {
            return Ok(false);
        }
        let own =
            if self.has(RevocationFault::RevokesTheNew) { own.saturating_sub(1) } else { own };
        Ok((own < least && !is_excepted)
            || (by_id && !self.has(RevocationFault::IgnoresIdsOfSubjects)))
    }
}
