//! Loads the user of a request, once per request and loader.

use std::any::type_name;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest};
use futures_util::future::{Either, FutureExt, LocalBoxFuture, Shared, ready};

use super::UserLoader;
use super::loader::Source;
#[cfg(feature = "session")]
use super::login::{Credentials, SessionUser};
use super::rejection::{Rejected, Responder};
use crate::app_data;
use crate::error::{VerifyError, VerifyErrorKind as Kind};
use crate::guard::Authentication;
#[cfg(feature = "session")]
use crate::token::VerifiedToken;

/// The user, or the rejection. All extractors of the request share it.
type Loaded<U> = Result<Arc<U>, Rejected>;

/// An entry in the extensions of a request.
struct Loading<U> {
    loader: UserLoader<U>,
    /// The verifier of the token. The verifier of a scope may be stricter than an earlier one.
    verifier: Option<u64>,
    /// The user of the session. A handler may change it.
    #[cfg(feature = "session")]
    session_user: Option<SessionUser>,
    /// Does not contain the request, because the extensions of the request contain the future.
    loaded: Shared<LocalBoxFuture<'static, Loaded<U>>>,
}

/// Loads the user with the nearest loader, or returns the user that it has loaded for this request.
pub(super) fn load<U: 'static>(req: &HttpRequest) -> impl Future<Output = Loaded<U>> + use<U> {
    match start(req) {
        Ok(loaded) => Either::Left(loaded),
        Err(rejected) => Either::Right(ready(Err(rejected))),
    }
}

fn start<U: 'static>(
    req: &HttpRequest,
) -> Result<Shared<LocalBoxFuture<'static, Loaded<U>>>, Rejected> {
    let Some(loader) = app_data::find::<UserLoader<U>>(req, type_name::<UserLoader<U>>()).cloned()
    else {
        let error = VerifyError::new(Kind::Misconfigured, "no UserLoader in app data");
        return Err(Rejected::new(error, Responder::Logged));
    };
    #[cfg(feature = "session")]
    let session_user = match loader.source() {
        Source::Token(_) => None,
        Source::Login(_) | Source::Any(_) => Some(SessionUser::of(req)),
    };
    let authentication = match loader.source() {
        #[cfg(feature = "session")]
        Source::Login(_) => None,
        // Without a verifier, the log already contains the cause.
        _ => {
            Some(Authentication::of(req).map_err(|error| Rejected::new(error, Responder::Logged))?)
        }
    };
    let verifier = authentication.as_ref().map(Authentication::verifier);
    if let Some(loading) = req.extensions().get::<Loading<U>>() {
        let is_same = loading.loader.is(&loader) && loading.verifier == verifier;
        #[cfg(feature = "session")]
        let is_same = is_same && loading.session_user == session_user;
        if is_same {
            return Ok(loading.loaded.clone());
        }
    }
    let call = Call {
        loader: loader.clone(),
        authentication,
        #[cfg(feature = "session")]
        session_user: session_user.clone(),
    };
    // Without this, a panic would make each later poll of the shared future panic too.
    let loaded = AssertUnwindSafe(call.run()).catch_unwind().map(|loaded| {
        loaded.unwrap_or_else(|_| {
            let error = VerifyError::new(Kind::Misconfigured, "the user loader panicked");
            Err(Rejected::new(error, Responder::Unlogged))
        })
    });
    let loaded = loaded.boxed_local().shared();
    let loading = Loading {
        loader,
        verifier,
        #[cfg(feature = "session")]
        session_user,
        loaded: loaded.clone(),
    };
    // The earlier entry may contain a future of the application. Drop it after the borrow ends.
    let _earlier = req.extensions_mut().insert(loading);
    Ok(loaded)
}

/// One call of the loader, with the credentials of the request.
struct Call<U> {
    loader: UserLoader<U>,
    authentication: Option<Authentication>,
    #[cfg(feature = "session")]
    session_user: Option<SessionUser>,
}

impl<U: 'static> Call<U> {
    async fn run(self) -> Loaded<U> {
        let token = match self.authentication {
            Some(authentication) => Some(authentication.outcome().await),
            None => None,
        };
        let (loaded, responder) = match self.loader.source() {
            Source::Token(load) => {
                let token = token.unwrap_or_else(|| Err(missing()));
                let token = token.map_err(|error| Rejected::new(error, Responder::Verifier))?;
                (load(token).await, Responder::Verifier)
            }
            #[cfg(feature = "session")]
            Source::Login(load) => {
                let id = self.session_user.unwrap_or(SessionUser::NoMiddleware).required()?;
                (load(id).await, Responder::Login)
            }
            #[cfg(feature = "session")]
            Source::Any(load) => {
                let Credentials { credential, responder } = any_of(token, self.session_user)?;
                (load(credential).await, responder)
            }
        };
        match loaded {
            Ok(Some(user)) => Ok(Arc::new(user)),
            Ok(None) => {
                let error = VerifyError::new(Kind::Rejected, "the user loader returned no user");
                Err(Rejected::new(error, responder))
            }
            Err(error) => {
                let detail = format!("the user loader failed: {error}");
                Err(Rejected::new(VerifyError::new(Kind::Unavailable, detail), responder))
            }
        }
    }
}

/// Selects the credential. An invalid token is rejected and does not fall back to the login.
#[cfg(feature = "session")]
fn any_of(
    token: Option<Result<VerifiedToken, VerifyError>>,
    session_user: Option<SessionUser>,
) -> Result<Credentials, Rejected> {
    match token.unwrap_or_else(|| Err(missing())) {
        Ok(token) => Ok(Credentials::of_token(token)),
        Err(error) if error.kind() == Kind::MissingToken => {
            session_user.unwrap_or(SessionUser::NoMiddleware).or_missing(error)
        }
        Err(error) => Err(Rejected::new(error, Responder::Verifier)),
    }
}

fn missing() -> VerifyError {
    VerifyError::new(Kind::MissingToken, "the request has no token")
}
