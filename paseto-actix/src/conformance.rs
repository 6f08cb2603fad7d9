//! Conformance tests for a store of your own (feature `conformance`).
//!
//! Logins end early only if a store obeys the rules of its trait: [`RevocationStore`](crate::revocation::RevocationStore), or
#![cfg_attr(
    feature = "session",
    doc = "[`TokenFamilyStore`](crate::token_family::TokenFamilyStore)."
)]
#![cfg_attr(not(feature = "session"), doc = "`TokenFamilyStore` (feature `session`).")]
//! Each function panics with the rule that the store breaks. All names are random, so a suite can run
//! several times, and on a store in use. Its records expire within five hours.
//!
//! `revocation_store` and `token_family_store` need no time to pass. `revocation_store_over_time` and `token_family_store_over_time` need
//! a store whose clock can be moved, and `token_family_store_bound` the limit of one owner. `now` is the time by
//! the clock of the store.
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

use base64ct::{Base64UrlUnpadded, Encoding};
pub use revocations::{revocation_store, revocation_store_over_time};
#[cfg(feature = "session")]
pub use token_families::{
    token_family_store, token_family_store_bound, token_family_store_over_time,
};

/// How many steps at once are tried where of all of them one may win.
const AT_ONCE: usize = 64;

/// A name that no store holds yet.
fn name(kind: &str) -> String {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).expect("the operating system has random bytes");
    format!("{kind}-{}", Base64UrlUnpadded::encode_string(&bits))
}
