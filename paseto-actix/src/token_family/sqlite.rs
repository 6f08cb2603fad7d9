use std::fmt;
use std::time::Duration;

use rusqlite::{OptionalExtension, Row, params};

use super::{
    FamilyOwner, LoginEntry, MAX_PER_USER, NewTokenFamily, RandomId, Rotation, RotationRequest,
    TokenFamilyError, TokenFamilyStore, is_in_grace_period,
};
use crate::keyed_hash::Tag;
use crate::sqlite::{
    Batch, SqliteError, SqliteStore, Table, checksum, compare_checksum, micros, micros_until,
    time_at,
};

/// A [`TokenFamilyStore`] in a state file, for the processes of one machine.
///
/// [`SqliteStore::token_family_store`](crate::SqliteStore::token_family_store) creates it. Each call
/// returns after the disk has stored its changes.
#[derive(Clone)]
pub struct SqliteTokenFamilyStore {
    file: SqliteStore,
}

impl SqliteStore {
    /// Returns the token family store in this file. It uses the thread of this handle.
    #[must_use]
    pub fn token_family_store(&self) -> SqliteTokenFamilyStore {
        SqliteTokenFamilyStore { file: self.clone() }
    }
}

impl From<SqliteError> for TokenFamilyError {
    fn from(error: SqliteError) -> Self {
        Self::Other(error.into())
    }
}

impl SqliteTokenFamilyStore {
    /// Returns the hash of an owner, so that the file does not contain user IDs.
    fn owner(&self, owner: FamilyOwner<'_>) -> OwnerId {
        let parts = [b"owner", owner.namespace.as_bytes(), owner.user_id.as_bytes()];
        self.file.names().0.of_parts(&parts)
    }
}

type OwnerId = Tag;

/// A row of the table `token_families`. Times are in microseconds since 1970.
struct TokenFamily {
    number: i64,
    owner: OwnerId,
    id: RandomId,
    current: RandomId,
    /// The token before the current token. It was used at `used`.
    previous: Option<RandomId>,
    created: i64,
    used: i64,
    expires: i64,
    label: String,
}

const SELECT: &str = "SELECT number, owner, id, current, previous, created, used, expires, label,
    checksum FROM token_families WHERE owner = ?1 AND expires > ?2 ORDER BY number";
const SELECT_ONE: &str = "SELECT number, owner, id, current, previous, created, used, expires,
    label, checksum FROM token_families WHERE owner = ?1 AND expires > ?2 AND id = ?3";
const INSERT: &str = "INSERT INTO token_families
    (number, owner, id, current, previous, created, used, expires, label, checksum)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const UPDATE: &str = "UPDATE token_families
    SET current = ?2, previous = ?3, used = ?4, checksum = ?5 WHERE number = ?1";
const NEXT_NUMBER: &str = "SELECT coalesce(max(number), 0) + 1 FROM token_families";

impl TokenFamily {
    fn read(row: &Row<'_>, batch: &Batch<'_>) -> rusqlite::Result<Self> {
        let previous: Option<[u8; 16]> = row.get(4)?;
        let family = Self {
            number: row.get(0)?,
            owner: Tag::from_bytes(row.get(1)?),
            id: RandomId(row.get(2)?),
            current: RandomId(row.get(3)?),
            previous: previous.map(RandomId),
            created: row.get(5)?,
            used: row.get(6)?,
            expires: row.get(7)?,
            label: row.get(8)?,
        };
        compare_checksum(row.get(9)?, family.checksum(batch))?;
        Ok(family)
    }

    fn find(batch: &Batch<'_>, owner: OwnerId, id: RandomId) -> rusqlite::Result<Option<Self>> {
        let mut select = batch.connection.prepare_cached(SELECT_ONE)?;
        let values = params![&owner.to_bytes()[..], micros(batch.now), &id.0[..]];
        select.query_row(values, |row| Self::read(row, batch)).optional()
    }

    /// Returns the token families of an owner, in the order of the logins.
    fn all(batch: &Batch<'_>, owner: OwnerId) -> rusqlite::Result<Vec<Self>> {
        let mut select = batch.connection.prepare_cached(SELECT)?;
        let values = params![&owner.to_bytes()[..], micros(batch.now)];
        select.query_map(values, |row| Self::read(row, batch))?.collect()
    }

    fn remove(batch: &Batch<'_>, owner: OwnerId, id: RandomId) -> rusqlite::Result<()> {
        let delete = "DELETE FROM token_families WHERE owner = ?1 AND id = ?2";
        let mut delete = batch.connection.prepare_cached(delete)?;
        delete.execute(params![&owner.to_bytes()[..], &id.0[..]])?;
        Ok(())
    }

    fn insert(&self, batch: &Batch<'_>) -> rusqlite::Result<()> {
        let inserted = batch.connection.prepare_cached(INSERT)?.execute(params![
            self.number,
            &self.owner.to_bytes()[..],
            &self.id.0[..],
            &self.current.0[..],
            self.previous.as_ref().map(|id| &id.0[..]),
            self.created,
            self.used,
            self.expires,
            self.label,
            self.checksum(batch),
        ])?;
        batch.changed_one(inserted)
    }

    /// Stores the tokens and the time of the last use.
    fn update(&self, batch: &Batch<'_>) -> rusqlite::Result<()> {
        let updated = batch.connection.prepare_cached(UPDATE)?.execute(params![
            self.number,
            &self.current.0[..],
            self.previous.as_ref().map(|id| &id.0[..]),
            self.used,
            self.checksum(batch),
        ])?;
        batch.changed_one(updated)
    }

    fn checksum(&self, batch: &Batch<'_>) -> i64 {
        let previous = self.previous.as_ref().map_or(&[][..], |id| &id.0[..]);
        let values: [&[u8]; 10] = [
            b"token_families",
            &self.number.to_le_bytes(),
            &self.owner.to_bytes(),
            &self.id.0,
            &self.current.0,
            previous,
            &self.created.to_le_bytes(),
            &self.used.to_le_bytes(),
            &self.expires.to_le_bytes(),
            self.label.as_bytes(),
        ];
        checksum(batch.hash, &values)
    }

    fn entry(self) -> LoginEntry {
        LoginEntry::new(self.id, time_at(self.created), time_at(self.expires), self.label)
            .used_at(time_at(self.used))
    }
}

fn create(
    batch: &Batch<'_>,
    family: TokenFamily,
    max_per_user: usize,
) -> rusqlite::Result<Result<(), TokenFamilyError>> {
    TokenFamily::remove(batch, family.owner, family.id)?;
    let all = TokenFamily::all(batch, family.owner)?;
    // More than one, if the file was used with a higher limit.
    let surplus = (all.len() + 1).saturating_sub(max_per_user);
    for oldest in &all[..surplus] {
        TokenFamily::remove(batch, oldest.owner, oldest.id)?;
    }
    if !batch.has_room(Table::TokenFamilies)? {
        return Ok(Err(TokenFamilyError::Full { capacity: batch.capacity }));
    }
    let number = batch.connection.prepare_cached(NEXT_NUMBER)?.query_row([], |row| row.get(0))?;
    TokenFamily { number, ..family }.insert(batch)?;
    Ok(Ok(()))
}

fn rotate(
    batch: &Batch<'_>,
    owner: OwnerId,
    [id, presented, next]: [RandomId; 3],
    grace_period: Duration,
) -> rusqlite::Result<Rotation> {
    let Some(family) = TokenFamily::find(batch, owner, id)? else { return Ok(Rotation::Unknown) };
    let now = micros(batch.now);
    if family.current == presented {
        let rotated = TokenFamily { current: next, previous: Some(presented), used: now, ..family };
        rotated.update(batch)?;
        return Ok(Rotation::Rotated);
    }
    let age = time::Duration::microseconds(now.saturating_sub(family.used));
    if family.previous == Some(presented) && is_in_grace_period(age, grace_period) {
        return Ok(Rotation::Superseded { current: family.current });
    }
    TokenFamily::remove(batch, owner, id)?;
    Ok(Rotation::Reused)
}

impl TokenFamilyStore for SqliteTokenFamilyStore {
    async fn create(&self, new: NewTokenFamily<'_>) -> Result<(), TokenFamilyError> {
        let (owner, id, current) = (self.owner(new.owner), new.family, new.first);
        let lifetime = new.lifetime.try_into().unwrap_or(time::Duration::MAX);
        let label = new.label.to_owned();
        let max_per_user = self.file.max_per_user.unwrap_or(MAX_PER_USER);
        let work = move |batch: &Batch<'_>| {
            let created = micros(batch.now);
            let family = TokenFamily {
                number: 0,
                owner,
                id,
                current,
                previous: None,
                created,
                used: created,
                expires: micros_until(batch.now.saturating_add(lifetime)),
                label,
            };
            create(batch, family, max_per_user)
        };
        self.file.write(work).await?
    }

    async fn rotate(&self, request: RotationRequest<'_>) -> Result<Rotation, TokenFamilyError> {
        let owner = self.owner(request.owner);
        let ids = [request.family, request.presented, request.next];
        let grace_period = request.grace_period;
        Ok(self.file.write(move |batch| rotate(batch, owner, ids, grace_period)).await?)
    }

    async fn revoke(
        &self,
        owner: FamilyOwner<'_>,
        family: RandomId,
    ) -> Result<(), TokenFamilyError> {
        let owner = self.owner(owner);
        Ok(self.file.write(move |batch| TokenFamily::remove(batch, owner, family)).await?)
    }

    async fn revoke_all(
        &self,
        owner: FamilyOwner<'_>,
        except: Option<RandomId>,
    ) -> Result<(), TokenFamilyError> {
        let owner = self.owner(owner);
        let work = move |batch: &Batch<'_>| {
            let delete = "DELETE FROM token_families WHERE owner = ?1 AND id IS NOT ?2";
            let except = except.as_ref().map(|id| &id.0[..]);
            let mut delete = batch.connection.prepare_cached(delete)?;
            delete.execute(params![&owner.to_bytes()[..], except])?;
            Ok(())
        };
        Ok(self.file.write(work).await?)
    }

    async fn list(&self, owner: FamilyOwner<'_>) -> Result<Vec<LoginEntry>, TokenFamilyError> {
        let owner = self.owner(owner);
        let all = self.file.write(move |batch| TokenFamily::all(batch, owner)).await?;
        Ok(all.into_iter().map(TokenFamily::entry).collect())
    }
}

impl fmt::Debug for SqliteTokenFamilyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteTokenFamilyStore").field("file", &self.file).finish()
    }
}
