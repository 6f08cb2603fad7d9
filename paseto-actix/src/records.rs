//! The revocation records of the stores in memory and on SQLite, in a table in memory.

use std::collections::{BTreeSet, HashMap};

use time::OffsetDateTime;

use crate::keyed_hash::{BuildTagHasher, KeyedHash, Tag};

/// The hash of a kind, an issuer and a name. It has a fixed length and does not contain the name.
pub(crate) type RecordId = Tag;

/// Creates the IDs of records.
#[derive(Clone)]
pub(crate) struct RecordNames(pub(crate) KeyedHash);

impl RecordNames {
    /// Returns the ID of the record of a token ID or a session ID.
    pub(crate) fn token(&self, issuer: &str, id: &str) -> RecordId {
        self.0.of_parts(&[b"token", issuer.as_bytes(), id.as_bytes()])
    }

    pub(crate) fn subject(&self, issuer: &str, subject: &str) -> RecordId {
        self.0.of_parts(&[b"subject", issuer.as_bytes(), subject.as_bytes()])
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(crate) until: OffsetDateTime,
    /// The generation of a subject, and the login that it does not revoke. In a record of a token,
    /// they are 0 and `None`.
    pub(crate) generation: u64,
    pub(crate) except: Option<RecordId>,
}

impl Record {
    /// Returns the record of a token or a login. It does not shorten the known record.
    pub(crate) fn of_token(until: OffsetDateTime, known: Option<Self>) -> Self {
        Self { until, generation: 0, except: None }.extended(known)
    }

    /// Returns the record of a new generation of a subject, which is at least `generation`. Returns
    /// `None` if the known record revokes the excepted login.
    pub(crate) fn of_subject(
        generation: u64,
        except: Option<(RecordId, u64)>,
        until: OffsetDateTime,
        known: Option<Self>,
    ) -> Option<Self> {
        if let (Some(known), Some((login, own))) = (known, except)
            && known.revokes(own, [Some(login), None])
        {
            return None;
        }
        let last = known.map_or(0, |known| known.generation);
        let generation = last.saturating_add(1).max(generation);
        Some(Self { until, generation, except: except.map(|(login, _)| login) }.extended(known))
    }

    fn extended(self, known: Option<Self>) -> Self {
        Self { until: known.map_or(self.until, |known| known.until.max(self.until)), ..self }
    }

    pub(crate) fn revokes(&self, generation: u64, ids: [Option<RecordId>; 2]) -> bool {
        let is_excepted = self.except.is_some() && ids.contains(&self.except);
        generation < self.generation && !is_excepted
    }
}

#[derive(Default)]
pub(crate) struct Records {
    by_id: HashMap<RecordId, Record, BuildTagHasher>,
    /// The IDs of the same records, sorted by their expiry.
    by_expiry: BTreeSet<(OffsetDateTime, RecordId)>,
}

impl Records {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn get(&self, id: &RecordId) -> Option<&Record> {
        self.by_id.get(id)
    }

    /// Inserts or replaces a record.
    pub(crate) fn set(&mut self, id: RecordId, record: Record) {
        if let Some(replaced) = self.by_id.insert(id, record) {
            self.by_expiry.remove(&(replaced.until, id));
        }
        self.by_expiry.insert((record.until, id));
    }

    /// Removes at most this number of expired records.
    pub(crate) fn remove_expired(&mut self, now: OffsetDateTime, limit: usize) {
        for _ in 0..limit {
            let first = self.by_expiry.first().copied();
            let Some((until, id)) = first.filter(|(until, _)| *until < now) else { return };
            self.by_expiry.remove(&(until, id));
            self.by_id.remove(&id);
        }
    }

    /// Returns the generation of a subject: 0 without a record in force.
    pub(crate) fn generation(&self, subject: &RecordId, now: OffsetDateTime) -> u64 {
        self.in_force(subject, now).map_or(0, |record| record.generation)
    }

    /// Returns whether a record revokes a token with these IDs, or its subject and generation.
    pub(crate) fn is_revoked(
        &self,
        ids: [Option<RecordId>; 2],
        subject: Option<(RecordId, u64)>,
        now: OffsetDateTime,
    ) -> bool {
        ids.iter().flatten().any(|id| self.in_force(id, now).is_some())
            || subject.is_some_and(|(subject, generation)| {
                let record = self.in_force(&subject, now);
                record.is_some_and(|record| record.revokes(generation, ids))
            })
    }

    /// Returns the record if it has not expired. Only a write removes expired records, so each read
    /// compares the time.
    fn in_force(&self, id: &RecordId, now: OffsetDateTime) -> Option<&Record> {
        self.by_id.get(id).filter(|record| record.until >= now)
    }
}
