//! The single argument by which `#[paseto_required]` replaces the arguments of a handler.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse};
use futures_util::future::{Either, FutureExt, LocalBoxFuture};
use pin_project_lite::pin_project;

use super::GuardedResponse;
use super::PasetoRequired;
use super::authentication::{Admission, Decision};
use crate::verifier::CacheRestriction;

/// The requirements of one handler, as a type.
pub trait HandlerRequirements: 'static {
    /// Returns the requirements.
    fn requirements() -> &'static PasetoRequired;
}

/// Requires a token that the verifier accepts, without further requirements.
#[derive(Clone, Copy, Debug)]
pub struct AnyToken;

impl HandlerRequirements for AnyToken {
    fn requirements() -> &'static PasetoRequired {
        static REQUIREMENTS: std::sync::LazyLock<PasetoRequired> =
            std::sync::LazyLock::new(PasetoRequired::new);
        &REQUIREMENTS
    }
}

/// All arguments of a guarded handler, or the response to a rejected request.
///
/// actix-web polls the extractors of several arguments concurrently. If the guard were one of them,
/// the other extractors could read the body or return `400` before the guard returns `401`.
pub struct Guarded<P, T> {
    decided: Result<(T, CacheRestriction), HttpResponse>,
    policy: PhantomData<fn() -> P>,
}

impl<P, T> Guarded<P, T> {
    fn new(decided: Result<(T, CacheRestriction), HttpResponse>) -> Self {
        Self { decided, policy: PhantomData }
    }

    /// Returns the arguments if the request was accepted.
    ///
    /// # Errors
    ///
    /// The response of the handler, if the request was rejected.
    #[expect(
        clippy::result_large_err,
        reason = "the handler returns the error immediately, without a box"
    )]
    pub fn admit<R>(self) -> Result<(T, CacheRestriction), GuardedResponse<R>> {
        self.decided.map_err(GuardedResponse::Rejected)
    }
}

/// Omits the arguments, which may contain secrets.
impl<P, T> fmt::Debug for Guarded<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("admitted", &self.decided.is_ok()).finish_non_exhaustive()
    }
}

/// Adds the headers for caches to the error of an argument. Only an accepted request gets this
/// error, so the response depends on the token.
fn restricted(caching: CacheRestriction, error: Error) -> Error {
    if !caching.is_restricted() {
        return error;
    }
    let mut response = error.error_response();
    caching.restrict(response.headers_mut());
    InternalError::from_response(error, response).into()
}

pin_project! {
    /// Extracts the arguments of a handler after its request was accepted.
    pub struct Arguments<P, T: FromRequest> {
        #[pin]
        arguments: T::Future,
        caching: CacheRestriction,
        policy: PhantomData<fn() -> P>,
    }
}

impl<P, T: FromRequest> Future for Arguments<P, T> {
    type Output = Result<Guarded<P, T>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let caching = *this.caching;
        this.arguments.poll(cx).map(|arguments| match arguments {
            Ok(arguments) => Ok(Guarded::new(Ok((arguments, caching)))),
            Err(error) => Err(restricted(caching, error.into())),
        })
    }
}

impl<P, T> FromRequest for Guarded<P, T>
where
    P: HandlerRequirements,
    T: FromRequest + 'static,
{
    type Error = Error;
    type Future = Either<Decided<P, T>, LocalBoxFuture<'static, Result<Self, Error>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        match Admission::new(req, P::requirements()) {
            // actix-web keeps the payload, so it reads only as much of the body as the handler
            // reads.
            Admission::Ready(decision) => Either::Left(arguments(req, payload, decision)),
            Admission::Waiting(decision) => {
                let (req, mut payload) = (req.clone(), payload.take());
                Either::Right(
                    async move { arguments(&req, &mut payload, decision.await).await }
                        .boxed_local(),
                )
            }
        }
    }
}

type Decided<P, T> = Either<Arguments<P, T>, Ready<Result<Guarded<P, T>, Error>>>;

fn arguments<P, T: FromRequest>(
    req: &HttpRequest,
    payload: &mut Payload,
    decision: Decision,
) -> Decided<P, T> {
    match decision {
        Ok(caching) => {
            let arguments = T::from_request(req, payload);
            Either::Left(Arguments { arguments, caching, policy: PhantomData })
        }
        Err(denied) => Either::Right(ready(Ok(Guarded::new(Err(denied.into_response(req)))))),
    }
}
