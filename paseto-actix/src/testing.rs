//! A kit for the tests of an application (feature `testing`).
//!
//! Put the feature into `[dev-dependencies]`. The functions of this module panic where a test must
//! fail.

mod clock;
mod issuer;
mod user;

pub use clock::{START, TestClock};
pub use issuer::TestIssuer;
pub use user::TestUser;
