use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue, TryIntoHeaderPair};
use base64ct::{Base64UrlUnpadded, Encoding};
use futures_util::FutureExt;
use serde::Serialize;
use serde_json::{Map, Value};

use super::TestIssuer;
use crate::keys::SecretKey;
use crate::random::random_id;
use crate::revocation::RevocationStore;

/// The lifetime of the tokens of an issuer without settings.
const TTL: Duration = Duration::from_secs(3600);
/// More than the longest leeway of a verifier, which is 5 minutes.
const BEYOND_LEEWAY: Duration = Duration::from_secs(600);
const SIGNATURE_LEN: usize = 64;

/// A token of a [`TestIssuer`], as a header of a request: `Authorization: Bearer …`.
///
/// Give it to `TestRequest::insert_header`. [`token`](Self::token) returns the string, for a cookie
/// or for a server.
///
/// ```
/// use std::time::Duration;
///
/// use actix_web::test::TestRequest;
/// use paseto_actix::error::VerifyErrorKind;
/// use paseto_actix::testing::TestIssuer;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = TestIssuer::new("https://issuer.example");
/// let ada = auth.user("ada").scopes(["read"]).logged_in_ago(Duration::from_secs(60));
/// let request = TestRequest::get().uri("/reports").insert_header(ada.clone());
/// # let _ = request;
///
/// let verifier = auth.verifier().build()?;
/// assert_eq!(verifier.verify_str(&ada.token())?.subject(), Some("ada"));
/// let error = verifier.verify_str(&ada.tampered().token()).unwrap_err();
/// assert_eq!(error.kind(), VerifyErrorKind::BadSignature);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "give it to `.insert_header(..)`, or call `.token()`"]
pub struct TestUser {
    issuer: TestIssuer,
    subject: String,
    claims: Value,
    scopes: Option<Vec<String>>,
    acr: Option<String>,
    session_id: Option<String>,
    logged_in_ago: Option<Duration>,
    faults: Faults,
}

#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    expired: bool,
    not_yet_valid: bool,
    other_audience: bool,
    unknown_key: bool,
    tampered: bool,
    revoked: bool,
}

impl TestUser {
    pub(super) fn new(issuer: TestIssuer, subject: String) -> Self {
        Self {
            issuer,
            subject,
            claims: Value::Object(Map::new()),
            scopes: None,
            acr: None,
            session_id: None,
            logged_in_ago: None,
            faults: Faults::default(),
        }
    }

    /// Sets the scopes (`scope`). Default: no `scope`.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the claims of the application: a map. Default: no claims.
    ///
    /// # Panics
    ///
    /// Panics if the claims cannot be serialized.
    pub fn claims<C: Serialize + ?Sized>(mut self, claims: &C) -> Self {
        self.claims = serde_json::to_value(claims)
            .unwrap_or_else(|error| panic!("the claims cannot be serialized: {error}"));
        self
    }

    /// Sets the authentication context class (`acr`), such as `phr`. Default: no `acr`.
    pub fn acr(mut self, acr: impl Into<String>) -> Self {
        self.acr = Some(acr.into());
        self
    }

    /// Sets the ID of the login (`sid`). Default: no `sid`.
    pub fn session_id(mut self, id: impl Into<String>) -> Self {
        self.session_id = Some(id.into());
        self
    }

    /// Sets the time of the login (`auth_time`) to this duration before the time of issue. Default:
    /// no `auth_time`, so a guard with `fresh` rejects the token.
    pub fn logged_in_ago(mut self, ago: Duration) -> Self {
        self.logged_in_ago = Some(ago);
        self
    }

    /// Lets the token expire 10 minutes ago, which is longer than each leeway.
    pub fn expired(mut self) -> Self {
        self.faults.expired = true;
        self
    }

    /// Lets the validity (`nbf`) begin in 10 minutes, which is longer than each leeway.
    pub fn not_yet_valid(mut self) -> Self {
        self.faults.not_yet_valid = true;
        self
    }

    /// Sets the audience (`aud`) to another recipient.
    pub fn other_audience(mut self) -> Self {
        self.faults.other_audience = true;
        self
    }

    /// Signs the token with a key that no verifier trusts.
    pub fn unknown_key(mut self) -> Self {
        self.faults.unknown_key = true;
        self
    }

    /// Replaces the signature by the signature of another token of the same user. So only the check
    /// of the signature can reject the token.
    pub fn tampered(mut self) -> Self {
        self.faults.tampered = true;
        self
    }

    /// Revokes the token in the store of [`TestIssuer::with_revocations`].
    ///
    /// # Panics
    ///
    /// Panics if the issuer has no store.
    pub fn revoked(mut self) -> Self {
        assert!(
            self.issuer.revocations.is_some(),
            "`.revoked()` needs a revocation store: call `.with_revocations()` on the `TestIssuer`"
        );
        self.faults.revoked = true;
        self
    }

    /// Issues a token. Each call returns another token.
    ///
    /// # Panics
    ///
    /// Panics if the name of the issuer is empty, or if the claims are not a map or are otherwise
    /// invalid: see [`TokenBuilder::issue`](crate::issuer::TokenBuilder::issue).
    #[must_use]
    pub fn token(&self) -> String {
        let token_id = random_id().expect("the operating system returns random bytes");
        let key =
            if self.faults.unknown_key { SecretKey::generate() } else { self.issuer.key.clone() };
        let token = self.issue(&key, &token_id);
        if self.faults.revoked {
            self.revoke(&token_id);
        }
        if self.faults.tampered {
            let other = random_id().expect("the operating system returns random bytes");
            return with_signature_of(&token, &self.issue(&key, &other));
        }
        token
    }

    fn issue(&self, key: &SecretKey, token_id: &str) -> String {
        let now = self.issuer.now();
        let issued = if self.faults.expired { now - TTL - BEYOND_LEEWAY } else { now };
        let issuer = self.issuer.issuer_with(key.clone(), move || issued);
        let mut token =
            issuer.token(&self.claims).subject(self.subject.as_str()).token_id(token_id).ttl(TTL);
        if let Some(scopes) = &self.scopes {
            token = token.scopes(scopes.iter().map(String::as_str));
        }
        if let Some(acr) = &self.acr {
            token = token.acr(acr.as_str());
        }
        if let Some(id) = &self.session_id {
            token = token.session_id(id.as_str());
        }
        if let Some(ago) = self.logged_in_ago {
            token = token.auth_time(issued - ago);
        }
        if self.faults.not_yet_valid {
            token = token.not_before(now + BEYOND_LEEWAY);
        }
        if self.faults.other_audience {
            token = token.audience("https://another-audience.invalid");
        }
        token.issue().unwrap_or_else(|error| panic!("the token cannot be issued: {error}"))
    }

    fn revoke(&self, token_id: &str) {
        let store = self.issuer.revocations.as_ref().expect("`revoked` checks that a store exists");
        let until = self.issuer.now() + TTL + BEYOND_LEEWAY;
        store
            .revoke(&self.issuer.name, token_id, until)
            .now_or_never()
            .expect("a store in memory does not wait")
            .unwrap_or_else(|error| panic!("the token cannot be revoked: {error}"));
    }
}

/// Returns a token with the signature of another token.
fn with_signature_of(token: &str, other: &str) -> String {
    let (mut body, signature) = (decode_body(token), decode_body(other));
    body.truncate(body.len() - SIGNATURE_LEN);
    body.extend_from_slice(&signature[signature.len() - SIGNATURE_LEN..]);
    let mut parts: Vec<&str> = token.split('.').collect();
    let body = Base64UrlUnpadded::encode_string(&body);
    parts[2] = &body;
    parts.join(".")
}

/// Returns the payload and the signature of a token.
fn decode_body(token: &str) -> Vec<u8> {
    let body = token.split('.').nth(2).expect("a token has a body");
    Base64UrlUnpadded::decode_vec(body).expect("the body of an issued token is base64url")
}

/// The header `Authorization: Bearer …`. Each conversion issues a token.
impl TryIntoHeaderPair for &TestUser {
    type Error = Infallible;

    fn try_into_pair(self) -> Result<(HeaderName, HeaderValue), Infallible> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.token()))
            .expect("a token is a valid header");
        value.set_sensitive(true);
        Ok((AUTHORIZATION, value))
    }
}

/// The header `Authorization: Bearer …`.
impl TryIntoHeaderPair for TestUser {
    type Error = Infallible;

    fn try_into_pair(self) -> Result<(HeaderName, HeaderValue), Infallible> {
        (&self).try_into_pair()
    }
}

/// Omits the claims, which may be personal data.
impl fmt::Debug for TestUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestUser")
            .field("issuer", &self.issuer)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}
