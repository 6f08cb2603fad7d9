//! From a request to a verified token, once per request and Verifier.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError, error::InternalError};
use futures_util::future::{FutureExt, LocalBoxFuture, Shared};

use super::PasetoRequired;
use crate::{
    app_data,
    error::{VerifyError, VerifyErrorKind},
    token::VerifiedToken,
    verifier::{Caching, Verifier},
};

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
                let mut response = verifier.refuse(req, self.error);
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

/// What is known of a request's token.
#[derive(Clone)]
enum State {
    Done(Outcome),
    /// Asynchronous checks are being made, once for all who wait for them.
    Checking(Shared<LocalBoxFuture<'static, Outcome>>),
}

/// What the request's extensions keep, so that nothing is verified twice in one request.
struct Remembered {
    verifier: Verifier,
    state: State,
    /// For all Verifiers that this request has asked.
    caching: Caching,
}

/// Another Verifier's outcome says nothing: a scope's own may be stricter than the application's.
fn remembered(req: &HttpRequest, verifier: &Verifier) -> Option<(Caching, State)> {
    let extensions = req.extensions();
    let remembered = extensions.get::<Remembered>().filter(|remembered| remembered.verifier.is(verifier))?;
    Some((remembered.caching, remembered.state.clone()))
}

/// Which caches may store the response to this request, as far as the Verifiers know that it has asked.
pub(super) fn caching(req: &HttpRequest) -> Caching {
    req.extensions().get::<Remembered>().map_or_else(Caching::default, |remembered| remembered.caching)
}

/// For middlewares, once the handler has run: whether the last Verifier that this request asked is the
/// one nearest to the handler. A request gets the app data of a scope only when it is routed there.
pub(super) fn nearest_was_asked(req: &HttpRequest) -> bool {
    let Some(nearest) = app_data::find::<Verifier>(req, "verifier") else { return false };
    req.extensions().get::<Remembered>().is_some_and(|remembered| remembered.verifier.is(nearest))
}

fn begin(req: &HttpRequest) -> Result<(&Verifier, Caching, State), Denied> {
    let verifier = app_data::find::<Verifier>(req, "verifier").ok_or_else(|| {
        let error = VerifyError::new(VerifyErrorKind::Misconfigured, "no Verifier in app data");
        Denied { verifier: None, error }
    })?;
    if let Some((caching, state)) = remembered(req, verifier) {
        return Ok((verifier, caching, state));
    }
    let (mut caching, outcome) = verifier.authenticate(req);
    let state = match outcome {
        Ok(token) if verifier.is_async() => finish(verifier.clone(), token),
        outcome => State::Done(outcome),
    };
    let mut extensions = req.extensions_mut();
    if let Some(earlier) = extensions.get::<Remembered>() {
        caching |= earlier.caching;
    }
    extensions.insert(Remembered { verifier: verifier.clone(), state: state.clone(), caching });
    Ok((verifier, caching, state))
}

/// Begins asynchronous checks. Those that need not wait, as a store in memory, are done with it.
///
/// It must not hold the request, whose extensions hold it.
fn finish(verifier: Verifier, token: VerifiedToken) -> State {
    let mut checks = async move { verifier.finish(token).await }.boxed_local();
    match checks.poll_unpin(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => State::Done(outcome),
        Poll::Pending => State::Checking(checks.shared()),
    }
}

/// For guards: authenticates, checks the requirements, and returns which caches may store the
/// response. Returns `None` if that has to be [awaited](admit).
pub(super) fn admit_now(req: &HttpRequest, required: &PasetoRequired) -> Option<Result<Caching, Denied>> {
    match begin(req) {
        Ok((_, _, State::Checking(_))) => None,
        Ok((verifier, caching, State::Done(outcome))) => {
            Some(judge(req, required, verifier, outcome).map(|()| caching))
        }
        Err(denied) => Some(Err(denied)),
    }
}

/// The same, whatever it takes.
pub(super) async fn admit(req: &HttpRequest, required: &PasetoRequired) -> Result<Caching, Denied> {
    let (verifier, caching, state) = begin(req)?;
    let outcome = match state {
        State::Done(outcome) => outcome,
        State::Checking(checks) => checks.await,
    };
    judge(req, required, verifier, outcome)?;
    Ok(caching)
}

fn judge(req: &HttpRequest, required: &PasetoRequired, verifier: &Verifier, outcome: Outcome) -> Result<(), Denied> {
    let judged = outcome.and_then(|token| required.judge(req, verifier, &token));
    judged.map_err(|error| Denied { verifier: Some(verifier.clone()), error })
}

/// What an extractor makes of a request that was let through, or was not.
type Then<T> = fn(&HttpRequest, Result<VerifiedToken, Denied>) -> Result<T, Error>;

/// An extractor's future. Until it is polled, nobody is refused: of several extractors that fail, actix asks the first, and
/// the error handler is to be called once.
pub struct Extracting<T> {
    req: HttpRequest,
    /// `None` once it was ready.
    begun: Option<Result<State, Denied>>,
    then: Then<T>,
}

/// For extractors: authenticates, and makes of the outcome what is wanted.
pub(super) fn extract<T>(req: &HttpRequest, then: Then<T>) -> Extracting<T> {
    Extracting { req: req.clone(), begun: Some(begin(req).map(|(_, _, state)| state)), then }
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
        Poll::Ready((self.then)(&self.req, outcome))
    }
}

impl<T> fmt::Debug for Extracting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extracting")
    }
}

/// The token that the request was let through with.
pub(super) fn current(req: &impl HttpMessage) -> Option<VerifiedToken> {
    let extensions = req.extensions();
    match &extensions.get::<Remembered>()?.state {
        State::Done(outcome) => outcome.as_ref().ok().cloned(),
        State::Checking(checks) => checks.peek()?.as_ref().ok().cloned(),
    }
}
