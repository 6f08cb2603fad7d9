//! The responses to requests without a user.

#[cfg(feature = "session")]
use actix_web::HttpResponse;
use actix_web::error::InternalError;
#[cfg(feature = "session")]
use actix_web::http::{StatusCode, header};
use actix_web::{Error, HttpRequest, ResponseError};

#[cfg(feature = "session")]
use crate::cookie::{forbid_shared_caching, vary_by_cookie};
#[cfg(feature = "session")]
use crate::error::problem;
use crate::error::{VerifyError, VerifyErrorKind as Kind};
use crate::guard::Denied;
#[cfg(feature = "remember")]
use crate::remember::RememberMe;

/// Why a request has no user, and which code creates the response.
#[derive(Clone)]
pub(super) struct Rejected {
    error: VerifyError,
    responder: Responder,
}

#[derive(Clone, Copy)]
pub(super) enum Responder {
    /// The error handler of the verifier.
    Verifier,
    /// The `not_logged_in` of `RememberMe`, or a default response.
    #[cfg(feature = "session")]
    Login,
    /// The `not_logged_in` of `RememberMe`, or else the error handler of the verifier.
    #[cfg(feature = "session")]
    LoginOrVerifier,
    /// The default response. The cause is not in the log yet.
    Unlogged,
    /// The default response. The log contains the cause.
    Logged,
}

impl Rejected {
    pub(super) fn new(error: VerifyError, responder: Responder) -> Self {
        Self { error, responder }
    }

    pub(super) fn kind(&self) -> Kind {
        self.error.kind()
    }

    /// Logs the reason and returns the response as the error of an extractor.
    pub(super) fn into_error(self, req: &HttpRequest) -> Error {
        match self.responder {
            Responder::Verifier => Denied::new(req, self.error).into_error(req),
            #[cfg(feature = "session")]
            Responder::Login => {
                let response = self.of_remember(req).unwrap_or_else(|| self.default_response(req));
                self.private(response)
            }
            #[cfg(feature = "session")]
            Responder::LoginOrVerifier => match self.of_remember(req) {
                Some(mut response) => {
                    self.challenge(req, &mut response);
                    self.private(response)
                }
                None => {
                    let response = Denied::new(req, self.error.clone()).into_response(req);
                    self.private(response)
                }
            },
            Responder::Unlogged => {
                tracing::error!(reason = %self.error, "the current user was not loaded");
                self.into_default()
            }
            Responder::Logged => self.into_default(),
        }
    }

    fn into_default(self) -> Error {
        let response = self.error.error_response();
        InternalError::from_response(self.error, response).into()
    }
}

#[cfg(feature = "session")]
impl Rejected {
    /// Returns the response of a `RememberMe` around the handler, if the request needs a login.
    fn of_remember(&self, req: &HttpRequest) -> Option<HttpResponse> {
        if !matches!(self.error.kind(), Kind::MissingToken | Kind::Rejected) {
            return None;
        }
        #[cfg(feature = "remember")]
        let response = RememberMe::response_without_login(req);
        #[cfg(not(feature = "remember"))]
        let response: Option<HttpResponse> = None;
        if response.is_some() {
            self.log(req);
        }
        response
    }

    /// A `401` contains a challenge ([RFC 9110, section
    /// 15.5.2](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2)), for clients with a token.
    fn challenge(&self, req: &HttpRequest, response: &mut HttpResponse) {
        if response.status() == StatusCode::UNAUTHORIZED
            && !response.headers().contains_key(header::WWW_AUTHENTICATE)
            && let Some(challenge) = Denied::new(req, self.error.clone()).challenge()
        {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
    }

    /// The response without a challenge, because the client cannot send a token.
    fn default_response(&self, req: &HttpRequest) -> HttpResponse {
        self.log(req);
        problem(self.error.status_code())
    }

    fn log(&self, req: &HttpRequest) {
        let (method, route) = (req.method(), req.match_pattern());
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(reason = %self.error, %method, route, "request rejected")
            };
        }
        match self.error.kind() {
            Kind::MissingToken => log!(debug),
            Kind::Rejected => log!(info),
            Kind::CrossOrigin => log!(warn),
            _ => log!(error),
        }
    }

    /// The response depends on the cookie of the session.
    fn private(self, mut response: HttpResponse) -> Error {
        vary_by_cookie(response.headers_mut());
        forbid_shared_caching(response.headers_mut());
        InternalError::from_response(self.error, response).into()
    }
}
