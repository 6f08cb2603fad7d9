//! Sessions in encrypted cookies, for [`actix_session`].

mod budget;
mod builder;
mod envelope;
mod facts;
mod middleware;
mod opened;
mod slide;
mod store;
mod wire;

pub use budget::{SessionBudget, SessionTooLarge};
pub use builder::{PasetoSession, PasetoSessionBuilder};
pub use store::PasetoSessionStore;
