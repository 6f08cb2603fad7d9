//! Ready services for refresh, logout and revocation: [`TokenEndpoints`].

mod body;

use std::fmt;
use std::sync::Arc;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, web};

use crate::app_data;
use crate::cookie::RenewedToken;
use crate::cross_origin::log_rejection;
use crate::error::{ConfigError, VerifyErrorKind, problem, quote};
use crate::event::Event;
use crate::public_document::{LITERAL_PATH, is_literal_path};
use crate::refresh::{IssueTokens, Login, RefreshError, RefreshTokens, TokenPair};
use crate::revocation::RevocationError;
use crate::token::VerifiedToken;
use crate::token_cookies::TokenCookies;
use crate::verifier::Verifier;
use body::Body;

/// Serves three `POST` endpoints: refresh, logout and revocation.
///
/// | default path | request | response |
/// | --- | --- | --- |
/// | `/auth/token` | `grant_type=refresh_token&refresh_token=…` ([RFC 6749, section 6]), or JSON `{"refresh_token": "…"}` | [`TokenPair`] |
/// | `/auth/logout` | an access token as guards accept it, or the parameter `refresh_token` | `204` |
/// | `/auth/revoke` | `token=…` ([RFC 7009]), an access token or a refresh token | `200` |
///
/// Bodies are forms or JSON objects of at most 10,240 bytes. Errors have the responses of
/// [`RefreshError`], or those of
/// [`RefreshTokensBuilder::error_handler`](crate::refresh::RefreshTokensBuilder::error_handler). A
/// rejected access token in a logout has the response of the verifier. A request of another origin
/// is `403`, and a missing `Verifier` is `500`. Logout and revocation of access tokens need a
/// [`Verifier`] in app data.
///
/// A revocation also responds with `200` if the token is unknown, expired or invalid ([RFC 7009,
/// section 2.2]), because the client can then discard it. It revokes the whole login of the token,
/// or only the token if an access token has no login.
/// `token_type_hint` is ignored, because the token shows its type. If the store fails, the response
/// is `503` with `Retry-After`.
///
/// The services do not add CORS headers. Wrap them in the CORS middleware of the application.
///
/// ```
/// use actix_web::App;
/// use paseto_actix::refresh::Login;
/// use paseto_actix::token_endpoints::TokenEndpoints;
/// use serde_json::json;
///
/// # use paseto_actix::revocation::MemoryRevocationStore;
/// # use paseto_actix::token_family::MemoryTokenFamilyStore;
/// # use paseto_actix::{Issuer, LocalKey, RefreshTokens, SecretKey};
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// # let issuer = Issuer::builder("https://issuer.example").key(SecretKey::generate()).build()?;
/// # let tokens = RefreshTokens::builder(issuer, LocalKey::generate())
/// #     .token_family_store(MemoryTokenFamilyStore::new(100_000))
/// #     .revocation_store(MemoryRevocationStore::new(100_000))
/// #     .build()?;
/// let endpoints = TokenEndpoints::new(tokens, async |login: Login| {
///     // Load the current rights of `login.subject()` here.
///     login.issue(&json!({ "plan": "pro" }))
/// });
/// let app = App::new().service(endpoints);
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// [RFC 6749, section 6]: https://www.rfc-editor.org/rfc/rfc6749#section-6
/// [RFC 7009]: https://www.rfc-editor.org/rfc/rfc7009
/// [RFC 7009, section 2.2]: https://www.rfc-editor.org/rfc/rfc7009#section-2.2
#[derive(Clone)]
pub struct TokenEndpoints {
    tokens: RefreshTokens,
    issue: IssueTokens,
    cookies: Option<TokenCookies>,
    token_path: String,
    logout_path: String,
    revoke_path: String,
}

impl TokenEndpoints {
    /// Returns the services. `issue` loads the claims of a refreshed login and issues its tokens.
    /// To reject a user who may not log in anymore, return [`RefreshError::Revoked`].
    #[must_use]
    pub fn new<F>(tokens: RefreshTokens, issue: F) -> Self
    where
        F: AsyncFn(Login) -> Result<TokenPair, RefreshError> + Send + Sync + 'static,
    {
        Self {
            tokens,
            issue: IssueTokens::new(issue),
            cookies: None,
            token_path: "/auth/token".to_owned(),
            logout_path: "/auth/logout".to_owned(),
            revoke_path: "/auth/revoke".to_owned(),
        }
    }

    /// Also accepts the tokens in these cookies. Default: no cookies.
    ///
    /// A refresh with the cookie responds with new cookies and with `{"expires_in":900}`, the
    /// lifetime of the access token in seconds. A logout removes both cookies, also if their tokens
    /// are invalid. A rejected refresh removes them too. A request from another origin is rejected
    /// with `403`.
    #[must_use]
    pub fn cookies(mut self, cookies: TokenCookies) -> Self {
        self.cookies = Some(cookies);
        self
    }

    /// Sets the path of the refresh. In a scope, the path of the scope precedes it. Default:
    /// `/auth/token`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the path does not begin with `/`, or contains characters
    /// other than letters, digits, `/`, `-`, `.`, `_` and `~`.
    pub fn token_path(mut self, path: impl Into<String>) -> Result<Self, ConfigError> {
        self.token_path = checked("token_path", path.into())?;
        Ok(self)
    }

    /// Sets the path of the logout. Default: `/auth/logout`.
    ///
    /// # Errors
    ///
    /// The errors of [`token_path`](Self::token_path).
    pub fn logout_path(mut self, path: impl Into<String>) -> Result<Self, ConfigError> {
        self.logout_path = checked("logout_path", path.into())?;
        Ok(self)
    }

    /// Sets the path of the revocation. Default: `/auth/revoke`.
    ///
    /// # Errors
    ///
    /// The errors of [`token_path`](Self::token_path).
    pub fn revoke_path(mut self, path: impl Into<String>) -> Result<Self, ConfigError> {
        self.revoke_path = checked("revoke_path", path.into())?;
        Ok(self)
    }

    async fn refresh(&self, req: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
        body.check_grant_type()?;
        if let Some(refresh_token) = &body.refresh_token {
            let renewed = self.issue.refresh(&self.tokens, refresh_token).await;
            return Ok(renewed.map_err(|failure| failure.error)?.respond_to(req));
        }
        let Some(cookies) = &self.cookies else {
            return Err(RefreshError::InvalidRequest("the request has no `refresh_token`").into());
        };
        self.check_origin(cookies, req)?;
        // `TokenRenewal` has used the refresh token, and sets the cookies.
        if RenewedToken::of(req, cookies.access_name()).is_some() {
            let expires_in = self.tokens.access_ttl().whole_seconds();
            return Ok(HttpResponse::Ok().json(serde_json::json!({ "expires_in": expires_in })));
        }
        // A browser removes an expired cookie, so a missing one is an expired login.
        let renewed = match cookies.refresh_token(req) {
            Some(refresh_token) => self.issue.refresh(&self.tokens, refresh_token).await,
            None => Err(RefreshError::Expired.into()),
        };
        match renewed {
            Ok(pair) => {
                let body = serde_json::json!({ "expires_in": pair.expires_in });
                let mut response = HttpResponse::Ok().json(body);
                if let Err(error) = cookies.set(response.headers_mut(), &pair) {
                    // Without the next refresh token, the browser would later look like a thief.
                    response = self.tokens.respond(req, &error);
                    cookies.set_next(response.headers_mut(), &pair.next())?;
                }
                Ok(response)
            }
            Err(failure) => {
                let mut response = self.tokens.respond(req, &failure.error);
                if failure.error.is_invalid_grant() {
                    cookies.remove(response.headers_mut());
                } else if let Some(next) = &failure.next {
                    cookies.set_next(response.headers_mut(), next)?;
                }
                Ok(response)
            }
        }
    }

    async fn log_out(&self, req: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
        if let Some(refresh_token) = &body.refresh_token {
            self.tokens.logout_with_refresh_token(refresh_token).await?;
            return Ok(HttpResponse::NoContent().finish());
        }
        if let Some(cookies) =
            self.cookies.as_ref().filter(|_| !req.headers().contains_key(AUTHORIZATION))
        {
            self.check_origin(cookies, req)?;
            // A sibling subdomain can add a refresh cookie, so the login of each one is revoked.
            for refresh_token in cookies.refresh_tokens(req) {
                self.revoke_refresh_token(refresh_token).await?;
            }
            if let Some(access_token) = cookies.access_token(req) {
                self.revoke_access_token(req, access_token).await?;
            }
            let mut response = HttpResponse::NoContent().finish();
            cookies.remove(response.headers_mut());
            return Ok(response);
        }
        let token = VerifiedToken::extract(req).await.map_err(|error| error.error_response())?;
        self.tokens.logout(&token).await?;
        Ok(HttpResponse::NoContent().finish())
    }

    async fn revoke(&self, req: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
        let token = body.token.ok_or(RefreshError::InvalidRequest("the request has no `token`"))?;
        if token.starts_with("v4.public.") {
            self.revoke_access_token(req, &token).await?;
        } else {
            self.revoke_refresh_token(&token).await?;
        }
        Ok(HttpResponse::Ok().finish())
    }

    /// Revokes the login of a refresh token. An invalid token is ignored.
    async fn revoke_refresh_token(&self, refresh_token: &str) -> Result<(), RefreshError> {
        match self.tokens.logout_with_refresh_token(refresh_token).await {
            Err(error) if error.is_invalid_grant() => {
                error.log();
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Revokes the login of an access token, or the token alone if it has no login. An invalid
    /// token is ignored.
    async fn revoke_access_token(
        &self,
        req: &HttpRequest,
        access_token: &str,
    ) -> Result<(), Refusal> {
        let Some(verifier) = app_data::find::<Verifier>(req, "verifier") else {
            return Err(problem(StatusCode::INTERNAL_SERVER_ERROR).into());
        };
        let token = match verifier.verify_str_async(access_token).await {
            Ok(token) => token,
            Err(error) => match error.kind() {
                VerifyErrorKind::Unavailable | VerifyErrorKind::Misconfigured => {
                    let error = RevocationError::Other(Box::new(error));
                    return Err(RefreshError::from(error).into());
                }
                _ => {
                    tracing::debug!(reason = %error, "a token to revoke is invalid");
                    return Ok(());
                }
            },
        };
        match self.tokens.logout(&token).await {
            Err(RefreshError::ForeignAccessToken) => {
                Ok(verifier.revoke(&token).await.map_err(RefreshError::from)?)
            }
            outcome => Ok(outcome?),
        }
    }

    fn check_origin(&self, cookies: &TokenCookies, req: &HttpRequest) -> Result<(), Refusal> {
        if cookies.allows(req) {
            return Ok(());
        }
        log_rejection(req);
        self.tokens.emit(Event::Rejected(VerifyErrorKind::CrossOrigin));
        Err(problem(StatusCode::FORBIDDEN).into())
    }

    /// Returns a resource for `POST` requests.
    fn resource<F>(self: &Arc<Self>, path: &str, serve: F) -> actix_web::Resource
    where
        F: AsyncFn(&Self, &HttpRequest, Body) -> Result<HttpResponse, Refusal> + Copy + 'static,
    {
        let endpoints = Arc::clone(self);
        web::resource(path).route(web::post().to(move |req: HttpRequest, payload: web::Payload| {
            let endpoints = Arc::clone(&endpoints);
            async move {
                let outcome = match Body::read(&req, payload).await {
                    Ok(body) => serve(&endpoints, &req, body).await,
                    Err(error) => Err(error.into()),
                };
                let mut response = match outcome {
                    Ok(response) => response,
                    Err(Refusal::Response(response)) => *response,
                    Err(Refusal::Error(error)) => endpoints.tokens.reject(&req, error),
                };
                let no_store = HeaderValue::from_static("no-store");
                response.headers_mut().insert(CACHE_CONTROL, no_store);
                response
            }
        }))
    }
}

fn checked(setting: &'static str, path: String) -> Result<String, ConfigError> {
    if is_literal_path(&path) {
        return Ok(path);
    }
    Err(ConfigError::setting(setting, format!("{LITERAL_PATH}, found {}", quote(&path))))
}

/// Why a request has no success.
enum Refusal {
    Error(RefreshError),
    Response(Box<HttpResponse>),
}

impl From<RefreshError> for Refusal {
    fn from(error: RefreshError) -> Self {
        Self::Error(error)
    }
}

impl From<HttpResponse> for Refusal {
    fn from(response: HttpResponse) -> Self {
        Self::Response(Box::new(response))
    }
}

impl HttpServiceFactory for TokenEndpoints {
    fn register(self, config: &mut AppService) {
        let this = Arc::new(self);
        this.resource(&this.token_path, Self::refresh).register(config);
        this.resource(&this.logout_path, Self::log_out).register(config);
        this.resource(&this.revoke_path, Self::revoke).register(config);
    }
}

impl fmt::Debug for TokenEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoints")
            .field("cookies", &self.cookies)
            .field("token_path", &self.token_path)
            .field("logout_path", &self.logout_path)
            .field("revoke_path", &self.revoke_path)
            .finish_non_exhaustive()
    }
}
