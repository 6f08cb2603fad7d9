//! The nodes of the application.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::{TestRequest, init_service};
use actix_web::{Error, HttpResponse, ResponseError, web};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use paseto_actix::refresh::{Login, RefreshError};
use paseto_actix::revocation::RevocationError;
use paseto_actix::token::VerifiedToken;
use paseto_actix::{ConfigError, Issuer, LocalKey, RedisStore, RefreshTokens, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use serde_json::json;

use crate::watch::{Watch, Watched};

/// The header of a response with the reason of its rejection. Only this program needs it.
pub(crate) const REASON: HeaderName = HeaderName::from_static("x-reason");
/// The reason of a refresh token that was used before.
pub(crate) const REUSED: &str = "reused";
/// The lifetime of an access token. It must be longer than the run: otherwise an expired token
/// would look like a revoked one.
const ACCESS_TTL: Duration = Duration::from_secs(60 * 60);

/// The keys that all nodes share.
pub(crate) struct Keys {
    secret: SecretKey,
    local: LocalKey,
}

impl Keys {
    pub(crate) fn generate() -> Self {
        Self { secret: SecretKey::generate(), local: LocalKey::generate() }
    }
}

/// A node of the application, with its own connections.
#[derive(Clone)]
pub(crate) struct Node {
    verifier: Verifier,
    /// Verifies access tokens that may be revoked.
    unrevoked: Verifier,
    tokens: RefreshTokens,
}

impl Node {
    pub(crate) fn new(
        keys: &Keys,
        urls: Vec<String>,
        min_replicas: usize,
        watch: &Arc<Watch>,
    ) -> Result<Self, ConfigError> {
        let redis = RedisStore::cluster(urls).min_replicas(min_replicas).build()?;
        let revocations = || Watched { store: redis.revocation_store(), watch: Arc::clone(watch) };
        let families = Watched { store: redis.token_family_store(), watch: Arc::clone(watch) };
        let verifier = || Verifier::builder().trust(ISSUER, keys.secret.public_key());
        let issuer = Issuer::builder(ISSUER).key(keys.secret.clone()).build()?;
        Ok(Self {
            verifier: verifier().revocation_store(revocations()).build()?,
            unrevoked: verifier().build()?,
            tokens: RefreshTokens::builder(issuer, keys.local.clone())
                .access_ttl(ACCESS_TTL)
                .token_family_store(families)
                .revocation_store(revocations())
                .build()?,
        })
    }
}

/// The application of a node, for one thread.
pub(crate) type App =
    Box<dyn Fn(TestRequest) -> LocalBoxFuture<'static, Result<ServiceResponse, Error>>>;

/// Returns the application of a node.
pub(crate) async fn app(node: &Node) -> App {
    let app = actix_web::App::new()
        .app_data(node.verifier.clone())
        .app_data(web::Data::new(node.clone()))
        .route("/orders", web::get().to(orders))
        .route("/login", web::post().to(log_in))
        .route("/refresh", web::post().to(refresh))
        .route("/logout", web::post().to(log_out))
        .route("/logout_all", web::post().to(log_out_all))
        .route("/revoke", web::post().to(revoke));
    let service = Rc::new(init_service(app).await);
    Box::new(move |request| {
        let service = Rc::clone(&service);
        async move { service.call(request.to_request()).await }.boxed_local()
    })
}

async fn orders(_: VerifiedToken) -> &'static str {
    "orders"
}

/// The body is the subject.
async fn log_in(node: web::Data<Node>, subject: String) -> HttpResponse {
    respond(node.tokens.login(subject).await)
}

/// The body is the refresh token.
async fn refresh(node: web::Data<Node>, token: String) -> HttpResponse {
    respond(node.tokens.refresh(&token).await)
}

/// The body is the refresh token.
async fn log_out(node: web::Data<Node>, token: String) -> Result<HttpResponse, RefreshError> {
    node.tokens.logout_with_refresh_token(&token).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The body is the subject.
async fn log_out_all(node: web::Data<Node>, subject: String) -> Result<HttpResponse, RefreshError> {
    node.tokens.logout_all(&subject).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The body is the access token. A repeated request must not fail because the first one revoked
/// the token.
async fn revoke(node: web::Data<Node>, token: String) -> Result<HttpResponse, RevocationError> {
    let Ok(token) = node.unrevoked.verify_str_async(&token).await else {
        return Ok(HttpResponse::Unauthorized().finish());
    };
    node.verifier.revoke(&token).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn respond(login: Result<Login, RefreshError>) -> HttpResponse {
    match login.and_then(|login| login.issue(&json!({}))) {
        Ok(pair) => HttpResponse::Ok().json(pair),
        Err(error) => {
            let mut response = error.error_response();
            if matches!(error, RefreshError::Reused) {
                response.headers_mut().insert(REASON, HeaderValue::from_static(REUSED));
            }
            response
        }
    }
}
