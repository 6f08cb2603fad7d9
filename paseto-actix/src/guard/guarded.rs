//! The one argument that `#[paseto_required]` puts in place of a handler's arguments.

use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::{Error, FromRequest, HttpRequest};
use futures_util::future::{Either, FutureExt, LocalBoxFuture};
use pin_project_lite::pin_project;

use super::PasetoRequired;
use super::authenticate::{Admission, Decision};
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
/// actix-web polls the extractors of several arguments side by side. A guard among them could not
/// keep the others from reading the body, or from answering 400 before the guard answers 401.
#[derive(Debug)]
pub struct Guarded<P, T>(pub T, pub Caching, pub PhantomData<fn() -> P>);

/// Only an admitted request gets the error of an argument, so that the response depends on the
/// token.
fn restricted(caching: Caching, error: Error) -> Error {
    if !caching.is_restricted() {
        return error;
    }
    let mut response = error.error_response();
    caching.restrict(response.headers_mut());
    InternalError::from_response(error, response).into()
}

pin_project! {
    /// Extracts the arguments of a handler whose request is admitted.
    pub struct Arguments<P, T: FromRequest> {
        #[pin]
        arguments: T::Future,
        caching: Caching,
        policy: PhantomData<fn() -> P>,
    }
}

impl<P, T: FromRequest> Future for Arguments<P, T> {
    type Output = Result<Guarded<P, T>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let caching = *this.caching;
        this.arguments.poll(cx).map(|arguments| match arguments {
            Ok(arguments) => Ok(Guarded(arguments, caching, PhantomData)),
            Err(error) => Err(restricted(caching, error.into())),
        })
    }
}

impl<P, T> FromRequest for Guarded<P, T>
where
    P: Policy,
    T: FromRequest + 'static,
{
    type Error = Error;
    type Future = Either<Decided<P, T>, LocalBoxFuture<'static, Result<Self, Error>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        match Admission::new(req, P::requirements()) {
            // The payload stays actix-web's, which reads no more of a body than the handler does.
            Admission::Ready(decision) => Either::Left(arguments(req, payload, decision)),
            Admission::Waiting(decision) => {
                let (req, mut payload) = (req.clone(), payload.take());
                Either::Right(async move { arguments(&req, &mut payload, decision.await).await }.boxed_local())
            }
        }
    }
}

type Decided<P, T> = Either<Arguments<P, T>, Ready<Result<Guarded<P, T>, Error>>>;

fn arguments<P, T: FromRequest>(req: &HttpRequest, payload: &mut Payload, decision: Decision) -> Decided<P, T> {
    match decision {
        Ok(caching) => {
            let arguments = T::from_request(req, payload);
            Either::Left(Arguments { arguments, caching, policy: PhantomData })
        }
        Err(denied) => Either::Right(ready(Err(denied.into_error(req)))),
    }
}
