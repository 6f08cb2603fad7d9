//! The one argument that `#[paseto_required]` puts in place of a handler's arguments.

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
use crate::verifier::Caching;

/// What one handler needs, as a type.
pub trait HandlerRequirements: 'static {
    /// The requirements.
    fn requirements() -> &'static PasetoRequired;
}

/// Any token that the Verifier takes.
#[derive(Clone, Copy, Debug)]
pub struct AnyToken;

impl HandlerRequirements for AnyToken {
    fn requirements() -> &'static PasetoRequired {
        static NONE: std::sync::LazyLock<PasetoRequired> =
            std::sync::LazyLock::new(PasetoRequired::new);
        &NONE
    }
}

/// All arguments of a guarded handler in one, or the response to a rejected request.
///
/// actix-web polls the extractors of several arguments side by side. A guard among them could not
/// keep the others from reading the body, or from answering 400 before the guard answers 401.
pub struct Guarded<P, T> {
    decided: Result<(T, Caching), HttpResponse>,
    policy: PhantomData<fn() -> P>,
}

impl<P, T> Guarded<P, T> {
    fn new(decided: Result<(T, Caching), HttpResponse>) -> Self {
        Self { decided, policy: PhantomData }
    }

    /// The arguments, if the request was admitted.
    ///
    /// # Errors
    ///
    /// The answer of the handler, if the request was rejected.
    #[expect(
        clippy::result_large_err,
        reason = "the handler returns the error at once, without a box"
    )]
    pub fn admit<R>(self) -> Result<(T, Caching), GuardedResponse<R>> {
        self.decided.map_err(GuardedResponse::Rejected)
    }
}

/// Without the arguments, which may hold secrets.
impl<P, T> fmt::Debug for Guarded<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("admitted", &self.decided.is_ok()).finish_non_exhaustive()
    }
}

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
            // The payload stays actix-web's, which reads no more of a body than the handler does.
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
