//! Logins that outlive the session, beside [`actix_identity`].

mod builder;
mod client;
mod context;
mod fresh;
mod login;
mod middleware;
mod page;
mod series;
mod token;
mod user;

pub use builder::{RememberMe, RememberMeBuilder};
pub use client::SessionProtection;
pub use fresh::{Fresh, Freshness, LoggedIn};
pub use login::{LoginError, Remember};
pub use page::safe_next;
pub use series::{MemorySeries, RandomId, Rotation, SeriesError, SeriesReuse, SeriesStore, TokenUse};
pub use user::UserStamp;
