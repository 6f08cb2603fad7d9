use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Serialize;

use super::{FooterContent, Include, Inner, Issuer, SigningKey};
use crate::clock::{Clock, SystemClock};
use crate::durations::check_ttl;
use crate::error::ConfigError;
use crate::keys::SecretKey;
use crate::token::Format;

/// An [`Issuer`] in the making. Required is a [`key`](Self::key).
///
/// ```
/// use paseto_actix::{Issuer, SecretKey};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let issuer = Issuer::builder("https://issuer.example")
///     .key(SecretKey::generate())
///     .standby_key(SecretKey::generate())
///     .ttl(Duration::from_secs(900))
///     .audience("https://api.example")
///     .footer(&serde_json::json!({ "tenant": "blue" }))
///     .build()?;
/// assert_eq!(issuer.public_keys().count(), 2);
/// # Ok(())
/// # }
/// ```
#[must_use = "an Issuer is made by `.build()`"]
pub struct IssuerBuilder {
    name: String,
    active: Vec<SecretKey>,
    standby: Vec<SecretKey>,
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
            active: Vec::new(),
            standby: Vec::new(),
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

    /// The key to sign with.
    pub fn key(mut self, key: SecretKey) -> Self {
        self.active.push(key);
        self
    }

    /// One more key, which signs only where [`TokenBuilder::key`](super::TokenBuilder::key) asks for it.
    ///
    /// To rotate keys, let verifiers trust the new key, make it the active one, and keep the old one on standby or drop
    /// it; verifiers may forget it once its last token has expired.
    pub fn standby_key(mut self, key: SecretKey) -> Self {
        self.standby.push(key);
        self
    }

    /// How long a token is accepted, 1 second to 100 years, and at most [`max_ttl`](Self::max_ttl).
    /// Default: 1 hour.
    ///
    /// Before a deployment lowers it, set `max_ttl` to the old value: see there.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The longest lifetime of any token of this issuer, 1 second to 100 years. [`ttl`](Self::ttl) must
    /// not exceed it, and a token with a longer
    /// [`TokenBuilder::ttl`](super::TokenBuilder::ttl) is an error. Default: none, until the issuer or
    /// a clone is given to `RefreshTokens`. Then the limit of all clones is the longer of `ttl` and
    /// `access_ttl`.
    ///
    /// A logout everywhere revokes all tokens of a subject by one record, which has to outlive each of
    /// them. `RefreshTokens` keeps it for this long, the longest leeway and 5 seconds. So if a
    /// deployment lowers the lifetime of tokens, `max_ttl` has to stay at the old value until the old
    /// tokens have expired. If several processes issue tokens of one name, set the same `max_ttl` in
    /// all of them.
    ///
    /// ```
    /// use paseto_actix::{IssueError, Issuer, SecretKey};
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let day = Duration::from_secs(24 * 60 * 60);
    /// let issuer =
    ///     Issuer::builder("https://issuer.example").key(SecretKey::generate()).max_ttl(day).build()?;
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

    /// Issues tokens without `exp`, which are good for as long as their key is trusted. Default: they have one.
    ///
    /// A [`Verifier`](crate::Verifier) rejects such tokens unless its builder has
    /// `dangerously_accept_tokens_without_expiry`. Together with
    /// [`max_ttl`](Self::max_ttl) or `RefreshTokens`, this setting is an error.
    pub fn dangerously_without_expiry(mut self) -> Self {
        self.ttl = None;
        self
    }

    /// The `aud` of tokens that name no other. Default: none.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Whether a token names its issuer (`iss`). Default: yes. A [`Verifier`](crate::Verifier) wants it.
    pub fn include_iss(mut self, include: bool) -> Self {
        self.include.iss = include;
        self
    }

    /// Whether a token says from when on it is accepted (`nbf`). Default: yes.
    pub fn include_nbf(mut self, include: bool) -> Self {
        self.include.nbf = include;
        self
    }

    /// Whether a token says when it was issued (`iat`). Default: yes.
    pub fn include_iat(mut self, include: bool) -> Self {
        self.include.iat = include;
        self
    }

    /// Whether a token has an id of 128 random bits (`jti`). Default: yes.
    pub fn include_jti(mut self, include: bool) -> Self {
        self.include.jti = include;
        self
    }

    /// Whether the footer names the key (`kid`, a `k4.pid`). Default: yes. Without it, a verifier has to try keys.
    pub fn include_kid(mut self, include: bool) -> Self {
        self.include.kid = include;
        self
    }

    /// How payload and footer are written. Default: [`Format::Json`].
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// A flat map to put into every footer, beside the key's id. The footer is signed, but anyone can read it.
    pub fn footer<F: Serialize + ?Sized>(mut self, footer: &F) -> Self {
        self.footer = serde_json::to_value(footer)
            .map(FooterContent::Map)
            .map_err(|error| ConfigError::setting("footer", error.to_string()));
        self
    }

    /// A footer of opaque bytes, which leaves no room for the key's id.
    pub fn footer_bytes(mut self, footer: impl Into<Vec<u8>>) -> Self {
        self.footer = Ok(FooterContent::Opaque(footer.into()));
        self
    }

    /// An implicit assertion: bytes that are signed but not sent, and that the verifier has to know. Default: none.
    pub fn implicit_assertion(mut self, assertion: impl Into<Vec<u8>>) -> Self {
        self.implicit_assertion = assertion.into();
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the issuer.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there is no key or the same one twice, if there are two active ones, if the name is empty, or
    /// if a setting cannot work.
    pub fn build(self) -> Result<Issuer, ConfigError> {
        if self.name.is_empty() {
            return Err(ConfigError::setting("iss", "the name of the issuer is empty"));
        }
        match self.active.len() {
            0 => return Err(ConfigError::NoSigningKey),
            1 => {}
            _ => {
                return Err(ConfigError::setting(
                    "key",
                    "`.key(..)` was called twice: give the other keys with `.standby_key(..)`",
                ));
            }
        }
        if let Some(ttl) = self.ttl {
            check_ttl("ttl", ttl)?;
        }
        if let Some(max_ttl) = self.max_ttl {
            check_max_ttl(max_ttl, self.ttl)?;
        }
        let footer = self.footer?;
        let mut keys: Vec<SigningKey> = Vec::new();
        for key in self.active.into_iter().chain(self.standby) {
            if keys.iter().any(|other| other.key.kid() == key.kid()) {
                return Err(ConfigError::DuplicateKey { kid: key.kid().to_owned() });
            }
            let footer = footer
                .encode(self.format, &key, self.include.kid)
                .map_err(|error| ConfigError::setting("footer", error.to_string()))?;
            keys.push(SigningKey { key, footer });
        }
        Ok(Issuer(Arc::new(Inner {
            name: self.name,
            keys,
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
            "it is {} s, and `ttl` is {} s: raise `max_ttl`, or lower `ttl`",
            max_ttl.as_secs_f64(),
            ttl.as_secs_f64()
        ),
        None => {
            "tokens without `exp` have no end: leave out `.dangerously_without_expiry()`".to_owned()
        }
    };
    Err(ConfigError::setting("max_ttl", problem))
}

impl fmt::Debug for IssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerBuilder")
            .field("name", &self.name)
            .field("active", &self.active)
            .field("standby", &self.standby)
            .field("ttl", &self.ttl)
            .field("max_ttl", &self.max_ttl)
            .field("include", &self.include)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
