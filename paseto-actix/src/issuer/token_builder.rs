use std::fmt;
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

use super::{FooterContent, Issuer};
use crate::error::IssueError;
use crate::limits::check_ttl;
use crate::random::random_id;
use crate::token::{encode_payload, format_time, is_scope_token, scan, sign};

/// Builds one token: see [`Issuer::token`]. The settings of the issuer apply unless the token has
/// its own.
///
/// ```
/// use paseto_actix::{Issuer, SecretKey};
/// use paseto_actix::clock::{Clock, SystemClock};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Issuer::builder("https://issuer.example").key(SecretKey::generate()).build()?;
/// let token = issuer
///     .token(&serde_json::json!({ "email": "ada@example.org" }))
///     .subject("user:17")
///     .auth_time(SystemClock.now())
///     .footer(&serde_json::json!({ "tenant": "blue" }))
///     .issue()?;
/// # assert!(token.starts_with("v4.public."));
/// # Ok(())
/// # }
/// ```
#[must_use = "call `.issue()` to get a token"]
pub struct TokenBuilder<'a, C: ?Sized> {
    issuer: &'a Issuer,
    claims: &'a C,
    subject: Option<String>,
    audience: Option<String>,
    ttl: Option<Duration>,
    not_before: Option<OffsetDateTime>,
    token_id: Option<String>,
    scopes: Option<Vec<String>>,
    auth_time: Option<OffsetDateTime>,
    acr: Option<String>,
    session_id: Option<String>,
    generation: Option<u64>,
    footer: Option<Result<FooterContent, IssueError>>,
    implicit_assertion: Option<Vec<u8>>,
    kid: Option<String>,
}

impl<'a, C: Serialize + ?Sized> TokenBuilder<'a, C> {
    pub(super) fn new(issuer: &'a Issuer, claims: &'a C) -> Self {
        Self {
            issuer,
            claims,
            subject: None,
            audience: None,
            ttl: None,
            not_before: None,
            token_id: None,
            scopes: None,
            auth_time: None,
            acr: None,
            session_id: None,
            generation: None,
            footer: None,
            implicit_assertion: None,
            kid: None,
        }
    }

    /// Sets the subject of the token (`sub`), usually a user ID. Default: no `sub`.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Sets the recipient of the token (`aud`). Default: the audience of the issuer.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets the lifetime of the token, 1 second to 100 years. Default: the `ttl` of the issuer.
    ///
    /// A lifetime above [`max_ttl`](Issuer::max_ttl) of the issuer is an error. If
    /// [`IssuerBuilder::max_ttl`](super::IssuerBuilder::max_ttl) is not set, the limit applies only
    /// after `RefreshTokens` gets the issuer or a clone. If a token from before that time lives
    /// longer, it becomes valid again when the record of a logout expires. If a deployment lowers a
    /// lifetime, `max_ttl` must keep the old value until the old tokens have expired.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets the start of the validity (`nbf`), in whole seconds. Default: the time of issue.
    pub fn not_before(mut self, time: OffsetDateTime) -> Self {
        self.not_before = Some(time);
        self
    }

    /// Sets the token ID (`jti`). Default: 128 random bits.
    pub fn token_id(mut self, id: impl Into<String>) -> Self {
        self.token_id = Some(id.into());
        self
    }

    /// Sets the scopes that the token grants (`scope`, [RFC 8693, section 4.2]). Default: no
    /// `scope`.
    ///
    /// [RFC 8693, section 4.2]: https://www.rfc-editor.org/rfc/rfc8693#section-4.2
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the time when the user logged in (`auth_time`), for `#[paseto_required(fresh = "…")]`.
    /// Default: no `auth_time`.
    pub fn auth_time(mut self, time: OffsetDateTime) -> Self {
        self.auth_time = Some(time);
        self
    }

    /// Sets the authentication context class (`acr`) of the login ([OpenID Connect Core, section
    /// 2]), for `#[paseto_required(acr("…"))]`. The application defines the values, such as `pwd`
    /// for a password or `phr` for a phishing-resistant login ([ACR values of OpenID Connect]). The
    /// value is visible ASCII without space, `"` and `\`. Default: no `acr`.
    ///
    /// ```
    /// use paseto_actix::clock::{Clock, SystemClock};
    /// use paseto_actix::{Issuer, SecretKey, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let key = SecretKey::generate();
    /// let verifier =
    ///     Verifier::builder().trust("https://issuer.example", key.public_key()).build()?;
    /// let issuer = Issuer::builder("https://issuer.example").key(key).build()?;
    /// let text =
    ///     issuer.token(&serde_json::json!({})).auth_time(SystemClock.now()).acr("phr").issue()?;
    /// assert_eq!(verifier.verify_str(&text)?.acr(), Some("phr"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [OpenID Connect Core, section 2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    /// [ACR values of OpenID Connect]: https://openid.net/specs/openid-connect-eap-acr-values-1_0.html#acrValues
    pub fn acr(mut self, acr: impl Into<String>) -> Self {
        self.acr = Some(acr.into());
        self
    }

    /// Sets the ID of the login that the token belongs to (`sid`), so that all tokens of the login
    /// can be revoked together. Default: no `sid`.
    pub fn session_id(mut self, id: impl Into<String>) -> Self {
        self.session_id = Some(id.into());
        self
    }

    /// Sets the generation of the subject (`sub_gen`), as
    /// [`RevocationStore::generation`](crate::revocation::RevocationStore::generation) returns it.
    /// Default: no `sub_gen`, which means generation 0.
    pub fn generation(mut self, generation: u64) -> Self {
        self.generation = Some(generation);
        self
    }

    /// Adds a flat map to the footer, beside the key ID. The footer is signed but not encrypted.
    pub fn footer<F: Serialize + ?Sized>(mut self, footer: &F) -> Self {
        let value =
            serde_json::to_value(footer).map_err(|error| IssueError::Serialize(Box::new(error)));
        self.footer = Some(value.map(FooterContent::Map));
        self
    }

    /// Sets the footer to opaque bytes. The footer then does not contain the key ID.
    pub fn footer_bytes(mut self, footer: impl Into<Vec<u8>>) -> Self {
        self.footer = Some(Ok(FooterContent::Opaque(footer.into())));
        self
    }

    /// Sets the implicit assertion: bytes that are part of the signed data and not of the token.
    /// The verifier must have the same bytes. Default: the implicit assertion of the issuer.
    pub fn implicit_assertion(mut self, assertion: impl Into<Vec<u8>>) -> Self {
        self.implicit_assertion = Some(assertion.into());
        self
    }

    /// Sets the key ID (`k4.pid`) of the key that signs the token: the active key or an announced
    /// key. Another key ID is [`IssueError::UnknownKey`]. Default: the active key of the issuer.
    pub fn key_id(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// Encodes and signs the token.
    ///
    /// # Errors
    ///
    /// [`IssueError`] if a setting is invalid, or if each verifier would reject the token.
    pub fn issue(self) -> Result<String, IssueError> {
        let issuer = &*self.issuer.0;
        let now = issuer.clock.now();
        let schedule = issuer.keys.current();
        let signing = self.issuer.signing_key(&schedule, self.kid.as_deref(), now)?;
        let (claims, expiry) = self.registered_claims(now)?;
        let payload = encode_payload(issuer.format, &claims, self.claims)?;
        scan(issuer.format, &payload).map_err(IssueError::Unverifiable)?;
        let own_footer = match self.footer {
            Some(content) => {
                Some(content?.encode(issuer.format, &signing.key, issuer.include.kid)?)
            }
            None => None,
        };
        // Before the token exists, so that its key is published until the token expires.
        schedule.record_expiry(signing.key.kid(), expiry);
        sign(
            &signing.key,
            &payload,
            own_footer.as_ref().unwrap_or(&signing.footer),
            self.implicit_assertion.as_ref().unwrap_or(&issuer.implicit_assertion),
        )
    }

    /// Returns the registered claims in the order of the payload, and the Unix time at which the
    /// token expires.
    fn registered_claims(&self, now: OffsetDateTime) -> Result<(Claims, i64), IssueError> {
        let issuer = &*self.issuer.0;
        let mut expiry = i64::MAX;
        let time = |claim, time| format_time(time).ok_or(IssueError::InvalidTime { claim });
        let mut claims = Vec::with_capacity(12);
        if issuer.include.iss {
            claims.push(("iss", issuer.name.clone()));
        }
        if let Some(subject) = &self.subject {
            claims.push(("sub", subject.clone()));
        }
        if let Some(audience) = self.audience.as_ref().or(issuer.audience.as_ref()) {
            claims.push(("aud", audience.clone()));
        }
        if let Some(ttl) = self.ttl.or(issuer.ttl) {
            let span = check_ttl("ttl", ttl).map_err(|_| IssueError::Lifetime { ttl })?;
            if let Some(max_ttl) = self.issuer.max_ttl().filter(|max_ttl| ttl > *max_ttl) {
                return Err(IssueError::BeyondMaxTtl { ttl, max_ttl });
            }
            let exp = now.checked_add(span).ok_or(IssueError::InvalidTime { claim: "exp" })?;
            expiry = exp.unix_timestamp();
            claims.push(("exp", time("exp", exp)?));
        }
        if let Some(not_before) = self.not_before.or(issuer.include.nbf.then_some(now)) {
            claims.push(("nbf", time("nbf", not_before)?));
        }
        if issuer.include.iat {
            claims.push(("iat", time("iat", now)?));
        }
        if let Some(id) = &self.token_id {
            claims.push(("jti", id.clone()));
        } else if issuer.include.jti {
            claims.push(("jti", random_id().map_err(|_| IssueError::NoRandomBytes)?));
        }
        if let Some(scopes) = &self.scopes {
            if let Some(scope) = scopes.iter().find(|scope| !is_scope_token(scope)) {
                return Err(IssueError::InvalidScope(scope.clone()));
            }
            claims.push(("scope", scopes.join(" ")));
        }
        if let Some(auth_time) = self.auth_time {
            claims.push(("auth_time", time("auth_time", auth_time)?));
        }
        if let Some(acr) = &self.acr {
            // A challenge contains several values in one string, separated by spaces.
            if !is_scope_token(acr) {
                return Err(IssueError::InvalidAcr(acr.clone()));
            }
            claims.push(("acr", acr.clone()));
        }
        if let Some(id) = &self.session_id {
            claims.push(("sid", id.clone()));
        }
        if let Some(generation) = self.generation.filter(|generation| *generation > 0) {
            claims.push(("sub_gen", generation.to_string()));
        }
        Ok((claims, expiry))
    }
}

/// The names and the values of registered claims.
type Claims = Vec<(&'static str, String)>;

/// Omits the claims, which may be personal data.
impl<C: ?Sized> fmt::Debug for TokenBuilder<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuilder")
            .field("issuer", &self.issuer)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
