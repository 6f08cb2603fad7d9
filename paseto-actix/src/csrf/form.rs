use std::fmt;

use actix_session::SessionExt;
use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, web};
use form_urlencoded::Serializer;
use futures_util::future::{FutureExt, LocalBoxFuture};
use serde::de::DeserializeOwned;

use super::{CsrfError, CsrfToken};

/// A form whose CSRF token is valid. The extractor rejects a request without a token of its session
/// before it deserializes the form.
///
/// The token is in the field [`CsrfToken::FIELD`], which `T` does not get, or in the header
/// [`CsrfToken::HEADER`], and not in both. The body is `application/x-www-form-urlencoded`. Its
/// maximum length is that of [`web::PayloadConfig`]. Default: 256 KiB.
///
/// Without a session middleware, each form is rejected. See the [module](super) for an example.
///
/// # Errors
///
/// `403` if the token is missing, occurs twice, or is not of this session. `400` if the body is not
/// a form that matches `T`, and `413` if it is too long.
pub struct CsrfForm<T>(
    /// The fields of the form.
    pub T,
);

impl<T: DeserializeOwned> FromRequest for CsrfForm<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, body) = (req.clone(), web::Bytes::from_request(req, payload));
        async move {
            if !req.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
                return Err(CsrfError::InvalidForm.into());
            }
            let (tokens, fields) = parse(&body.await?);
            let header = req.headers().get(CsrfToken::HEADER).and_then(|value| value.to_str().ok());
            let mut tokens = tokens.iter().map(String::as_str).chain(header);
            let token = tokens.next();
            if tokens.next().is_some() {
                return Err(CsrfError::Mismatch.into());
            }
            CsrfToken::check(&req.get_session(), token)?;
            let form = web::Query::<T>::from_query(&fields).map_err(|_| CsrfError::InvalidForm)?;
            Ok(Self(form.into_inner()))
        }
        .boxed_local()
    }
}

/// Returns the values of the token field, and the other fields.
fn parse(body: &[u8]) -> (Vec<String>, String) {
    let mut tokens = Vec::new();
    let mut fields = Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(body) {
        if name == CsrfToken::FIELD {
            tokens.push(value.into_owned());
        } else {
            fields.append_pair(&name, &value);
        }
    }
    (tokens, fields.finish())
}

/// Omits the fields, which may contain passwords.
impl<T> fmt::Debug for CsrfForm<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfForm")
    }
}
