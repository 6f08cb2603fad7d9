//! Sessions in encrypted cookies, for [`actix_session`].

mod budget;
mod builder;
mod cookie;
mod decrypted_cache;
mod failure;
mod middleware;
mod payload;
mod settings;
mod store;
mod tokens;

pub use budget::SessionTooLarge;
pub use builder::PasetoSessionBuilder;
pub use cookie::SessionCookie;
pub use settings::PasetoSession;
pub use store::PasetoSessionStore;
