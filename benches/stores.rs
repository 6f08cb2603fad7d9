//! Stores of revocations and token families, and verifiers that query them.

use std::cell::RefCell;
use std::thread;
use std::time::Duration;

use actix_web::rt::Runtime;
use futures_util::future::try_join_all;
use paseto_actix::refresh::{RefreshError, RefreshTokensBuilder};
use paseto_actix::revocation::{CachedRevocationStore, MemoryRevocationStore, RevocationStore};
use paseto_actix::time;
use paseto_actix::time::OffsetDateTime;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{Issuer, LocalKey, RedisStore, RefreshTokens, SecretKey, SqliteStore, Verifier};
use serde_json::json;

use crate::apps::Setting;
use crate::keys::ISSUER;
use crate::subjects::Store;
use crate::verifiers;

/// The number of revoked tokens in a store of this process.
const REVOKED: usize = 1000;
/// The `max_staleness` of the example in the documentation of `CachedRevocationStore`, which has no
/// default value.
const MAX_STALENESS: Duration = Duration::from_secs(2);

/// Returns a verifier that queries this store for each request.
pub(crate) fn verifier(store: Store, setting: &Setting) -> Verifier {
    let verifier = verifiers::cached(setting.keys.public());
    let verifier = match store {
        Store::Memory => {
            let store = MemoryRevocationStore::new(REVOKED);
            fill(&store);
            verifier.revocation_store(store)
        }
        Store::Sqlite => {
            let store = sqlite(setting).revocation_store();
            fill(&store);
            verifier.revocation_store(store)
        }
        Store::Redis => verifier.revocation_store(redis(setting).revocation_store()),
        Store::CachedRedis => {
            let store =
                CachedRevocationStore::new(redis(setting).revocation_store(), MAX_STALENESS);
            verifier.revocation_store(store)
        }
        Store::PushedRedis => verifier.revocation_store(redis(setting).pushed_revocation_store()),
    };
    verifier.build().expect("a verifier")
}

/// Returns a verifier without a store, and logins in this store.
pub(crate) fn refresher(store: Store, setting: &Setting) -> (Verifier, Refresher) {
    let issuer = Issuer::builder(ISSUER).key(SecretKey::generate()).build().expect("an issuer");
    let tokens = RefreshTokens::builder(issuer, LocalKey::generate());
    let tokens = match store {
        Store::Memory => with_memory(tokens),
        Store::Sqlite => {
            let store = sqlite(setting);
            tokens
                .token_family_store(store.token_family_store())
                .revocation_store(store.revocation_store())
        }
        Store::Redis | Store::CachedRedis | Store::PushedRedis => {
            let store = redis(setting);
            tokens
                .token_family_store(store.token_family_store())
                .revocation_store(store.revocation_store())
        }
    };
    let verifier = verifiers::cached(setting.keys.public()).build().expect("a verifier");
    let tokens = tokens.build().expect("refresh tokens");
    (verifier, Refresher { tokens, current: RefCell::default() })
}

fn with_memory(tokens: RefreshTokensBuilder) -> RefreshTokensBuilder {
    tokens
        .token_family_store(MemoryTokenFamilyStore::new(REVOKED))
        .revocation_store(MemoryRevocationStore::new(REVOKED))
}

/// Refreshes logins. Each login belongs to another user.
pub(crate) struct Refresher {
    tokens: RefreshTokens,
    /// The refresh tokens that no request uses.
    current: RefCell<Vec<String>>,
}

impl Refresher {
    /// Refreshes a login once. The first calls create the logins.
    pub(crate) async fn refresh(&self) -> Result<(), RefreshError> {
        let token = self.current.borrow_mut().pop();
        let login = match token {
            Some(token) => self.tokens.refresh(&token).await?,
            None => {
                let user = SecretKey::generate().public_key().kid().to_owned();
                self.tokens.login(user).await?
            }
        };
        let pair = login.issue(&json!({}))?;
        self.current.borrow_mut().push(pair.refresh_token.clone());
        Ok(())
    }
}

/// Returns a store in a new file in the folder of the run.
fn sqlite(setting: &Setting) -> SqliteStore {
    let name = format!("{}.sqlite", SecretKey::generate().public_key().kid());
    SqliteStore::open(setting.folder.join(name)).expect("a store")
}

fn redis(setting: &Setting) -> RedisStore {
    let url = setting.redis.as_deref().expect("the URL of a Redis");
    // Redis shares two cores with the server and the client, so it can respond late.
    RedisStore::builder(url).timeout(Duration::from_secs(10)).build().expect("a store")
}

/// Revokes tokens of other logins.
fn fill(store: &(impl RevocationStore + Clone)) {
    let (store, until) = (store.clone(), OffsetDateTime::now_utc() + time::Duration::DAY);
    let revoke = move || {
        let all = (0..REVOKED).map(|number| {
            let store = &store;
            async move { store.revoke(ISSUER, &number.to_string(), until).await }
        });
        Runtime::new().expect("a runtime").block_on(try_join_all(all)).expect("room");
    };
    // This thread already has a runtime.
    thread::spawn(revoke).join().expect("records");
}
