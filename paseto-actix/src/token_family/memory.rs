use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use super::{
    FamilyOwner, LoginEntry, MAX_PER_USER, NewTokenFamily, RandomId, Rotation, RotationRequest,
    TokenFamilyError, TokenFamilyStore, is_in_grace_period,
};
use crate::clock::{Clock, SystemClock};
use crate::keyed_hash::{BuildTagHasher, KeyedHash, Tag};

/// A [`TokenFamilyStore`] in memory, for a single process. Clones share the token families.
///
/// The token families are lost when the process exits, so all users must log in again.
///
/// The store has a capacity. Expired token families are removed first. If the store is still full,
/// a new login fails with [`TokenFamilyError::Full`]. A user at the limit of
/// [`max_per_user`](Self::max_per_user) can still log in, because the new login replaces the user's
/// oldest login.
///
/// ```
/// use paseto_actix::token_family::MemoryTokenFamilyStore;
///
/// let families = MemoryTokenFamilyStore::new(100_000);
/// assert!(families.is_empty());
/// ```
#[derive(Clone)]
pub struct MemoryTokenFamilyStore {
    capacity: usize,
    max_per_user: usize,
    clock: Arc<dyn Clock>,
    table: Arc<Mutex<Table>>,
    hash: KeyedHash,
}

/// The hash of an owner, so that the store does not contain user IDs.
type OwnerId = Tag;

#[derive(Default)]
struct Table {
    /// The token families of each owner, in the order of the logins.
    owners: HashMap<OwnerId, Vec<TokenFamily>, BuildTagHasher>,
    /// The IDs of all token families, sorted by their expiry.
    by_expiry: BTreeSet<(OffsetDateTime, OwnerId, RandomId)>,
}

struct TokenFamily {
    entry: LoginEntry,
    current: RandomId,
    /// The token before the current token. It was used at `entry.last_used`.
    previous: Option<RandomId>,
}

impl MemoryTokenFamilyStore {
    /// Creates a store with this maximum number of logins of all users. A login takes about 300
    /// bytes, plus its label.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            max_per_user: MAX_PER_USER,
            clock: Arc::new(SystemClock),
            table: Arc::default(),
            hash: KeyedHash::new(),
        }
    }

    /// Sets the maximum number of logins per user. At the limit, a new login revokes the user's
    /// oldest login. 0 counts as 1. Default: 100.
    #[must_use]
    pub fn max_per_user(mut self, logins: usize) -> Self {
        self.max_per_user = logins.max(1);
        self
    }

    /// Sets the clock, for tests. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Returns the number of token families that have not expired.
    #[must_use]
    pub fn len(&self) -> usize {
        self.current_table().0.by_expiry.len()
    }

    /// Returns whether the store has no token families.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn id(&self, owner: FamilyOwner<'_>) -> OwnerId {
        self.hash.of(&owner)
    }

    /// Locks the table, removes expired token families, and returns the table and the time.
    fn current_table(&self) -> (MutexGuard<'_, Table>, OffsetDateTime) {
        // A panic cannot leave a partial change in the table, so a poisoned lock is safe to use.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        while let Some((_, owner, id)) =
            table.by_expiry.first().copied().filter(|(expires, ..)| *expires <= now)
        {
            table.remove(owner, id);
        }
        (table, now)
    }
}

impl Table {
    fn find(&mut self, owner: OwnerId, id: RandomId) -> Option<&mut TokenFamily> {
        self.owners.get_mut(&owner)?.iter_mut().find(|family| family.entry.id == id)
    }

    fn remove(&mut self, owner: OwnerId, id: RandomId) {
        self.retain(owner, |family| family.entry.id != id);
    }

    fn retain(&mut self, owner: OwnerId, keep: impl Fn(&TokenFamily) -> bool) {
        let Some(all) = self.owners.get_mut(&owner) else { return };
        for family in all.extract_if(.., |family| !keep(family)) {
            self.by_expiry.remove(&(family.entry.expires, owner, family.entry.id));
        }
        if all.is_empty() {
            self.owners.remove(&owner);
        }
    }
}

impl TokenFamilyStore for MemoryTokenFamilyStore {
    async fn create(&self, new: NewTokenFamily<'_>) -> Result<(), TokenFamilyError> {
        let owner = self.id(new.owner);
        let (mut table, now) = self.current_table();
        table.remove(owner, new.family);
        let oldest = table
            .owners
            .get(&owner)
            .filter(|all| all.len() >= self.max_per_user)
            .map(|all| all[0].entry.id);
        if let Some(oldest) = oldest {
            table.remove(owner, oldest);
        }
        if table.by_expiry.len() >= self.capacity {
            return Err(TokenFamilyError::Full { capacity: self.capacity });
        }
        let expires = now.saturating_add(new.lifetime.try_into().unwrap_or(time::Duration::MAX));
        let entry = LoginEntry::new(new.family, now, expires, new.label);
        table.by_expiry.insert((expires, owner, new.family));
        // Most users have one login, and the first push to an empty `Vec` allocates room for four.
        let all = table.owners.entry(owner).or_insert_with(|| Vec::with_capacity(1));
        all.push(TokenFamily { entry, current: new.first, previous: None });
        Ok(())
    }

    async fn rotate(&self, request: RotationRequest<'_>) -> Result<Rotation, TokenFamilyError> {
        let owner = self.id(request.owner);
        let (mut table, now) = self.current_table();
        let Some(family) = table.find(owner, request.family) else { return Ok(Rotation::Unknown) };
        if family.current == request.presented {
            family.previous = Some(request.presented);
            family.current = request.next;
            family.entry.last_used = now;
            return Ok(Rotation::Rotated);
        }
        let age = now - family.entry.last_used;
        if family.previous == Some(request.presented)
            && is_in_grace_period(age, request.grace_period)
        {
            return Ok(Rotation::Superseded { current: family.current });
        }
        table.remove(owner, request.family);
        Ok(Rotation::Reused)
    }

    async fn revoke(
        &self,
        owner: FamilyOwner<'_>,
        family: RandomId,
    ) -> Result<(), TokenFamilyError> {
        self.current_table().0.remove(self.id(owner), family);
        Ok(())
    }

    async fn revoke_all(
        &self,
        owner: FamilyOwner<'_>,
        except: Option<RandomId>,
    ) -> Result<(), TokenFamilyError> {
        self.current_table().0.retain(self.id(owner), |family| Some(family.entry.id) == except);
        Ok(())
    }

    async fn list(&self, owner: FamilyOwner<'_>) -> Result<Vec<LoginEntry>, TokenFamilyError> {
        let (table, _) = self.current_table();
        let all = table.owners.get(&self.id(owner)).map(Vec::as_slice).unwrap_or_default();
        Ok(all.iter().map(|family| family.entry.clone()).collect())
    }
}

impl fmt::Debug for MemoryTokenFamilyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTokenFamilyStore")
            .field("capacity", &self.capacity)
            .field("max_per_user", &self.max_per_user)
            .finish_non_exhaustive()
    }
}
