//! An application in which users log in with a browser or an app, in this process or in another
//! one.

pub mod event;
pub mod race;
pub mod world;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

use actix_web::cookie::Cookie;
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, HttpResponse, web};
use paseto_actix::clock::Clock;
use paseto_actix::guard::PasetoRequestExt;
use paseto_actix::remember::{CredentialFingerprint, LoggedIn, Remember};
use paseto_actix::revocation::RevocationStore;
use paseto_actix::token_family::TokenFamilyStore;
use paseto_actix::{
    Issuer, LocalKey, LoginLayer, PasetoRequired, PasetoSession, RefreshTokens, RememberMe,
    SecretKey, VerifiedToken, Verifier,
};
use serde_json::json;

use crate::http;
use crate::process::Process;
use crate::session::{Site, set_cookies};

/// The timeout of the Redis stores. It is long, because other programs may use the CPU.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// The keys of an application. Cookies and refresh tokens share one key.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The key for encryption.
    pub local: LocalKey,
    /// The key for signatures.
    pub secret: SecretKey,
}

impl Keys {
    /// Generates keys.
    pub fn generate() -> Self {
        Self { local: LocalKey::generate(), secret: SecretKey::generate() }
    }
}

/// An application for browsers and apps. Each user ID exists.
#[derive(Clone, Debug)]
pub struct Logins {
    /// The middleware.
    pub layer: LoginLayer,
    /// The refresh tokens.
    pub tokens: RefreshTokens,
    issuer: Issuer,
    /// The verifier of access tokens.
    pub verifier: Verifier,
}

impl Logins {
    /// Returns the application with this name.
    pub fn new(
        name: &str,
        keys: &Keys,
        clock: impl Clock + Clone,
        revocations: impl RevocationStore + Clone,
        family: impl TokenFamilyStore + Clone,
    ) -> Self {
        let Keys { local, secret } = keys;
        let issuer_name = format!("https://{name}.example");
        let verifier = Verifier::builder()
            .trust(&issuer_name, secret.public_key())
            .revocation_store(revocations.clone())
            .clock(clock.clone())
            .build()
            .expect("a verifier");
        let issuer = Issuer::builder(issuer_name)
            .key(secret.clone())
            .clock(clock.clone())
            .build()
            .expect("an issuer");
        let tokens = RefreshTokens::builder(issuer.clone(), local.clone())
            .application(name)
            .token_family_store(family.clone())
            .revocation_store(revocations.clone())
            .clock(clock.clone())
            .build()
            .expect("refresh tokens");
        let session = PasetoSession::builder(local.clone())
            .application(name)
            .revocation_store(revocations.clone())
            .clock(clock.clone())
            .build()
            .expect("a session");
        let remember = RememberMe::builder(local.clone())
            .application(name)
            .credential_loader(async |id| Some(CredentialFingerprint::new(id)))
            .token_family_store(family)
            .revocation_store(revocations)
            .clock(clock)
            .build()
            .expect("a middleware");
        let layer = LoginLayer::new(session, remember).refresh_tokens(tokens.clone());
        Self { layer, tokens, issuer, verifier }
    }

    /// Returns a function that adds the routes. `/login`, `/token` and `/own-token` log in the user
    /// in the query. `/refresh` and `/end` read the token in the header `refresh-token`. `/api`
    /// requires an access token.
    pub fn routes(self) -> impl FnOnce(&mut web::ServiceConfig) {
        let api = web::scope("/api")
            .wrap(PasetoRequired::new())
            .route("/me", web::get().to(token_user))
            .route("/logout-others", web::post().to(log_out_others))
            .route("/end-login", web::post().to(logout_by_session_id));
        move |config| {
            config
                .app_data(self.verifier)
                .app_data(self.issuer)
                .app_data(web::Data::new(self.tokens))
                .route("/login", web::post().to(log_in))
                .route("/logout", web::post().to(log_out))
                .route("/end-login", web::post().to(logout_by_id))
                .route("/logout-all", web::post().to(log_out_all))
                .route("/logout-others", web::post().to(log_out_others))
                .route("/me", web::get().to(async |user: LoggedIn| user.id().to_owned()))
                .route("/token", web::post().to(log_in_with_tokens))
                .route("/own-token", web::post().to(own_token))
                .route("/refresh", web::post().to(refresh))
                .route("/end", web::post().to(log_out_with_tokens))
                .service(api);
        }
    }

    /// Returns the application in this process.
    pub async fn site(&self) -> Site {
        let app = App::new().wrap(self.layer.clone()).configure(self.clone().routes());
        Site::new(init_service(app).await)
    }
}

type Query = web::Query<HashMap<String, String>>;
type Tokens = web::Data<RefreshTokens>;

async fn log_in(req: HttpRequest, query: Query) -> actix_web::Result<&'static str> {
    RememberMe::start_login(&req, &query["user"]).await?.complete(Remember::Default).await?;
    Ok("in")
}

async fn log_out(req: HttpRequest) -> &'static str {
    RememberMe::logout(&req);
    "out"
}

async fn logout_by_id(
    layer: LoginLayer,
    user: LoggedIn,
    req: HttpRequest,
) -> actix_web::Result<&'static str> {
    layer
        .logout_by_id(user.id(), RememberMe::current_login(&req).expect("a remembered login"))
        .await?;
    Ok("out")
}

async fn logout_by_session_id(
    layer: LoginLayer,
    token: VerifiedToken,
) -> actix_web::Result<&'static str> {
    let login = token.session_id().and_then(|id| id.parse().ok()).expect("a login");
    layer.logout_by_id(token.subject().expect("a subject"), login).await?;
    Ok("out")
}

async fn log_out_all(layer: LoginLayer, user: LoggedIn) -> actix_web::Result<&'static str> {
    layer.logout_all(user.id()).await?;
    Ok("out")
}

async fn log_out_others(layer: LoginLayer, req: HttpRequest) -> actix_web::Result<&'static str> {
    layer.logout_others(&req).await?;
    Ok("out")
}

async fn token_user(req: HttpRequest) -> String {
    let token = req.current_paseto().expect("the route requires a token");
    token.subject().expect("a subject").to_owned()
}

async fn log_in_with_tokens(tokens: Tokens, query: Query) -> actix_web::Result<HttpResponse> {
    let pair = tokens.start_login(&query["user"]).await?.complete().await?.issue(&json!({}))?;
    Ok(HttpResponse::Ok().json(pair))
}

/// Issues a token that belongs to no login. It is valid for one hour.
async fn own_token(issuer: Issuer, query: Query) -> actix_web::Result<String> {
    Ok(issuer.token(&json!({})).subject(&query["user"]).issue()?)
}

async fn refresh(tokens: Tokens, req: HttpRequest) -> actix_web::Result<HttpResponse> {
    let pair = tokens.refresh(presented(&req)).await?.issue(&json!({}))?;
    Ok(HttpResponse::Ok().json(pair))
}

async fn log_out_with_tokens(tokens: Tokens, req: HttpRequest) -> actix_web::Result<&'static str> {
    tokens.logout_with_refresh_token(presented(&req)).await?;
    Ok("out")
}

fn presented(req: &HttpRequest) -> &str {
    req.headers()
        .get("refresh-token")
        .and_then(|value| value.to_str().ok())
        .expect("a refresh token")
}

/// A place where the application runs.
#[derive(Debug)]
pub enum Place {
    /// This process.
    Here(Site),
    /// A server in another process.
    There(Server),
}

/// A server of the application in another process. The process is killed when this value is
/// dropped.
#[derive(Debug)]
pub struct Server {
    url: String,
    process: Process,
}

impl Server {
    /// Starts a server of the application with this name. `program` is the path of `login_server`.
    /// Its stores are in the place of this variable: `STATE_FILE` or `REDIS_URL`.
    pub fn start(program: &str, name: &str, keys: &Keys, state: (&str, impl AsRef<OsStr>)) -> Self {
        let mut process = Process::start(Self::command(program, name, keys).env(state.0, state.1));
        Self { url: process.line_after("listening on "), process }
    }

    /// Returns the command of [`start`](Self::start), without the place of the stores.
    pub fn command(program: &str, name: &str, keys: &Keys) -> Command {
        let mut command = Command::new(program);
        command
            .env("APPLICATION", name)
            .env("LOCAL_KEY", keys.local.to_paserk().as_str())
            .env("SECRET_KEY", keys.secret.to_paserk().as_str());
        command
    }

    /// Returns the address of the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills the server, and waits for its end.
    pub fn kill(self) {
        self.process.kill();
    }
}

/// The response to a request.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The `Set-Cookie` headers.
    pub cookies: Vec<String>,
}

impl Reply {
    /// Returns the body of a response with the status `200`.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.body
    }

    /// Returns the value of a cookie that the response sets, or `None` if the response removes the
    /// cookie or does not set it.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.cookies.iter().map(|cookie| Cookie::parse(cookie).expect("a cookie"));
        let value = cookies.into_iter().find(|cookie| cookie.name() == name)?.value().to_owned();
        (!value.is_empty()).then_some(value)
    }
}

impl Place {
    /// Sends a request without a body.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
        match self {
            Self::Here(site) => {
                let request = TestRequest::with_uri(path).method(method);
                let request =
                    headers.iter().fold(request, |request, header| request.insert_header(*header));
                let response = site.send(request).await;
                let cookies =
                    set_cookies(&response.headers).into_iter().map(str::to_owned).collect();
                Reply { status: response.status.as_u16(), body: response.body, cookies }
            }
            Self::There(server) => {
                let response = http::send(&server.url, method.as_str(), path, headers, "");
                let cookies = response.header_values("set-cookie").map(str::to_owned).collect();
                Reply { status: response.status, body: response.body, cookies }
            }
        }
    }
}
