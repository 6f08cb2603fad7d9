//! Issuing signed tokens.

mod builder;
mod config;
mod extract;
mod footer;
mod token;

use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;

pub use builder::IssuerBuilder;
pub use config::IssuerConfig;
use footer::FooterContent;
pub use token::TokenBuilder;

use crate::{Clock, Format, IssueError, PublicKey, SecretKey};

/// Issues `v4.public` tokens: anyone with the public key can verify them, nobody without the secret key can make one.
///
/// Build it once, clone it freely (clones share everything), and register it with `App::app_data`. In a handler it is
/// an extractor. What a token holds without being asked: `iss`, `exp` (an hour from now), `nbf`, `iat`, a random `jti`,
/// and the key's id in the footer.
///
/// ```
/// use actix_web::{App, HttpResponse, post};
/// use paseto_actix::{IssueError, Issuer, SecretKey};
///
/// #[post("/login")]
/// async fn login(issuer: Issuer) -> Result<HttpResponse, IssueError> {
///     let token = issuer.issue(&serde_json::json!({ "user": { "email": "ada@example.org" } }))?;
///     Ok(HttpResponse::Ok().body(token))
/// }
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let issuer = Issuer::builder("https://issuer.example").key(SecretKey::generate()).build()?;
/// let app = App::new().app_data(issuer).service(login);
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    name: String,
    /// The active key comes first.
    keys: Vec<SigningKey>,
    ttl: Option<Duration>,
    audience: Option<String>,
    include: Include,
    format: Format,
    implicit_assertion: Vec<u8>,
    clock: Arc<dyn Clock>,
}

/// A key with the footer of the tokens it signs, which is the same for all that ask for no other.
struct SigningKey {
    key: SecretKey,
    footer: Vec<u8>,
}

/// Which claims go into a token without being asked for.
#[derive(Clone, Copy, Debug)]
struct Include {
    iss: bool,
    nbf: bool,
    iat: bool,
    jti: bool,
    kid: bool,
}

impl Issuer {
    /// Starts an issuer of this name, which becomes the `iss` of its tokens: by custom an URL.
    pub fn builder(name: impl Into<String>) -> IssuerBuilder {
        IssuerBuilder::new(name.into())
    }

    /// Issues a token with these claims, and the registered ones that this issuer adds.
    ///
    /// # Errors
    ///
    /// [`IssueError`] if the claims are no map, collide with a registered claim, or are too large.
    pub fn issue<C: Serialize + ?Sized>(&self, claims: &C) -> Result<String, IssueError> {
        self.token(claims).issue()
    }

    /// Starts a token with these claims, for settings that are its own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use paseto_actix::{Issuer, SecretKey};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let issuer = Issuer::builder("https://issuer.example").key(SecretKey::generate()).build()?;
    /// let token = issuer
    ///     .token(&serde_json::json!({ "plan": "pro" }))
    ///     .subject("ada")
    ///     .audience("https://api.example")
    ///     .scopes(["read", "write"])
    ///     .ttl(Duration::from_secs(300))
    ///     .issue()?;
    /// # assert!(token.starts_with("v4.public."));
    /// # Ok(())
    /// # }
    /// ```
    pub fn token<'a, C: Serialize + ?Sized>(&'a self, claims: &'a C) -> TokenBuilder<'a, C> {
        TokenBuilder::new(self, claims)
    }

    /// The name of this issuer: the `iss` of its tokens.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The public halves of all its keys, the active one first: what a verifier has to trust.
    ///
    /// ```
    /// # use paseto_actix::{Issuer, SecretKey, Verifier};
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// # let issuer = Issuer::builder("https://issuer.example").key(SecretKey::generate()).build()?;
    /// let verifier = Verifier::builder().trust_keys(issuer.name(), issuer.public_keys()).build()?;
    /// # let _ = verifier;
    /// # Ok(())
    /// # }
    /// ```
    pub fn public_keys(&self) -> impl Iterator<Item = PublicKey> {
        self.0.keys.iter().map(|signing| signing.key.public_key())
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("name", &self.0.name)
            .field("keys", &self.0.keys.iter().map(|signing| signing.key.kid()).collect::<Vec<_>>())
            .field("ttl", &self.0.ttl)
            .field("format", &self.0.format)
            .finish_non_exhaustive()
    }
}
