//! Three types of errors: of configuration ([`ConfigError`]), of issuing a token ([`IssueError`])
//! and of a request with a token ([`VerifyError`]).

mod config;
mod issue;
mod problem;
mod quote;
mod rejection;
mod verify;
mod verify_kind;

pub use config::ConfigError;
pub use issue::IssueError;
pub(crate) use problem::problem;
use quote::on_one_line;
pub(crate) use quote::{has_secret_key, quote, quote_list};
pub use rejection::Rejection;
pub use verify::VerifyError;
pub(crate) use verify::{ChallengeParameters, DEFAULT_REALM};
pub use verify_kind::VerifyErrorKind;
