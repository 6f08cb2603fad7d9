//! The way of a request past the [`Verifier`](crate::Verifier): extractors, middleware, and what the attribute calls.

mod authentication;
mod cache_control;
mod current;
mod guarded;
mod guarded_response;
mod maybe;
mod middleware;
mod names;
mod paseto;
mod required;

pub use cache_control::PasetoCacheControl;
pub use current::PasetoRequestExt;
#[doc(hidden)]
pub use guarded::{AnyToken, Guarded, HandlerRequirements};
#[doc(hidden)]
pub use guarded_response::{GuardedResponse, never};
pub use maybe::MaybePaseto;
#[doc(hidden)]
pub use names::{assert_acr_value, assert_scope};
pub use paseto::Paseto;
pub use required::PasetoRequired;
