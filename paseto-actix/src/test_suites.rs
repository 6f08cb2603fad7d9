//! What a store of your own has to do, as a test to run on it (feature `test-suites`).
//!
//! Tokens end early only as far as a store keeps to the rules of its trait: [`Revocations`](crate::Revocations), or
#![cfg_attr(feature = "session", doc = "[`SeriesStore`](crate::SeriesStore).")]
#![cfg_attr(not(feature = "session"), doc = "`SeriesStore` (feature `session`).")]
//! Each function here panics with the rule that it saw broken. All names are random, so a suite can run again and again, and on
//! a store that others use; what it leaves there ends by itself, an hour after `now` and in one case five.
//!
//! `now` is the time by the clock of the store: where that is the real one, the real time.
//!
//! ```
//! use paseto_actix::{MemoryRevocations, test_suites, time::OffsetDateTime};
//!
//! # #[actix_web::main]
//! # async fn main() {
//! let store = MemoryRevocations::new(1000);
//! test_suites::revocations(&store, OffsetDateTime::now_utc()).await;
//! # }
//! ```

mod revocations;
#[cfg(feature = "session")]
mod series;

use base64ct::{Base64UrlUnpadded, Encoding};
pub use revocations::{revocations, revocations_over_time};
#[cfg(feature = "session")]
pub use series::series;

/// How many steps at once are tried where of all of them one may win.
const AT_ONCE: usize = 64;

/// A name that no store holds yet.
fn name(kind: &str) -> String {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).expect("the operating system has random bytes");
    format!("{kind}-{}", Base64UrlUnpadded::encode_string(&bits))
}
