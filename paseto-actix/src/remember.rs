//! Logins that outlive the session, beside [`actix_identity`].

mod builder;
mod client;
mod config;
mod context;
mod error;
mod fresh;
mod layer;
mod login;
mod middleware;
mod page;
mod restore;
mod settings;
mod token;
mod user;

pub use builder::RememberMeBuilder;
pub use client::SessionProtection;
pub use config::RememberMeConfig;
pub use error::LoginError;
pub use fresh::{FreshLogin, Freshness, LoggedIn};
pub use layer::LoginLayer;
pub use login::{PendingSessionLogin, Remember};
pub use page::safe_redirect_path;
pub use settings::RememberMe;
pub use user::CredentialFingerprint;
