//! The login of the session of a request.

use actix_session::SessionExt;
use actix_web::HttpRequest;

use super::Credential;
use super::rejection::{Rejected, Responder};
use crate::error::{VerifyError, VerifyErrorKind as Kind};
#[cfg(feature = "remember")]
use crate::remember::RememberMe;
use crate::session::RequestState;
use crate::token::VerifiedToken;

/// The user of the session at the start of the loading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SessionUser {
    /// The ID of the user.
    User(String),
    Anonymous,
    /// The session is from another session middleware, and the request is from another origin.
    #[cfg(feature = "remember")]
    CrossOrigin,
    /// No session middleware is around the handler.
    NoMiddleware,
}

impl SessionUser {
    pub(super) fn of(req: &HttpRequest) -> Self {
        #[cfg(feature = "remember")]
        if let Some(login) = RememberMe::login_of_request(req) {
            return match login {
                Ok(user) => user.map_or(Self::Anonymous, Self::User),
                Err(_) => Self::CrossOrigin,
            };
        }
        match RequestState::of(req) {
            Some(state) => state.subject(&req.get_session()).map_or(Self::Anonymous, Self::User),
            None => Self::NoMiddleware,
        }
    }

    /// Returns the ID of the user, for a loader that reads only logins.
    pub(super) fn required(self) -> Result<String, Rejected> {
        let (kind, detail) = match self {
            Self::User(id) => return Ok(id),
            Self::Anonymous => (Kind::MissingToken, "no user is logged in"),
            #[cfg(feature = "remember")]
            Self::CrossOrigin => (Kind::CrossOrigin, CROSS_ORIGIN),
            Self::NoMiddleware => (
                Kind::Misconfigured,
                "no session around the handler: call \
                 `App::wrap(LoginLayer::new(session, remember))` or `App::wrap(session)` with a \
                 PasetoSession",
            ),
        };
        Err(Rejected::new(VerifyError::new(kind, detail), Responder::Login))
    }

    /// Returns the credential of a request without a token.
    pub(super) fn or_missing(self, missing: VerifyError) -> Result<Credentials, Rejected> {
        let error = match self {
            Self::User(id) => {
                return Ok(Credentials {
                    credential: Credential::Login(id),
                    responder: Responder::LoginOrVerifier,
                });
            }
            Self::Anonymous | Self::NoMiddleware => missing,
            #[cfg(feature = "remember")]
            Self::CrossOrigin => VerifyError::new(Kind::CrossOrigin, CROSS_ORIGIN),
        };
        Err(Rejected::new(error, Responder::LoginOrVerifier))
    }
}

#[cfg(feature = "remember")]
const CROSS_ORIGIN: &str = "the login is in a cookie, and the request is from another origin: \
     call `.trusted_origin(..)` on the builder of RememberMe to allow that origin";

/// The credential of a request, and the code that responds if the user is rejected.
pub(super) struct Credentials {
    pub(super) credential: Credential,
    pub(super) responder: Responder,
}

impl Credentials {
    pub(super) fn of_token(token: VerifiedToken) -> Self {
        Self { credential: Credential::Token(token), responder: Responder::Verifier }
    }
}
