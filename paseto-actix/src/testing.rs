//! A kit for the tests of an application (feature `testing`).
//!
//! Put the feature into `[dev-dependencies]`. The functions of this module panic where a test must
//! fail.

mod clock;

pub use clock::{START, TestClock};
