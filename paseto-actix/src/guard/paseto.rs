use std::fmt;

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use super::authentication::{Denied, Extracting, extract};
use crate::error::VerifyError;
use crate::token::VerifiedToken;

/// Extracts the verified token of a request, with the payload as a type of the application.
///
/// Without a guard, the extractor accepts the same requests as `#[paseto_required]` without
/// options. There are two differences:
///
/// - actix-web polls the extractors of a handler concurrently, so other extractors also process a
///   request that is rejected.
/// - An extractor can reject a request only with an error. The client gets the same response. But
///   `HttpResponse::error()` is set, so loggers such as `tracing-actix-web` log the rejection a
///   second time.
///
/// The attribute and [`PasetoRequired`](super::PasetoRequired) verify the token before the
/// extractor runs. The extractor then returns this token. The token is verified only once.
///
/// `C` is deserialized from the whole payload, including registered claims, so `C` must not deny
/// unknown fields. `C` owns its data (`DeserializeOwned`), so use `String` and not `&str`. If the
/// payload does not match `C`, the response is `401` and the log contains the path of the field. If
/// you do not need the claims, use the extractor [`VerifiedToken`].
///
/// An extractor cannot change the response. If the verifier reads a token from a cookie, responses
/// need `Vary: Cookie`, and shared caches must not store them. The attribute, the middleware
/// [`PasetoRequired`](super::PasetoRequired) and the middleware
/// [`PasetoCacheControl`](super::PasetoCacheControl) add the headers.
///
/// ```
/// use actix_web::{Responder, get};
/// use paseto_actix::{Paseto, paseto_required};
///
/// #[derive(serde::Deserialize)]
/// struct Me {
///     email: String,
/// }
///
/// #[get("/me")]
/// #[paseto_required]
/// async fn me(paseto: Paseto<Me>) -> impl Responder {
///     format!("{} until {:?}", paseto.claims().email, paseto.token().expires_at())
/// }
/// ```
#[derive(Clone)]
pub struct Paseto<C> {
    token: VerifiedToken,
    claims: C,
}

impl<C> Paseto<C> {
    /// Returns the token, with issuer, subject, scopes and other registered claims.
    pub fn token(&self) -> &VerifiedToken {
        &self.token
    }

    /// Returns the payload.
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// Returns the payload by value.
    pub fn into_claims(self) -> C {
        self.claims
    }
}

impl<C: DeserializeOwned> Paseto<C> {
    pub(super) fn of(req: &HttpRequest, token: VerifiedToken) -> Result<Self, Error> {
        Self::with_claims(token).map_err(|error| Denied::new(req, error).into_error(req))
    }

    pub(super) fn with_claims(token: VerifiedToken) -> Result<Self, VerifyError> {
        let claims = token.claims()?;
        Ok(Self { token, claims })
    }
}

impl<C: DeserializeOwned + 'static> FromRequest for Paseto<C> {
    type Error = Error;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(req, |req, outcome| match outcome {
            Ok(token) => Self::of(req, token),
            Err(denied) => Err(denied.into_error(req)),
        })
    }
}

impl FromRequest for VerifiedToken {
    type Error = Error;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(req, |req, outcome| outcome.map_err(|denied| denied.into_error(req)))
    }
}

/// Shows the token without the claims, which may be personal data.
impl<C> fmt::Debug for Paseto<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paseto").field("token", &self.token).finish_non_exhaustive()
    }
}
