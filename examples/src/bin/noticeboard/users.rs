//! The users and their passwords. Placeholder for a database.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::web;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use paseto_actix::remember::CredentialFingerprint;
use tokio::sync::Semaphore;

use crate::board::Notice;

/// The minimum length of a password ([NIST SP 800-63B], section 5.1.1.2).
///
/// [NIST SP 800-63B]: https://pages.nist.gov/800-63-3/sp800-63b.html
pub(crate) const MIN_PASSWORD_LEN: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Reader,
    Writer,
    Admin,
}

impl Role {
    /// The scopes of the access tokens of a user with this role.
    pub(crate) fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Reader => &[],
            Self::Writer => &["notices:write"],
            Self::Admin => &["notices:write", "admin"],
        }
    }

    pub(crate) fn can_write(self) -> bool {
        self != Self::Reader
    }
}

/// A user as handlers see it.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) email: String,
    pub(crate) role: Role,
}

impl User {
    pub(crate) fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }

    pub(crate) fn may_remove(&self, notice: &Notice) -> bool {
        self.is_admin() || self.email == notice.author
    }
}

struct Account {
    role: Role,
    password_hash: String,
}

#[derive(Clone)]
pub(crate) struct Users {
    accounts: Arc<RwLock<BTreeMap<String, Account>>>,
    /// The hash that a password is compared with if the user does not exist. The response to an
    /// unknown user then takes the same time.
    unknown: Arc<str>,
    /// Limits the number of parallel hashes, because each one needs 19 MiB and a processor.
    hashing: Arc<Semaphore>,
}

/// The number of parallel hashes.
const MAX_HASHES: usize = 2;

impl Users {
    /// Returns the three users of the demonstration, with the same password.
    pub(crate) fn demo(password: &str) -> Self {
        let roles = [
            ("admin@bar.example", Role::Admin),
            ("foo@bar.example", Role::Writer),
            ("guest@bar.example", Role::Reader),
        ];
        let password_hash = hash(password);
        let unknown = password_hash.as_str().into();
        let accounts = roles.map(|(email, role)| {
            (email.to_owned(), Account { role, password_hash: password_hash.clone() })
        });
        let accounts = Arc::new(RwLock::new(accounts.into()));
        Self { accounts, unknown, hashing: Arc::new(Semaphore::new(MAX_HASHES)) }
    }

    pub(crate) fn find(&self, email: &str) -> Option<User> {
        let role = self.with(|accounts| accounts.get(email).map(|account| account.role))?;
        Some(User { email: email.to_owned(), role })
    }

    pub(crate) fn all(&self) -> Vec<User> {
        let user = |(email, account): (&String, &Account)| User {
            email: email.clone(),
            role: account.role,
        };
        self.with(|accounts| accounts.iter().map(user).collect())
    }

    /// Returns the fingerprint that remembered logins contain. A new password changes it.
    pub(crate) fn fingerprint(&self, email: &str) -> Option<CredentialFingerprint> {
        self.with(|accounts| {
            accounts.get(email).map(|account| CredentialFingerprint::new(&account.password_hash))
        })
    }

    /// Compares a password in a thread of its own, because Argon2 needs milliseconds.
    pub(crate) async fn has_password(&self, email: &str, password: String) -> bool {
        let known =
            self.with(|accounts| accounts.get(email).map(|account| account.password_hash.clone()));
        let is_known = known.is_some();
        let hash = known.unwrap_or_else(|| (*self.unknown).to_owned());
        let _permit = self.hashing.acquire().await;
        let is_right = web::block(move || {
            let hash = PasswordHash::new(&hash);
            hash.is_ok_and(|hash| {
                Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            })
        });
        is_right.await.unwrap_or(false) && is_known
    }

    pub(crate) async fn set_password(
        &self,
        email: &str,
        password: String,
    ) -> actix_web::Result<()> {
        let permit = self.hashing.acquire().await;
        let password_hash = web::block(move || hash(&password)).await?;
        drop(permit);
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get_mut(email) {
            account.password_hash = password_hash;
        }
        Ok(())
    }

    fn with<T>(&self, read: impl FnOnce(&BTreeMap<String, Account>) -> T) -> T {
        read(&self.accounts.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn hash(password: &str) -> String {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.expect("the default parameters are valid").to_string()
}
