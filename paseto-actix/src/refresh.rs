//! Refresh tokens: pairs of a short access token and a long refresh token that is good for one use.

mod builder;
mod config;
mod error;
mod login;
mod pending_login;
mod token;
mod tokens;

pub use builder::RefreshTokensBuilder;
pub use config::RefreshTokensConfig;
pub use error::RefreshError;
pub use login::{Login, TokenPair};
pub use pending_login::PendingLogin;
pub use tokens::RefreshTokens;
