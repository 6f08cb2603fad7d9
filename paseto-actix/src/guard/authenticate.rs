//! From a request to a verified token, once per request and Verifier.

use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError, error::InternalError};

use super::{PasetoRequired, maybe_ready::MaybeReady};
use crate::{VerifiedToken, Verifier, VerifyError, VerifyErrorKind, app_data};

/// A token, and the Verifier that answers for it.
#[derive(Clone)]
pub(super) struct Authenticated {
    pub(super) verifier: Verifier,
    pub(super) token: VerifiedToken,
}

/// Why there is no token, and the Verifier that answers for that, if there is one.
#[derive(Clone)]
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

/// What is known so far.
pub(super) enum Authentication {
    Done(Result<Authenticated, Denied>),
    /// Asynchronous checks are still to be made: call [`finish`].
    Unfinished(Authenticated),
}

/// What the request's extensions keep, so that nothing is verified twice in one request.
struct Outcome(Result<Authenticated, Denied>);

pub(super) fn begin(req: &HttpRequest) -> Authentication {
    let Some(verifier) = app_data::find::<Verifier>(req) else {
        tracing::error!("no Verifier in app data: register one with `App::app_data(verifier)`");
        let error = VerifyError::new(VerifyErrorKind::Misconfigured, "no Verifier in app data");
        return Authentication::Done(Err(Denied { verifier: None, error }));
    };
    if let Some(outcome) = remembered(req, verifier) {
        return Authentication::Done(outcome);
    }
    let verifier = verifier.clone();
    match verifier.authenticate(req) {
        Ok(token) if verifier.is_async() => Authentication::Unfinished(Authenticated { verifier, token }),
        Ok(token) => Authentication::Done(remember(req, Ok(Authenticated { verifier, token }))),
        Err(error) => Authentication::Done(remember(req, Err(Denied::by(verifier, error)))),
    }
}

pub(super) async fn finish(req: &HttpRequest, unfinished: Authenticated) -> Result<Authenticated, Denied> {
    let Authenticated { verifier, token } = unfinished;
    let outcome = match verifier.finish(token).await {
        Ok(token) => Ok(Authenticated { verifier, token }),
        Err(error) => Err(Denied::by(verifier, error)),
    };
    remember(req, outcome)
}

/// For guards: authenticates, and holds the token to what is required besides.
pub(super) async fn admit(req: &HttpRequest, required: &PasetoRequired) -> Result<(), Denied> {
    let Authenticated { verifier, token } = match begin(req) {
        Authentication::Done(outcome) => outcome?,
        Authentication::Unfinished(unfinished) => finish(req, unfinished).await?,
    };
    required.judge(req, &verifier, &token).map_err(|error| Denied::by(verifier, error))
}

/// For extractors: authenticates, and makes of the outcome what is wanted.
pub(super) fn extract<T, F>(req: &HttpRequest, then: F) -> MaybeReady<Result<T, Error>>
where
    T: 'static,
    F: FnOnce(&HttpRequest, Result<Authenticated, Denied>) -> Result<T, Error> + 'static,
{
    match begin(req) {
        Authentication::Done(outcome) => MaybeReady::ready(then(req, outcome)),
        Authentication::Unfinished(unfinished) => {
            let req = req.clone();
            MaybeReady::pending(async move {
                let outcome = finish(&req, unfinished).await;
                then(&req, outcome)
            })
        }
    }
}

/// The token that the request was let through with.
pub(super) fn current(req: &impl HttpMessage) -> Option<VerifiedToken> {
    match req.extensions().get::<Outcome>() {
        Some(Outcome(Ok(authenticated))) => Some(authenticated.token.clone()),
        _ => None,
    }
}

/// Another Verifier's outcome says nothing: a scope's own may be stricter than the application's.
fn remembered(req: &HttpRequest, verifier: &Verifier) -> Option<Result<Authenticated, Denied>> {
    let extensions = req.extensions();
    let Outcome(outcome) = extensions.get::<Outcome>()?;
    let by = match outcome {
        Ok(authenticated) => Some(&authenticated.verifier),
        Err(denied) => denied.verifier.as_ref(),
    };
    by.is_some_and(|other| other.is(verifier)).then(|| outcome.clone())
}

fn remember(req: &HttpRequest, outcome: Result<Authenticated, Denied>) -> Result<Authenticated, Denied> {
    req.extensions_mut().insert(Outcome(outcome.clone()));
    outcome
}
