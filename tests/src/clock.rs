//! A clock that moves only when a test moves it.

pub use paseto_actix::testing::{START, TestClock};
