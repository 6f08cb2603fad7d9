use std::fmt;

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use super::Paseto;
use super::authentication::{Extracting, extract};
use crate::error::VerifyErrorKind;

/// Extracts the verified token of a request, if the request has a token.
///
/// Without a token, the value is `None`. A token that is not accepted is rejected with an error,
/// like with [`Paseto`].
///
/// An extractor cannot change the response. If the verifier reads a token from a cookie, responses
/// need `Vary: Cookie`, and shared caches must not store them. The attribute, the middleware
/// [`PasetoRequired`](super::PasetoRequired) and the middleware
/// [`PasetoCacheControl`](super::PasetoCacheControl) add the headers.
///
/// ```
/// use actix_web::{Responder, get};
/// use paseto_actix::MaybePaseto;
///
/// #[get("/")]
/// async fn index(MaybePaseto(paseto): MaybePaseto<serde_json::Value>) -> impl Responder {
///     match paseto {
///         Some(paseto) => format!("Hello {}", paseto.token().subject().unwrap_or("friend")),
///         None => "Hello stranger".to_owned(),
///     }
/// }
/// ```
#[derive(Clone)]
pub struct MaybePaseto<C>(
    /// The token, if the request has one.
    pub Option<Paseto<C>>,
);

impl<C> MaybePaseto<C> {
    /// Returns the token, if the request has one.
    pub fn into_inner(self) -> Option<Paseto<C>> {
        self.0
    }
}

impl<C: DeserializeOwned + 'static> FromRequest for MaybePaseto<C> {
    type Error = Error;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        extract(req, |req, outcome| match outcome {
            Ok(token) => Paseto::of(req, token).map(|paseto| Self(Some(paseto))),
            Err(denied) if denied.kind() == VerifyErrorKind::MissingToken => Ok(Self(None)),
            Err(denied) => Err(denied.into_error(req)),
        })
    }
}

impl<C> fmt::Debug for MaybePaseto<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MaybePaseto").field(&self.0).finish()
    }
}
