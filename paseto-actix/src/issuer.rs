//! Issues `v4.public` tokens: [`Issuer`], its builder and its settings.

mod builder;
mod config;
mod extract;
mod footer;
mod rotation;
mod token_builder;

use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

pub use builder::IssuerBuilder;
pub use config::IssuerConfig;
use footer::FooterContent;
pub use token_builder::TokenBuilder;

use crate::clock::Clock;
#[cfg(feature = "session")]
use crate::error::ConfigError;
use crate::error::IssueError;
use crate::keys::{KeyRing, KeySchedule, PublicKey, RingVersion, SecretKey};
#[cfg(feature = "session")]
use crate::limits::MAX_TTL;
use crate::token::Format;

/// Issues `v4.public` tokens. A service with the public key can verify them, and only the secret
/// key can sign them.
///
/// Build an `Issuer` once and register it with `App::app_data`. All clones share the same state. In
/// a handler, `Issuer` is an extractor. Default claims: `iss`, `exp` (one hour), `nbf`, `iat` and a
/// random `jti`. The footer contains the key ID (`kid`).
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
    keys: KeyRing<SecretKey>,
    /// The key that signed last, which is usually the active key.
    last_signing: RwLock<Option<Arc<SigningKey>>>,
    footer: FooterContent,
    ttl: Option<Duration>,
    /// The setting, or the limit from the first `RefreshTokens` with this issuer.
    max_ttl: OnceLock<Duration>,
    audience: Option<String>,
    include: Include,
    format: Format,
    implicit_assertion: Vec<u8>,
    clock: Arc<dyn Clock>,
}

/// A key and the encoded footer of its tokens, unless a token sets its own footer.
struct SigningKey {
    key: SecretKey,
    footer: Vec<u8>,
}

/// Which claims, and whether the key ID, the issuer adds.
#[derive(Clone, Copy, Debug)]
struct Include {
    iss: bool,
    nbf: bool,
    iat: bool,
    jti: bool,
    kid: bool,
}

impl Issuer {
    /// Returns a builder. A [`key`](IssuerBuilder::key) is required. The name, usually a URL, is
    /// the `iss` of the tokens.
    pub fn builder(name: impl Into<String>) -> IssuerBuilder {
        IssuerBuilder::new(name.into())
    }

    /// Issues a token with these claims and the registered claims of this issuer.
    ///
    /// # Errors
    ///
    /// [`IssueError`] if the claims are not a map, contain a claim that the issuer writes, or are
    /// too large.
    pub fn issue<C: Serialize + ?Sized>(&self, claims: &C) -> Result<String, IssueError> {
        self.token(claims).issue()
    }

    /// Returns a builder for a token with these claims and its own settings.
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

    /// Returns the name of this issuer, the `iss` of its tokens.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the maximum lifetime of the tokens of this issuer: the
    /// [setting](IssuerBuilder::max_ttl), or the limit from `RefreshTokens`. Returns `None` without
    /// both. A token can then be valid for up to 100 years.
    ///
    /// If an application calls
    /// [`RevocationStore::revoke_subject`](crate::revocation::RevocationStore::revoke_subject)
    /// itself, it must store the record for this lifetime plus 5 minutes (the longest leeway) and 5
    /// seconds (for clock differences).
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

    /// Returns the maximum lifetime of tokens that clones have issued since the limit was set.
    #[cfg(feature = "session")]
    pub(crate) fn longest_ttl(&self) -> Duration {
        self.max_ttl().unwrap_or(MAX_TTL)
    }

    #[cfg(feature = "session")]
    pub(crate) fn format(&self) -> Format {
        self.0.format
    }

    /// Sets the limit of all clones, unless it is already set. Revocation records must outlive each
    /// token.
    #[cfg(feature = "session")]
    pub(crate) fn limit_ttl(&self, access_ttl: Duration) -> Result<(), ConfigError> {
        let ttl = self.0.ttl.ok_or_else(|| {
            ConfigError::setting(
                "issuer",
                "its tokens have no `exp`, so revocation records would expire before them: set `.ttl(..)` on the \
                 issuer's builder instead of `.dangerously_without_expiry()`",
            )
        })?;
        let max_ttl = *self.0.max_ttl.get_or_init(|| ttl.max(access_ttl));
        self.0.keys.keep_for(max_ttl);
        if access_ttl <= max_ttl {
            return Ok(());
        }
        let (given, most) = (access_ttl.as_secs_f64(), max_ttl.as_secs_f64());
        let problem = format!(
            "expected at most {most} s, the maximum lifetime of the issuer's tokens, found {given} s: set \
             `.max_ttl(..)` on the issuer's builder to {given} s or more"
        );
        Err(ConfigError::setting("access_ttl", problem))
    }

    /// Returns the public keys that verifiers must trust: the active key first, then the announced
    /// keys and the retired keys whose tokens can still be valid. A verifier in the same process
    /// follows them with [`trust_issuer`](crate::verifier::VerifierBuilder::trust_issuer).
    ///
    /// ```
    /// # use paseto_actix::{Issuer, SecretKey};
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// # let issuer = Issuer::builder("https://issuer.example").key(SecretKey::generate()).build()?;
    /// for key in issuer.public_keys() {
    ///     println!("{}", key.to_paserk());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn public_keys(&self) -> impl Iterator<Item = PublicKey> + use<> {
        let (schedule, now) = (self.0.keys.current(), self.0.clock.now());
        let keys = schedule.accepted(now, self.0.keys.max_ttl());
        keys.map(|(key, _)| key.public_key()).collect::<Vec<_>>().into_iter()
    }

    /// Returns the version of [`public_keys`](Self::public_keys). Read it before the keys.
    pub(crate) fn keys_version(&self) -> RingVersion {
        self.0.keys.version(self.0.clock.now())
    }

    /// Returns whether [`public_keys`](Self::public_keys) still returns the keys of this version.
    pub(crate) fn is_current_keys_version(&self, version: RingVersion) -> bool {
        self.0.keys.is_current(version, self.0.clock.now())
    }

    /// Returns the key of the schedule that signs, and the encoded footer of its tokens.
    fn signing_key(
        &self,
        schedule: &KeySchedule<SecretKey>,
        kid: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Arc<SigningKey>, IssueError> {
        let key = match kid {
            None => schedule.active(now),
            Some(kid) => schedule.signing(now, kid).ok_or_else(|| {
                // A key in place of its ID must not appear in a log.
                let is_id = kid.is_empty() || kid.starts_with("k4.pid.");
                IssueError::UnknownKey(if is_id { kid } else { "(not a k4.pid)" }.to_owned())
            })?,
        };
        let last = self.0.last_signing.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(last) = last.filter(|last| last.key.kid() == key.kid()) {
            return Ok(last);
        }
        let footer = self.0.footer.encode(self.0.format, key, self.0.include.kid)?;
        let signing = Arc::new(SigningKey { key: key.clone(), footer });
        let mut last = self.0.last_signing.write().unwrap_or_else(PoisonError::into_inner);
        *last = Some(Arc::clone(&signing));
        Ok(signing)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("name", &self.0.name)
            .field("keys", &self.0.keys)
            .field("ttl", &self.0.ttl)
            .field("max_ttl", &self.max_ttl())
            .field("format", &self.0.format)
            .finish_non_exhaustive()
    }
}
