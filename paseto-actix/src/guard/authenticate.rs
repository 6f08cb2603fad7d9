//! From a request to a verified token, once per request and Verifier.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError, error::InternalError};
use futures_util::future::{FutureExt, LocalBoxFuture, Shared};

use super::PasetoRequired;
use crate::{VerifiedToken, Verifier, VerifyError, VerifyErrorKind, app_data};

/// A token, and the Verifier that answers for it.
pub(super) struct Authenticated {
    pub(super) verifier: Verifier,
    pub(super) token: VerifiedToken,
}

/// Why there is no token, and the Verifier that answers for that, if there is one.
pub(super) struct Denied {
    pub(super) verifier: Option<Verifier>,
    pub(super) error: VerifyError,
}

impl Denied {
    pub(super) fn by(verifier: Verifier, error: VerifyError) -> Self {
        Self { verifier: Some(verifier), error }
    }

    /// Logs the reason and makes the response: the error handler's, where a Verifier has one.
    pub(super) fn into_response(self, req: &HttpRequest) -> HttpResponse {
        match self.verifier {
            Some(verifier) => verifier.refuse(req, self.error),
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
}

/// Another Verifier's outcome says nothing: a scope's own may be stricter than the application's.
fn remembered(req: &HttpRequest, verifier: &Verifier) -> Option<State> {
    let extensions = req.extensions();
    let remembered = extensions.get::<Remembered>().filter(|remembered| remembered.verifier.is(verifier))?;
    Some(remembered.state.clone())
}

fn begin(req: &HttpRequest) -> Result<(Verifier, State), Denied> {
    let verifier = app_data::find::<Verifier>(req, "verifier").ok_or_else(|| {
        let error = VerifyError::new(VerifyErrorKind::Misconfigured, "no Verifier in app data");
        Denied { verifier: None, error }
    })?;
    if let Some(state) = remembered(req, verifier) {
        return Ok((verifier.clone(), state));
    }
    let state = match verifier.authenticate(req) {
        Ok(token) if verifier.is_async() => {
            // It must not hold the request, whose extensions hold it.
            let verifier = verifier.clone();
            State::Checking(async move { verifier.finish(token).await }.boxed_local().shared())
        }
        outcome => State::Done(outcome),
    };
    req.extensions_mut().insert(Remembered { verifier: verifier.clone(), state: state.clone() });
    Ok((verifier.clone(), state))
}

fn conclude(verifier: Verifier, outcome: Outcome) -> Result<Authenticated, Denied> {
    match outcome {
        Ok(token) => Ok(Authenticated { verifier, token }),
        Err(error) => Err(Denied::by(verifier, error)),
    }
}

/// For guards: authenticates, and holds the token to what is required besides.
pub(super) async fn admit(req: &HttpRequest, required: &PasetoRequired) -> Result<(), Denied> {
    let (verifier, state) = begin(req)?;
    let outcome = match state {
        State::Done(outcome) => outcome,
        State::Checking(checks) => checks.await,
    };
    let Authenticated { verifier, token } = conclude(verifier, outcome)?;
    required.judge(req, &verifier, &token).map_err(|error| Denied::by(verifier, error))
}

/// What an extractor makes of a request that was let through, or was not.
type Then<T> = fn(&HttpRequest, Result<Authenticated, Denied>) -> Result<T, Error>;

/// An extractor's future. Until it is polled, nobody is refused: of several extractors that fail, actix asks the first, and
/// the error handler is to be called once.
pub struct Extracting<T> {
    req: HttpRequest,
    /// `None` once it was ready.
    begun: Option<Result<(Verifier, State), Denied>>,
    then: Then<T>,
}

/// For extractors: authenticates, and makes of the outcome what is wanted.
pub(super) fn extract<T>(req: &HttpRequest, then: Then<T>) -> Extracting<T> {
    Extracting { req: req.clone(), begun: Some(begin(req)), then }
}

impl<T> Future for Extracting<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let begun = self.begun.take().expect("a future is not polled after it was ready");
        let outcome = match begun {
            Err(denied) => Err(denied),
            Ok((verifier, State::Done(outcome))) => conclude(verifier, outcome),
            Ok((verifier, State::Checking(mut checks))) => match checks.poll_unpin(cx) {
                Poll::Ready(outcome) => conclude(verifier, outcome),
                Poll::Pending => {
                    self.begun = Some(Ok((verifier, State::Checking(checks))));
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
