use std::fmt;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};
use futures_util::future::LocalBoxFuture;

use super::TokenCookies;
use crate::cookie::RenewedToken;
use crate::error::ConfigError;
use crate::refresh::{
    IssueTokens, Login, NextToken, RefreshError, RefreshFailure, RefreshTokens, Renewals, Renewed,
    TokenPair,
};

/// A middleware that renews the access token in a cookie before it expires, with the refresh token
/// in the other cookie.
///
/// It renews the token if less than a quarter of its lifetime is left, if it has expired, or if the
/// browser has removed the expired cookie. The handler gets the new token, and the response sets
/// both cookies.
///
/// - Parallel requests with the same refresh token cause one refresh in each process. A request
///   whose access token is still valid does not wait for it. Other processes accept the same
///   refresh token within the
///   [`grace_period`](crate::refresh::RefreshTokensBuilder::grace_period).
/// - If the refresh token is rejected, the response removes both cookies. A guard rejects the
///   request as usual.
/// - If a store fails, a valid access token is still accepted. Otherwise the response is `503`.
/// - A request from another origin that is not trusted, and a request with `Authorization`, are
///   passed on without a renewal. So a user who follows a link from another origin may see the
///   login page if the access token has expired.
/// - The next refresh token is in the response, and the browser sends the old one until then. One
///   process accepts the old token until its slowest request ends. Other processes accept it within
///   the grace period, so requests must not take longer than the grace period there.
/// - If a handler sets the cookies of another login, the middleware revokes the login of the
///   request's refresh cookie. An old login then does not continue beside the new one ([OWASP,
///   session management]). If the store fails, the response is `503` without the cookies of the
///   new login, and the user can try again. A login handler outside of the middleware has to call
///   [`logout_with_refresh_token`](RefreshTokens::logout_with_refresh_token).
/// - A slow request can end after a logout or a new login of the same browser. The response sets
///   the cookies only if the login of the request is still active. If the store fails, the response
///   sets only the refresh cookie, which is useless after a logout.
///
/// A browser uses the cookies of the response that arrives last. One race remains: if a logout or a
/// login overtakes a response that is already on its way, the browser has the cookies of the old
/// login again. They are revoked, and the user has to log in again. For the access token, this
/// requires the [revocation store](crate::verifier::VerifierBuilder::revocation_store) in the
/// verifier. Without it, the access token is valid until it expires. A late response to a rejected
/// refresh token can also remove the cookies of a new login.
///
/// The refresh cookie must have `Path=/`, because the middleware needs it with each request. This
/// removes no protection: a browser does not isolate the paths of a site from each other ([RFC
/// 6265, section 8.5]), and a cookie with `Path=/` can have the prefix `__Host-`, so that no
/// sibling subdomain can replace it.
///
/// Wrap the middleware around all guards: with several `wrap` calls, the last one is the outermost.
/// A guard reads the new token by [`TokenCookies::token_source`], and not from the `Cookie` header.
///
/// ```
/// use actix_web::App;
/// use paseto_actix::cookie::CookieConfig;
/// use paseto_actix::refresh::Login;
/// use paseto_actix::token_cookies::{TokenCookies, TokenRenewal};
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
/// let cookies = TokenCookies::builder().refresh_cookie(CookieConfig::new()).build()?;
/// let renewal = TokenRenewal::new(tokens, cookies, async |login: Login| {
///     // Load the current rights of `login.subject()` here.
///     login.issue(&json!({ "plan": "pro" }))
/// })?;
/// let app = App::new().wrap(renewal);
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// [OWASP, session management]: https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html#renew-the-session-id-after-any-privilege-level-change
/// [RFC 6265, section 8.5]: https://www.rfc-editor.org/rfc/rfc6265#section-8.5
#[derive(Clone)]
pub struct TokenRenewal(Arc<Inner>);

struct Inner {
    tokens: RefreshTokens,
    cookies: TokenCookies,
    renewals: Arc<Renewals>,
}

impl TokenRenewal {
    /// Returns the middleware. `issue` loads the claims of a login and issues its tokens. Build it
    /// once, outside of the closure of `HttpServer::new`, so that all workers share it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the refresh cookie does not have `Path=/`.
    pub fn new<F>(
        tokens: RefreshTokens,
        cookies: TokenCookies,
        issue: F,
    ) -> Result<Self, ConfigError>
    where
        F: AsyncFn(Login) -> Result<TokenPair, RefreshError> + Send + Sync + 'static,
    {
        if !cookies.0.refresh_everywhere {
            let problem = "TokenRenewal needs the refresh cookie with each request: call \
                           `.refresh_cookie(CookieConfig::new())`, which has the path `/`";
            return Err(ConfigError::setting("refresh_cookie", problem));
        }
        let renewals = Arc::new(Renewals::new(tokens.clone(), IssueTokens::new(issue)));
        Ok(Self(Arc::new(Inner { tokens, cookies, renewals })))
    }
}

/// What happens to the cookies in the response.
enum Change {
    None,
    Set(Renewed),
    /// Sets the refresh cookie alone, if the claims could not be loaded.
    SetNext(Arc<RefreshFailure>),
    Remove,
}

impl Inner {
    /// Renews the access token if necessary. Returns a response if the request is rejected.
    async fn renew(&self, req: &ServiceRequest) -> Result<Change, HttpResponse> {
        let Self { tokens, cookies, renewals } = self;
        let Some(refresh_token) = cookies.refresh_token(req.request()) else {
            return Ok(Change::None);
        };
        // A page of another origin can start a request and abort it before the response arrives.
        // The browser would then lose the next refresh token.
        if !cookies.trusts_origin_of(req.request()) || req.headers().contains_key(AUTHORIZATION) {
            return Ok(Change::None);
        }
        // The signature does not matter here: a client that changes the token can only cause or
        // delay the renewal of its own login. The verifier checks the token.
        let exp = cookies
            .access_token(req.request())
            .and_then(|access_token| tokens.unverified_exp(access_token));
        let now = tokens.now();
        if exp.is_some_and(|exp| exp - now >= tokens.access_ttl() / 4) {
            return Ok(Change::None);
        }
        let is_valid = exp.is_some_and(|exp| exp > now);
        match renewals.renew(refresh_token, is_valid).await {
            Ok(None) => Ok(Change::None),
            Ok(Some(renewed)) => {
                let name = cookies.0.access.name().to_owned();
                let value = renewed.pair.access_token.clone();
                req.extensions_mut().insert(RenewedToken { name, value });
                Ok(Change::Set(renewed))
            }
            Err(failure) if failure.error.is_invalid_grant() => {
                failure.error.log();
                Ok(Change::Remove)
            }
            Err(failure) if is_valid => {
                failure.error.log();
                Ok(Change::SetNext(failure))
            }
            Err(failure) => {
                let mut response = tokens.respond(req.request(), &failure.error);
                self.apply(&Change::SetNext(failure), response.headers_mut()).await;
                Err(response)
            }
        }
    }

    /// Sets or removes the cookies, unless the handler has done so, for example in a logout.
    async fn apply(&self, change: &Change, headers: &mut HeaderMap) {
        if self.cookies.are_in(headers) {
            return;
        }
        match change {
            Change::None => {}
            Change::Remove => self.cookies.remove(headers),
            Change::Set(Renewed { pair, .. }) => {
                self.set_if_active(Some(pair), &pair.next(), headers).await;
            }
            Change::SetNext(failure) => {
                if let Some(next) = &failure.next {
                    self.set_if_active(None, next, headers).await;
                }
            }
        }
    }

    /// Sets both cookies, or only the refresh cookie without a pair, unless the login has ended.
    async fn set_if_active(
        &self,
        pair: Option<&TokenPair>,
        next: &NextToken,
        headers: &mut HeaderMap,
    ) {
        let pair = match self.tokens.is_active(&next.token).await {
            Ok(true) => pair,
            // The browser may have the cookies of another login by now.
            Ok(false) => {
                tracing::info!("a login was revoked during a request: its cookies are not set");
                return;
            }
            // After a logout, the refresh token alone is useless.
            Err(error) => {
                error.log();
                None
            }
        };
        // Without the next refresh token, the browser would later look like a thief.
        let outcome = match pair {
            Some(pair) => self.cookies.set(headers, pair).or_else(|error| {
                error.log();
                self.cookies.set_next(headers, next)
            }),
            None => self.cookies.set_next(headers, next),
        };
        if let Err(error) = outcome {
            error.log();
        }
    }

    /// Revokes the login of the request if the response sets the cookies of another login.
    async fn replace_login(
        &self,
        req: &HttpRequest,
        headers: &HeaderMap,
    ) -> Result<(), RefreshError> {
        let Some(new) = self.cookies.new_refresh_token(headers) else { return Ok(()) };
        if !self.cookies.allows(req) {
            return Ok(());
        }
        // A sibling subdomain can add a refresh cookie, so the login of each one is revoked.
        for old in self.cookies.refresh_tokens(req) {
            self.tokens.replace_login(old, new).await?;
        }
        Ok(())
    }
}

impl<S, B> Transform<S, ServiceRequest> for TokenRenewal
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = TokenRenewalMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(TokenRenewalMiddleware { service: Rc::new(service), renewal: self.clone() }))
    }
}

/// The service of [`TokenRenewal`].
pub struct TokenRenewalMiddleware<S> {
    service: Rc<S>,
    renewal: TokenRenewal,
}

impl<S, B> Service<ServiceRequest> for TokenRenewalMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, req: ServiceRequest) -> Self::Future {
        let (service, renewal) = (Rc::clone(&self.service), self.renewal.clone());
        Box::pin(async move {
            let change = match renewal.0.renew(&req).await {
                Ok(change) => change,
                Err(response) => return Ok(req.into_response(response).map_into_right_body()),
            };
            match service.call(req).await {
                Ok(mut response) => {
                    let (req, headers) = (response.request(), response.headers());
                    if let Err(error) = renewal.0.replace_login(req, headers).await {
                        // Without the cookies of the new login, the user logs in again, and the
                        // next response revokes the old login.
                        let mut rejection = renewal.0.tokens.respond(req, &error);
                        renewal.0.apply(&change, rejection.headers_mut()).await;
                        return Ok(response.into_response(rejection).map_into_right_body());
                    }
                    renewal.0.apply(&change, response.headers_mut()).await;
                    Ok(response.map_into_left_body())
                }
                Err(error) if matches!(change, Change::None) => Err(error),
                // The browser must get the next refresh token.
                Err(error) => {
                    let mut response = error.error_response();
                    renewal.0.apply(&change, response.headers_mut()).await;
                    Err(InternalError::from_response(error, response).into())
                }
            }
        })
    }
}

impl fmt::Debug for TokenRenewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRenewal").field("cookies", &self.0.cookies).finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for TokenRenewalMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRenewalMiddleware")
            .field("renewal", &self.renewal)
            .finish_non_exhaustive()
    }
}
