use std::fmt;
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;

use serde::Serialize;

use super::{FooterContent, Include, Inner, Issuer};
use crate::clock::{Clock, SystemClock};
use crate::error::ConfigError;
use crate::keys::{KeyRing, SecretKey};
use crate::limits::check_ttl;
use crate::token::Format;

/// Builds an [`Issuer`]. A [`key`](Self::key) is required.
///
/// ```
/// use paseto_actix::{Issuer, SecretKey};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let issuer = Issuer::builder("https://issuer.example")
///     .key(SecretKey::generate())
///     .ttl(Duration::from_secs(900))
///     .audience("https://api.example")
///     .footer(&serde_json::json!({ "tenant": "blue" }))
///     .build()?;
/// assert_eq!(issuer.public_keys().count(), 1);
/// # Ok(())
/// # }
/// ```
#[must_use = "call `.build()` to get an Issuer"]
pub struct IssuerBuilder {
    name: String,
    keys: Vec<KeyRing<SecretKey>>,
    ttl: Option<Duration>,
    max_ttl: Option<Duration>,
    audience: Option<String>,
    include: Include,
    format: Format,
    footer: Result<FooterContent, ConfigError>,
    implicit_assertion: Vec<u8>,
    clock: Arc<dyn Clock>,
}

pub(super) const DEFAULT_TTL: Duration = Duration::from_secs(3600);

impl IssuerBuilder {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            keys: Vec::new(),
            ttl: Some(DEFAULT_TTL),
            max_ttl: None,
            audience: None,
            include: Include { iss: true, nbf: true, iat: true, jti: true, kid: true },
            format: Format::Json,
            footer: Ok(FooterContent::default()),
            implicit_assertion: Vec::new(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the only key. It signs the tokens.
    pub fn key(self, key: SecretKey) -> Self {
        self.keys(key)
    }

    /// Sets the keys: a [`KeyRing`] with an active key, which signs, and with announced and retired
    /// keys. The keys can change at run time: see [`Issuer::announce`]. All replicas of a service
    /// can read them from one [key file](crate::keys::KeyFile):
    ///
    /// ```no_run
    /// use paseto_actix::Issuer;
    /// use paseto_actix::keys::KeyRing;
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let issuer = Issuer::builder("https://issuer.example")
    ///     .keys(KeyRing::from_file("/run/secrets/keys.json")?)
    ///     .build()?;
    /// # let _ = issuer;
    /// # Ok(())
    /// # }
    /// ```
    pub fn keys(mut self, keys: impl Into<KeyRing<SecretKey>>) -> Self {
        self.keys.push(keys.into());
        self
    }

    /// Sets the lifetime of tokens, 1 second to 100 years, and at most [`max_ttl`](Self::max_ttl).
    /// Default: 1 hour.
    ///
    /// Before a deployment lowers the lifetime, set `max_ttl` to the old value: see
    /// [`max_ttl`](Self::max_ttl).
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets the maximum lifetime of the tokens of this issuer, 1 second to 100 years. A longer
    /// [`ttl`](Self::ttl) or [`TokenBuilder::ttl`](super::TokenBuilder::ttl) is an error. Default:
    /// no maximum, until `RefreshTokens` gets the issuer or a clone. The maximum of all clones is
    /// then the longer of `ttl` and `access_ttl`.
    ///
    /// A logout everywhere revokes all tokens of a subject with one record, which must outlive each
    /// of them. `RefreshTokens` stores the record for `max_ttl`, 5 minutes (the longest leeway) and
    /// 5 seconds. If a deployment lowers the lifetime of tokens, `max_ttl` must keep the old value
    /// until the old tokens have expired. If several processes issue tokens with one name, set the
    /// same `max_ttl` in all of them.
    ///
    /// ```
    /// use paseto_actix::{IssueError, Issuer, SecretKey};
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let day = Duration::from_secs(24 * 60 * 60);
    /// let issuer = Issuer::builder("https://issuer.example")
    ///     .key(SecretKey::generate())
    ///     .max_ttl(day)
    ///     .build()?;
    /// let claims = serde_json::json!({});
    /// issuer.token(&claims).ttl(day).issue()?;
    /// let error = issuer.token(&claims).ttl(2 * day).issue().unwrap_err();
    /// assert!(matches!(error, IssueError::BeyondMaxTtl { .. }));
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_ttl(mut self, max_ttl: Duration) -> Self {
        self.max_ttl = Some(max_ttl);
        self
    }

    /// Issues tokens without `exp`. They stay valid until verifiers remove their key. Default:
    /// tokens have `exp`.
    ///
    /// A [`Verifier`](crate::Verifier) rejects these tokens unless its builder has
    /// `dangerously_accept_tokens_without_expiry`. With [`max_ttl`](Self::max_ttl) or
    /// `RefreshTokens`, this setting is an error.
    pub fn dangerously_without_expiry(mut self) -> Self {
        self.ttl = None;
        self
    }

    /// Sets the `aud` of tokens without their own audience. Default: no `aud`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets whether tokens contain the issuer (`iss`). A [`Verifier`](crate::Verifier) requires it.
    /// Default: `true`.
    pub fn include_iss(mut self, include: bool) -> Self {
        self.include.iss = include;
        self
    }

    /// Sets whether tokens contain the start of their validity (`nbf`). Default: `true`.
    pub fn include_nbf(mut self, include: bool) -> Self {
        self.include.nbf = include;
        self
    }

    /// Sets whether tokens contain their time of issue (`iat`). Default: `true`.
    pub fn include_iat(mut self, include: bool) -> Self {
        self.include.iat = include;
        self
    }

    /// Sets whether tokens contain a token ID (`jti`) of 128 random bits. Default: `true`.
    pub fn include_jti(mut self, include: bool) -> Self {
        self.include.jti = include;
        self
    }

    /// Sets whether the footer contains the key ID (`kid`, a `k4.pid`). Without it, a verifier
    /// tries several keys. Default: `true`.
    pub fn include_kid(mut self, include: bool) -> Self {
        self.include.kid = include;
        self
    }

    /// Sets the encoding of payload and footer. Default: [`Format::Json`].
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Adds a flat map to each footer, beside the key ID. The footer is signed but not encrypted.
    pub fn footer<F: Serialize + ?Sized>(mut self, footer: &F) -> Self {
        self.footer = serde_json::to_value(footer)
            .map(FooterContent::Map)
            .map_err(|error| ConfigError::setting("footer", error.to_string()));
        self
    }

    /// Sets each footer to opaque bytes. The footer then does not contain the key ID.
    pub fn footer_bytes(mut self, footer: impl Into<Vec<u8>>) -> Self {
        self.footer = Ok(FooterContent::Opaque(footer.into()));
        self
    }

    /// Sets the implicit assertion: bytes that are part of the signed data and not of the token.
    /// Issuer and verifier must set the same bytes. Default: empty.
    pub fn implicit_assertion(mut self, assertion: impl Into<Vec<u8>>) -> Self {
        self.implicit_assertion = assertion.into();
        self
    }

    /// Sets the clock, for tests. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the [`Issuer`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the keys are missing or set twice, if the name is empty, or if a setting
    /// is invalid.
    pub fn build(self) -> Result<Issuer, ConfigError> {
        if self.name.is_empty() {
            return Err(ConfigError::setting("iss", "the name of the issuer is empty"));
        }
        if let Some(ttl) = self.ttl {
            check_ttl("ttl", ttl)?;
        }
        if let Some(max_ttl) = self.max_ttl {
            check_max_ttl(max_ttl, self.ttl)?;
        }
        let mut keys = self.keys.into_iter();
        let keys = match (keys.next(), keys.next()) {
            (None, _) => return Err(ConfigError::NoSigningKey),
            (Some(keys), None) => keys,
            (Some(_), Some(_)) => {
                return Err(ConfigError::setting(
                    "key",
                    "the keys are set twice: call `.key(..)` or `.keys(..)` once",
                ));
            }
        };
        let footer = self.footer?;
        footer
            .encode(self.format, &keys.active(), self.include.kid)
            .map_err(|error| ConfigError::setting("footer", error.to_string()))?;
        // Without a lifetime, tokens do not expire, and their keys stay.
        let max_ttl = self.max_ttl.or(self.ttl).unwrap_or(Duration::MAX);
        keys.adopt(&self.clock, max_ttl);
        Ok(Issuer(Arc::new(Inner {
            name: self.name,
            keys,
            last_signing: RwLock::default(),
            footer,
            ttl: self.ttl,
            max_ttl: self.max_ttl.map_or_else(OnceLock::new, OnceLock::from),
            audience: self.audience,
            include: self.include,
            format: self.format,
            implicit_assertion: self.implicit_assertion,
            clock: self.clock,
        })))
    }
}

fn check_max_ttl(max_ttl: Duration, ttl: Option<Duration>) -> Result<(), ConfigError> {
    check_ttl("max_ttl", max_ttl)?;
    let problem = match ttl {
        Some(ttl) if ttl <= max_ttl => return Ok(()),
        Some(ttl) => format!(
            "expected at least {} s (`ttl`), found {} s: raise `max_ttl`, or lower `ttl`",
            ttl.as_secs_f64(),
            max_ttl.as_secs_f64()
        ),
        None => "tokens without `exp` have no lifetime: remove `.dangerously_without_expiry()`"
            .to_owned(),
    };
    Err(ConfigError::setting("max_ttl", problem))
}

impl fmt::Debug for IssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerBuilder")
            .field("name", &self.name)
            .field("keys", &self.keys)
            .field("ttl", &self.ttl)
            .field("max_ttl", &self.max_ttl)
            .field("include", &self.include)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
