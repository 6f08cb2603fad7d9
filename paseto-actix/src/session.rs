//! Sessions in encrypted cookies, for [`actix_session`].

mod budget;
mod builder;
mod config;
mod cookie;
mod decrypted_cache;
mod failure;
mod login;
mod middleware;
mod payload;
mod settings;
mod store;
mod tokens;

pub use budget::SessionTooLarge;
pub use builder::PasetoSessionBuilder;
pub use config::PasetoSessionConfig;
#[cfg(feature = "remember")]
pub(crate) use cookie::RequestState;
pub use cookie::SessionCookie;
#[cfg(feature = "remember")]
pub(crate) use login::SessionLogin;
#[cfg(feature = "remember")]
pub(crate) use middleware::PasetoSessionMiddleware;
pub use settings::PasetoSession;
pub use store::PasetoSessionStore;
