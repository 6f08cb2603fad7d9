//! A kit for the tests of an application (feature `testing`).
//!
//! Put the feature into `[dev-dependencies]`. The functions of this module panic where a test must
//! fail.

mod clock;
mod guards;
mod issuer;
mod routes;
mod user;

pub use clock::{START, TestClock};
pub use guards::{assert_guarded, assert_guarded_or_login};
pub use issuer::TestIssuer;
pub use user::TestUser;
