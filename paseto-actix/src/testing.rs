//! A kit for the tests of an application (feature `testing`).
//!
//! - [`TestIssuer`] has a generated key and a verifier that trusts it. [`TestUser`] is a token as
//!   the header of a request, with a method for each fault.
//! - [`TestClock`] moves only when the test moves it.
//! - [`assert_guarded`] finds routes without a guard.
//! - [`Browser`] stores cookies, submits forms, follows redirects, and logs a user in without a
//!   password.
//! - [`RemoteApp`] lets the browser use a server at a URL.
//! - [`FailingStore`] fails on demand, as a store whose server is down.
//!
//! Put the feature into `[dev-dependencies]`. The functions of this module panic where a test must
//! fail. See the chapter [testing](crate::guide::testing).

mod browser;
mod clock;
mod cookie_jar;
mod failing_store;
mod guards;
mod issuer;
#[cfg(feature = "remember")]
mod log_in;
mod remote_app;
mod routes;
mod user;

pub use browser::{Browser, Page};
pub use clock::{START, TestClock};
pub use failing_store::FailingStore;
pub use guards::{assert_guarded, assert_guarded_or_login};
pub use issuer::TestIssuer;
pub use remote_app::RemoteApp;
pub use user::TestUser;
