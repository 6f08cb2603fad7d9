use std::fmt;

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use super::authentication::{Denied, Extracting, extract};
use crate::token::VerifiedToken;

/// The verified token of a request, its payload as a type of your own.
///
/// Alone, it admits the requests that `#[paseto_required]` without options admits, with two
/// differences:
///
/// - actix-web runs the extractors of a handler side by side, so the others read a request that is
///   rejected.
/// - An extractor can reject a request only by an error. The client gets the same response, but
///   `HttpResponse::error()` is set, and loggers such as `tracing-actix-web` log the rejection a
///   second time.
///
/// Beside the attribute or [`PasetoRequired`](super::PasetoRequired), it returns the token that
/// they have verified; nothing is verified twice.
///
/// `C` sees the whole payload, registered claims included, so it must not deny unknown fields; and it owns its data
/// (`DeserializeOwned`), so a field is a `String` and not a `&str`. A payload that does not fit
/// answers `401`; the log has the path. Where the claims do not matter, [`VerifiedToken`] is an extractor too.
///
/// An extractor cannot change the response. If the Verifier reads a token from a cookie, responses
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
    /// The token: issuer, subject, scopes, and so on.
    pub fn token(&self) -> &VerifiedToken {
        &self.token
    }

    /// The payload.
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The payload, to keep.
    pub fn into_claims(self) -> C {
        self.claims
    }
}

impl<C: DeserializeOwned> Paseto<C> {
    pub(super) fn of(req: &HttpRequest, token: VerifiedToken) -> Result<Self, Error> {
        match token.claims() {
            Ok(claims) => Ok(Self { token, claims }),
            Err(error) => Err(Denied::new(req, error).into_error(req)),
        }
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

/// Shows whose token it is, not the claims: they may be personal data.
impl<C> fmt::Debug for Paseto<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paseto").field("token", &self.token).finish_non_exhaustive()
    }
}
