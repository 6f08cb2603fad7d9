//! The errors of this crate:
//!
//! - [`ConfigError`]: a key, a builder or a setting is invalid.
//! - [`IssueError`]: a token was not issued.
//! - [`VerifyError`]: a request or a token was rejected.
//! - [`VerifyErrorKind`]: the reason of a [`VerifyError`], for metrics and error handlers.
//! - [`Rejection`]: the result of a check of the application that rejects a token.

mod config;
mod issue;
mod problem;
mod quote;
mod rejection;
mod verify;
mod verify_error_kind;

pub use config::ConfigError;
pub use issue::IssueError;
pub(crate) use problem::problem;
pub(crate) use quote::{has_secret_key, on_one_line, quote, quote_list};
pub use rejection::Rejection;
pub use verify::VerifyError;
pub(crate) use verify::{ChallengeParameters, DEFAULT_REALM};
pub use verify_error_kind::VerifyErrorKind;
