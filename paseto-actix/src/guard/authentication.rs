//! From a request to a verified token, once per request and Verifier.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use actix_web::error::InternalError;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use futures_util::future::{FutureExt, LocalBoxFuture, Shared};

use super::PasetoRequired;
use crate::app_data;
use crate::error::{VerifyError, VerifyErrorKind};
use crate::token::VerifiedToken;
use crate::verifier::{Caching, Verifier};

/// Why there is no token, and the Verifier that answers for that, if there is one.
pub(super) struct Denied {
    verifier: Option<Verifier>,
    error: VerifyError,
}

impl Denied {
    /// The request's Verifier answers.
    pub(super) fn new(req: &HttpRequest, error: VerifyError) -> Self {
        Self { verifier: app_data::find::<Verifier>(req, "verifier").cloned(), error }
    }

    pub(super) fn kind(&self) -> VerifyErrorKind {
        self.error.kind()
    }

    /// Logs the reason and makes the response: the error handler's, where a Verifier has one.
    pub(super) fn into_response(self, req: &HttpRequest) -> HttpResponse {
        match self.verifier {
            Some(verifier) => {
                let mut response = verifier.reject(req, self.error);
                caching(req).restrict(response.headers_mut());
                response
            }
            None => self.error.error_response(),
        }
    }

    /// The same response as an extractor's error.
    pub(super) fn into_error(self, req: &HttpRequest) -> Error {
        let error = self.error.clone();
        InternalError::from_response(error, self.into_response(req)).into()
    }
}

type Outcome = Result<VerifiedToken, VerifyError>;

/// The state of the verification of a request's token.
#[derive(Clone)]
enum State {
    Done(Outcome),
    /// Asynchronous checks are in flight, once for all that wait for them.
    Checking(Shared<LocalBoxFuture<'static, Outcome>>),
}

/// The entry in the extensions of a request, so that one Verifier verifies a token once per
/// request.
struct Remembered {
    verifier: u64,
    state: State,
    /// For all Verifiers that this request has asked.
    caching: Caching,
}

/// Which caches may store the response to this request, as far as the Verifiers know that it has asked.
pub(super) fn caching(req: &HttpRequest) -> Caching {
    req.extensions()
        .get::<Remembered>()
        .map_or_else(Caching::default, |remembered| remembered.caching)
}

/// For middlewares, once the handler has run: whether the last Verifier that this request asked is the
/// one nearest to the handler. A request gets the app data of a scope only when it is routed there.
pub(super) fn nearest_was_asked(req: &HttpRequest) -> bool {
    let Some(nearest) = app_data::find::<Verifier>(req, "verifier") else { return false };
    req.extensions()
        .get::<Remembered>()
        .is_some_and(|remembered| remembered.verifier == nearest.id())
}

/// Verifies the token of the request, unless the nearest Verifier has done so before.
fn authenticate(req: &HttpRequest) -> Result<(&Verifier, Caching, State), Denied> {
    let verifier = app_data::find::<Verifier>(req, "verifier").ok_or_else(|| {
        let error = VerifyError::new(VerifyErrorKind::Misconfigured, "no Verifier in app data");
        Denied { verifier: None, error }
    })?;
    let mut earlier = Caching::default();
    if let Some(remembered) = req.extensions().get::<Remembered>() {
        // The outcome of another Verifier does not count: the Verifier of a scope may be stricter.
        if remembered.verifier == verifier.id() {
            return Ok((verifier, remembered.caching, remembered.state.clone()));
        }
        earlier = remembered.caching;
    }
    let (mut caching, outcome) = verifier.verify_request(req);
    caching |= earlier;
    let state = match outcome {
        Ok(token) if verifier.is_async() => start_checks(verifier.clone(), token),
        outcome => State::Done(outcome),
    };
    let remembered = Remembered { verifier: verifier.id(), state: state.clone(), caching };
    // An earlier entry may hold a future of the application, so it is dropped after the borrow.
    let _earlier = req.extensions_mut().insert(remembered);
    Ok((verifier, caching, state))
}

/// Starts asynchronous checks. If they need not wait, as with a store in memory, they are done at
/// once.
///
/// The future must not hold the request, because the extensions of the request hold the future.
fn start_checks(verifier: Verifier, token: VerifiedToken) -> State {
    let mut checks = async move { verifier.verify_async(token).await }.boxed_local();
    match checks.poll_unpin(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => State::Done(outcome),
        Poll::Pending => State::Checking(checks.shared()),
    }
}

/// The decision of a guard on a request. For an admitted request, it names the caches that may
/// store the response.
pub(super) type Decision = Result<Caching, Denied>;

/// The way to a decision.
pub(super) enum Admission {
    Ready(Decision),
    /// Asynchronous checks are in flight. Once it is ready, the future holds no clone of the
    /// request.
    Waiting(LocalBoxFuture<'static, Decision>),
}

impl Admission {
    pub(super) fn new<R>(req: &HttpRequest, required: R) -> Self
    where
        R: Deref<Target = PasetoRequired> + 'static,
    {
        match authenticate(req) {
            Ok((verifier, caching, State::Done(outcome))) => {
                Self::Ready(decide(req, &required, verifier, caching, outcome))
            }
            Ok((verifier, caching, State::Checking(checks))) => {
                let (req, verifier) = (req.clone(), verifier.clone());
                let decision =
                    async move { decide(&req, &required, &verifier, caching, checks.await) };
                Self::Waiting(decision.boxed_local())
            }
            Err(denied) => Self::Ready(Err(denied)),
        }
    }
}

fn decide(
    req: &HttpRequest,
    required: &PasetoRequired,
    verifier: &Verifier,
    caching: Caching,
    outcome: Outcome,
) -> Decision {
    match outcome.and_then(|token| required.check_token(req, verifier, &token)) {
        Ok(()) => Ok(caching),
        Err(error) => Err(Denied { verifier: Some(verifier.clone()), error }),
    }
}

/// What an extractor returns for an admitted or a rejected request.
type Convert<T> = fn(&HttpRequest, Result<VerifiedToken, Denied>) -> Result<T, Error>;

/// An extractor's future. It rejects the request only when it is polled: if several extractors
/// fail, actix-web asks the first, and the error handler has to be called once.
pub struct Extracting<T> {
    req: HttpRequest,
    /// `None` once it was ready.
    begun: Option<Result<State, Denied>>,
    convert: Convert<T>,
}

/// For extractors: verifies the token, and returns what `convert` makes of the outcome.
pub(super) fn extract<T>(req: &HttpRequest, convert: Convert<T>) -> Extracting<T> {
    Extracting {
        req: req.clone(),
        begun: Some(authenticate(req).map(|(_, _, state)| state)),
        convert,
    }
}

impl<T> Future for Extracting<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let begun = self.begun.take().expect("a future is not polled after it was ready");
        let outcome = match begun {
            Err(denied) => Err(denied),
            Ok(State::Done(outcome)) => outcome.map_err(|error| Denied::new(&self.req, error)),
            Ok(State::Checking(mut checks)) => match checks.poll_unpin(cx) {
                Poll::Ready(outcome) => outcome.map_err(|error| Denied::new(&self.req, error)),
                Poll::Pending => {
                    self.begun = Some(Ok(State::Checking(checks)));
                    return Poll::Pending;
                }
            },
        };
        Poll::Ready((self.convert)(&self.req, outcome))
    }
}

impl<T> fmt::Debug for Extracting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extracting")
    }
}

/// The verified token of the request.
pub(super) fn current(req: &impl HttpMessage) -> Option<VerifiedToken> {
    let extensions = req.extensions();
    match &extensions.get::<Remembered>()?.state {
        State::Done(outcome) => outcome.as_ref().ok().cloned(),
        State::Checking(checks) => checks.peek()?.as_ref().ok().cloned(),
    }
}
