//! What can go wrong, in three types for three readers: whoever builds the application ([`ConfigError`]), whoever
//! issues a token ([`IssueError`]) and whoever presents one ([`VerifyError`]).

mod config;
mod issue;
mod problem;
mod verify;

pub use config::ConfigError;
pub use issue::IssueError;
pub(crate) use problem::problem;
pub(crate) use verify::DEFAULT_REALM;
pub use verify::{Refusal, VerifyError, VerifyErrorKind};
