//! Guards of handlers and scopes: extractors, middlewares, and the types behind
//! `#[paseto_required]`.

mod authentication;
mod cache_control;
mod checked_token;
mod guarded;
mod guarded_response;
mod maybe;
mod middleware;
mod names;
mod paseto;
mod request_ext;
mod required;

pub(crate) use authentication::{Authentication, Denied};
pub use cache_control::PasetoCacheControl;
pub use checked_token::CheckedToken;
#[doc(hidden)]
pub use guarded::{AnyToken, Guarded, HandlerRequirements};
#[doc(hidden)]
pub use guarded_response::{GuardedResponse, never};
pub use maybe::MaybePaseto;
#[doc(hidden)]
pub use names::{assert_acr_value, assert_scope};
pub use paseto::Paseto;
pub use request_ext::PasetoRequestExt;
pub use required::PasetoRequired;
