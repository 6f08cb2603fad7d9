//! Refresh tokens: pairs of a short access token and a long refresh token that is good for one use.

mod builder;
mod error;
mod login;
mod token;

pub use builder::{RefreshTokens, RefreshTokensBuilder};
pub use error::RefreshError;
pub use login::{Login, TokenPair};
