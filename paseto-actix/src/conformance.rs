//! Conformance tests for your own store (feature `conformance`).
//!
//! Logouts and revocations work only if a store obeys the rules of its trait. The traits are
//! [`RevocationStore`](crate::revocation::RevocationStore) and
#![cfg_attr(
    feature = "session",
    doc = "[`TokenFamilyStore`](crate::token_family::TokenFamilyStore)."
)]
#![cfg_attr(not(feature = "session"), doc = "`TokenFamilyStore` (feature `session`).")]
//! Each function panics if the store breaks a rule. The message is the rule.
//!
//! - `revocation_store` and `token_family_store` test rules that do not depend on the time.
//! - `revocation_store_over_time` and `token_family_store_over_time` require a store whose clock a
//!   test can advance.
//! - `token_family_store_bound` tests the limit per owner.
//!
//! All names are random, so a test can run several times and on a store in use. The records expire
//! within five hours. `now` is the time of the store's clock.
//!
//! ```
//! use paseto_actix::conformance;
//! use paseto_actix::revocation::MemoryRevocationStore;
//! use paseto_actix::time::OffsetDateTime;
//!
//! # #[actix_web::main]
//! # async fn main() {
//! let store = MemoryRevocationStore::new(1000);
//! conformance::revocation_store(&store, OffsetDateTime::now_utc()).await;
//! # }
//! ```

mod revocations;
#[cfg(feature = "session")]
mod token_families;

pub use revocations::{revocation_store, revocation_store_over_time};
#[cfg(feature = "session")]
pub use token_families::{
    token_family_store, token_family_store_bound, token_family_store_over_time,
};

use crate::random::random_id;

/// The number of parallel calls in tests of races.
const PARALLEL_CALLS: usize = 64;

/// Returns a random name, which no store contains yet.
fn name(kind: &str) -> String {
    let id = random_id().expect("the operating system returns random bytes");
    format!("{kind}-{id}")
}
