//! What `#[paseto_required]` makes of a handler's arguments.

use std::marker::PhantomData;

use actix_web::{Error, FromRequest, HttpRequest, dev::Payload, error::InternalError};
use futures_util::future::{Either, FutureExt, LocalBoxFuture, Map};

use super::{
    PasetoRequired,
    authenticate::{admit, admit_now},
};
use crate::verifier::Caching;

/// What one handler needs, as a type.
pub trait Policy: 'static {
    /// The requirements.
    fn requirements() -> &'static PasetoRequired;
}

/// Any token that the Verifier takes.
#[derive(Clone, Copy, Debug)]
pub struct AnyToken;

impl Policy for AnyToken {
    fn requirements() -> &'static PasetoRequired {
        static NONE: std::sync::LazyLock<PasetoRequired> = std::sync::LazyLock::new(PasetoRequired::new);
        &NONE
    }
}

/// All arguments of a guarded handler in one.
///
/// actix polls the extractors of several arguments side by side, so a guard that was one of them could not keep the
/// others from reading the body, or from answering 400 before it has said 401.
#[derive(Debug)]
pub struct Guarded<P, T>(pub T, pub Caching, pub PhantomData<fn() -> P>);

/// An argument that cannot be extracted is answered only to users who are let through, so that the response
/// depends on the token.
fn restricted(caching: Caching, error: Error) -> Error {
    if !caching.is_restricted() {
        return error;
    }
    let mut response = error.error_response();
    caching.restrict(response.headers_mut());
    InternalError::from_response(error, response).into()
}

/// From the arguments to those of a guarded handler.
type Wrap<P, T> = fn(Result<T, <T as FromRequest>::Error>) -> Result<Guarded<P, T>, Error>;

impl<P, T> FromRequest for Guarded<P, T>
where
    P: Policy,
    T: FromRequest + 'static,
{
    type Error = Error;
    type Future = Either<Map<T::Future, Wrap<P, T>>, LocalBoxFuture<'static, Result<Self, Error>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let admitted = admit_now(req, P::requirements());
        if let Some(Ok(caching)) = admitted
            && !caching.is_restricted()
        {
            let wrap: Wrap<P, T> =
                |arguments| Ok(Self(arguments.map_err(Into::into)?, Caching::default(), PhantomData));
            return Either::Left(T::from_request(req, payload).map(wrap));
        }
        let (req, mut payload) = (req.clone(), payload.take());
        Either::Right(Box::pin(async move {
            let admitted = match admitted {
                Some(admitted) => admitted,
                None => admit(&req, P::requirements()).await,
            };
            let caching = admitted.map_err(|denied| denied.into_error(&req))?;
            match T::from_request(&req, &mut payload).await {
                Ok(arguments) => Ok(Self(arguments, caching, PhantomData)),
                Err(error) => Err(restricted(caching, error.into())),
            }
        }))
    }
}
