//! Verifies the token of a request, once per request and verifier.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use actix_web::error::InternalError;
#[cfg(feature = "session")]
use actix_web::http::header::HeaderValue;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use futures_util::future::{FutureExt, LocalBoxFuture, Shared};

use super::PasetoRequired;
use crate::app_data;
use crate::error::{VerifyError, VerifyErrorKind};
use crate::token::VerifiedToken;
use crate::verifier::{CacheRestriction, Progress, Verifier};

/// Why a request has no accepted token, and the verifier that creates the response.
pub(crate) struct Denied {
    verifier: Option<Verifier>,
    error: VerifyError,
}

impl Denied {
    /// Uses the nearest verifier of the request for the response.
    pub(crate) fn new(req: &HttpRequest, error: VerifyError) -> Self {
        Self { verifier: app_data::find::<Verifier>(req, "verifier").cloned(), error }
    }

    pub(super) fn kind(&self) -> VerifyErrorKind {
        self.error.kind()
    }

    /// Logs the reason and returns the response, from the error handler if the verifier has one.
    pub(crate) fn into_response(self, req: &HttpRequest) -> HttpResponse {
        match self.verifier {
            Some(verifier) => {
                let mut response = verifier.reject(req, self.error);
                caching(req).restrict(response.headers_mut());
                response
            }
            None => self.error.error_response(),
        }
    }

    /// Returns the challenge of the response.
    #[cfg(feature = "session")]
    pub(crate) fn challenge(self) -> Option<HeaderValue> {
        self.verifier?.challenge(self.error)
    }

    /// Returns the same response as the error of an extractor.
    pub(crate) fn into_error(self, req: &HttpRequest) -> Error {
        let error = self.error.clone();
        InternalError::from_response(error, self.into_response(req)).into()
    }
}

type VerifyResult = Result<VerifiedToken, VerifyError>;

/// The state of the verification of one token.
#[derive(Clone)]
enum State {
    Done(VerifyResult),
    /// Asynchronous checks are running. All guards and extractors of the request share them.
    Checking(Shared<LocalBoxFuture<'static, VerifyResult>>),
}

/// An entry in the extensions of a request, so that one verifier verifies its token once.
struct Verification {
    verifier: u64,
    state: State,
    /// Combined from all verifiers that this request has used.
    caching: CacheRestriction,
}

/// Returns which caches may store the response, as far as it depends on the verifiers that this
/// request has used.
pub(super) fn caching(req: &HttpRequest) -> CacheRestriction {
    req.extensions()
        .get::<Verification>()
        .map_or_else(CacheRestriction::default, |verification| verification.caching)
}

/// For middlewares, after the handler has run: returns whether the last verifier that this request
/// used is the one nearest to the handler. actix-web adds the app data of a scope only when it
/// routes the request to that scope.
pub(super) fn nearest_verifier_was_used(req: &HttpRequest) -> bool {
    let Some(nearest) = app_data::find::<Verifier>(req, "verifier") else { return false };
    req.extensions()
        .get::<Verification>()
        .is_some_and(|verification| verification.verifier == nearest.id())
}

/// Verifies the token of the request, unless the nearest verifier has already verified it.
fn authenticate(req: &HttpRequest) -> Result<(&Verifier, CacheRestriction, State), Denied> {
    let verifier = app_data::find::<Verifier>(req, "verifier").ok_or_else(|| {
        let error = VerifyError::new(VerifyErrorKind::Misconfigured, "no Verifier in app data");
        Denied { verifier: None, error }
    })?;
    let mut earlier = CacheRestriction::default();
    if let Some(verification) = req.extensions().get::<Verification>() {
        // Ignore the outcome of another verifier, because the verifier of a scope may be stricter.
        if verification.verifier == verifier.id() {
            return Ok((verifier, verification.caching, verification.state.clone()));
        }
        earlier = verification.caching;
    }
    let (mut caching, outcome) = verifier.verify_request(req);
    caching |= earlier;
    let state = match outcome {
        Ok(Progress::Verified(token)) if verifier.is_async() => {
            let verifier = verifier.clone();
            start_checks(async move { verifier.verify_async(token).await })
        }
        Ok(Progress::Verified(token)) => State::Done(Ok(token)),
        #[cfg(feature = "remote-keys")]
        Ok(Progress::Fetching(key)) => start_checks(key.verify()),
        Err(error) => State::Done(Err(error)),
    };
    let verification = Verification { verifier: verifier.id(), state: state.clone(), caching };
    // The earlier entry may contain a future of the application. Drop it after the borrow ends.
    let _earlier = req.extensions_mut().insert(verification);
    Ok((verifier, caching, state))
}

/// The verification of the token of a request, for code outside of guards.
pub(crate) struct Authentication {
    verifier: u64,
    state: State,
}

impl Authentication {
    /// Verifies the token of the request, unless the nearest verifier has already verified it.
    ///
    /// # Errors
    ///
    /// If app data does not contain a verifier. The log then contains the cause.
    pub(crate) fn of(req: &HttpRequest) -> Result<Self, VerifyError> {
        match authenticate(req) {
            Ok((verifier, _, state)) => Ok(Self { verifier: verifier.id(), state }),
            Err(denied) => Err(denied.error),
        }
    }

    /// Returns a number that is unique to the verifier and its clones.
    pub(crate) fn verifier(&self) -> u64 {
        self.verifier
    }

    pub(crate) async fn outcome(self) -> VerifyResult {
        match self.state {
            State::Done(outcome) => outcome,
            State::Checking(checks) => checks.await,
        }
    }
}

/// Starts the asynchronous checks. They complete immediately if they do not wait, for example with
/// a store in memory.
///
/// The future must not contain the request, because the extensions of the request contain the
/// future.
fn start_checks(checks: impl Future<Output = VerifyResult> + 'static) -> State {
    let mut checks = checks.boxed_local();
    match checks.poll_unpin(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => State::Done(outcome),
        Poll::Pending => State::Checking(checks.shared()),
    }
}

/// The decision of a guard on a request. For an accepted request, it contains the caches that may
/// store the response.
pub(super) type Decision = Result<CacheRestriction, Denied>;

/// A decision, or a future that returns it.
pub(super) enum Admission {
    Ready(Decision),
    /// Asynchronous checks are running. After completion, the future does not contain a clone of
    /// the request.
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
    caching: CacheRestriction,
    outcome: VerifyResult,
) -> Decision {
    match outcome.and_then(|token| required.check_token(req, verifier, &token)) {
        Ok(()) => Ok(caching),
        Err(error) => Err(Denied { verifier: Some(verifier.clone()), error }),
    }
}

/// Converts the outcome to the result of an extractor.
type Convert<T> = fn(&HttpRequest, Result<VerifiedToken, Denied>) -> Result<T, Error>;

/// The future of an extractor. It rejects the request only when it is polled. If several extractors
/// fail, actix-web returns the first error, and the error handler must run only once.
pub struct Extracting<T> {
    req: HttpRequest,
    /// `None` after completion.
    pending: Option<Result<State, Denied>>,
    convert: Convert<T>,
}

/// Verifies the token for an extractor. `convert` converts the outcome.
pub(super) fn extract<T>(req: &HttpRequest, convert: Convert<T>) -> Extracting<T> {
    Extracting {
        req: req.clone(),
        pending: Some(authenticate(req).map(|(_, _, state)| state)),
        convert,
    }
}

impl<T> Future for Extracting<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let pending = self.pending.take().expect("a future is not polled after completion");
        let outcome = match pending {
            Err(denied) => Err(denied),
            Ok(State::Done(outcome)) => outcome.map_err(|error| Denied::new(&self.req, error)),
            Ok(State::Checking(mut checks)) => match checks.poll_unpin(cx) {
                Poll::Ready(outcome) => outcome.map_err(|error| Denied::new(&self.req, error)),
                Poll::Pending => {
                    self.pending = Some(Ok(State::Checking(checks)));
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

/// Returns the verified token of the request.
pub(super) fn current(req: &impl HttpMessage) -> Option<VerifiedToken> {
    let extensions = req.extensions();
    match &extensions.get::<Verification>()?.state {
        State::Done(outcome) => outcome.as_ref().ok().cloned(),
        State::Checking(checks) => checks.peek()?.as_ref().ok().cloned(),
    }
}
