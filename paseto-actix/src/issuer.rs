//! Issuing signed tokens.

mod builder;
mod config;
mod extract;
mod footer;
mod token;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Serialize;

pub use builder::IssuerBuilder;
pub use config::IssuerConfig;
use footer::FooterContent;
pub use token::TokenBuilder;

use crate::clock::Clock;
#[cfg(feature = "session")]
use crate::durations::LONGEST_TTL;
use crate::error::ConfigError;
use crate::error::IssueError;
use crate::keys::{PublicKey, SecretKey};
use crate::token::Format;

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
    /// The setting, or the limit that the first `RefreshTokens` of this issuer has set.
    max_ttl: OnceLock<Duration>,
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

    /// The longest lifetime of any token of this issuer: the [setting](IssuerBuilder::max_ttl), or the
    /// limit that `RefreshTokens` has set. `None` without either: then one token may live 100 years.
    ///
    /// An application that calls
    /// [`RevocationStore::revoke_subject`](crate::revocation::RevocationStore::revoke_subject) itself keeps the record
    /// for that long, and for the longest leeway of 5 minutes and 5 seconds for clocks that differ.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use paseto_actix::{Issuer, SecretKey};
    /// use paseto_actix::revocation::{MemoryRevocationStore, RevocationError, RevocationStore};
    /// use paseto_actix::time::OffsetDateTime;
    ///
    /// async fn log_out_everywhere(
    ///     issuer: &Issuer,
    ///     revocations: &MemoryRevocationStore,
    ///     subject: &str,
    /// ) -> Result<u64, RevocationError> {
    ///     let max_ttl = issuer.max_ttl().expect("the issuer has a `max_ttl`");
    ///     let until = OffsetDateTime::now_utc() + max_ttl + Duration::from_secs(305);
    ///     revocations.revoke_subject(issuer.name(), subject, None, until).await
    /// }
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = Issuer::builder("https://issuer.example")
    ///     .key(SecretKey::generate())
    ///     .max_ttl(Duration::from_secs(24 * 60 * 60))
    ///     .build()?;
    /// # log_out_everywhere(&issuer, &MemoryRevocationStore::new(1), "ada").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn max_ttl(&self) -> Option<Duration> {
        self.0.max_ttl.get().copied()
    }

    /// The longest lifetime of a token that any clone issues, or has issued since the limit was set.
    #[cfg(feature = "session")]
    pub(crate) fn longest_ttl(&self) -> Duration {
        self.max_ttl().unwrap_or(LONGEST_TTL)
    }

    /// Sets the limit of all clones, if none is set: revocation records have to outlive each token.
    #[cfg(feature = "session")]
    pub(crate) fn limit_ttl(&self, access_ttl: Duration) -> Result<(), ConfigError> {
        let ttl = self.0.ttl.ok_or_else(|| {
            ConfigError::setting(
                "issuer",
                "its tokens have no `exp`, and no revocation record can outlive them: set `.ttl(..)` on the \
                 issuer's builder in place of `.dangerously_without_expiry()`",
            )
        })?;
        let max_ttl = *self.0.max_ttl.get_or_init(|| ttl.max(access_ttl));
        if access_ttl <= max_ttl {
            return Ok(());
        }
        let (given, most) = (access_ttl.as_secs_f64(), max_ttl.as_secs_f64());
        let problem = format!(
            "it is {given} s, and the longest lifetime of the issuer's tokens is {most} s: set `.max_ttl(..)` on the \
             issuer's builder to {given} s or more"
        );
        Err(ConfigError::setting("access_ttl", problem))
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
            .field("max_ttl", &self.max_ttl())
            .field("format", &self.0.format)
            .finish_non_exhaustive()
    }
}
