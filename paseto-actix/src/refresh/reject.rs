use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use time::OffsetDateTime;

use super::{RefreshError, RefreshTokens};
use crate::event::Event;
use crate::token::{Unverified, scan};

/// The closure of [`RefreshTokensBuilder::error_handler`](super::RefreshTokensBuilder).
pub(super) type ErrorHandler =
    Box<dyn Fn(&HttpRequest, &RefreshError) -> HttpResponse + Send + Sync>;

impl RefreshTokens {
    /// Logs an error and returns its response, from the
    /// [`error_handler`](super::RefreshTokensBuilder::error_handler) if one is set.
    /// `TokenEndpoints` and `TokenRenewal` call this method. Call it in handlers of your own.
    ///
    /// A handler that returns `RefreshError` with `?` sends the default response, because actix-web
    /// then has no access to the request.
    ///
    /// ```
    /// use actix_web::{HttpRequest, HttpResponse, Responder, web};
    /// use paseto_actix::RefreshTokens;
    /// use serde_json::json;
    ///
    /// async fn refresh(
    ///     req: HttpRequest,
    ///     tokens: web::Data<RefreshTokens>,
    ///     refresh_token: String,
    /// ) -> HttpResponse {
    ///     let renewed = tokens.refresh(&refresh_token).await;
    ///     match renewed.and_then(|login| login.issue(&json!({ "plan": "pro" }))) {
    ///         Ok(pair) => pair.respond_to(&req),
    ///         Err(error) => tokens.reject(&req, error),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn reject(&self, req: &HttpRequest, error: RefreshError) -> HttpResponse {
        self.respond(req, &error)
    }

    /// The same for an error that several requests share.
    pub(crate) fn respond(&self, req: &HttpRequest, error: &RefreshError) -> HttpResponse {
        error.log();
        let Some(handler) = &self.0.error_handler else { return error.response() };
        let mut response = handler(req, error);
        // A client takes a success for a pair of tokens or for a logout.
        if response.status().is_success() {
            tracing::error!(
                status = response.status().as_u16(),
                "the error handler of RefreshTokens returned a success: the client gets the \
                 default response"
            );
            return error.response();
        }
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    pub(crate) fn emit(&self, event: Event<'_>) {
        self.0.events.emit(event);
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.0.clock.now()
    }

    /// Returns the lifetime of access tokens.
    pub(crate) fn access_ttl(&self) -> time::Duration {
        super::span(self.0.access_ttl)
    }

    /// Returns the `exp` of an access token whose signature is not verified.
    pub(crate) fn unverified_exp(&self, access_token: &str) -> Option<OffsetDateTime> {
        let token = Unverified::parse(access_token).ok()?;
        scan(self.0.issuer.format(), token.payload()).ok()?.times.exp
    }
}
