//! A JSON API with access tokens, refresh tokens and logout.
//!
//! ```sh
//! cargo run --bin api_service
//! ```
//!
//! Then, in another terminal:
//!
//! ```sh
//! curl -H 'Content-Type: application/json' -d '{"email": "foo@bar.example", "password": "mysecret"}' http://127.0.0.1:8080/login
//! curl -H 'Authorization: Bearer v4.public.…' http://127.0.0.1:8080/me
//! curl -H 'Content-Type: application/json' -d '{"refresh_token": "v4.local.…"}' http://127.0.0.1:8080/refresh
//! curl -X POST -H 'Authorization: Bearer v4.public.…' http://127.0.0.1:8080/logout
//! curl -X POST -H 'Authorization: Bearer v4.public.…' http://127.0.0.1:8080/logout-everywhere
//! ```
//!
//! `TokenEndpoints` serves `/refresh`, `/logout` and `/revoke`. `/logout` revokes the login of the
//! token, and `/logout-everywhere` revokes all logins of its user. The user `admin@bar.example` has
//! the same password and also the scope `admin`, which `/admin` requires.
//!
//! Environment variables:
//!
//! - `BIND`: the address to listen on. Default: `127.0.0.1:8080`.
//! - `SECRET_KEY`: the `k4.secret` key that signs access tokens. Default: a demo key that is
//!   public.
//! - `REFRESH_KEYS`: `k4.local` keys that encrypt refresh tokens, separated by commas. The first
//!   key is the active key, and the others are retired keys. Default: a key that is derived from
//!   `SECRET_KEY`, so a new `SECRET_KEY` revokes all logins.
//! - `STATE_FILE`: the path of the file with the logins and revocations, which several processes on
//!   one machine can share. If the file cannot be used, the program exits with an error. Default:
//!   `paseto-state.sqlite` in the current folder.
//! - `REDIS_URL`: the Redis server that processes on several machines share, over TLS if the URL
//!   begins with `rediss://`. If Redis does not respond, the program exits with an error. Default:
//!   the state is in `STATE_FILE`.

use std::env;
use std::env::VarError;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use actix_web::error::{InternalError, JsonPayloadError};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, ResponseError, get, post, web};
use paseto_actix::keys::{KeyRing, SecretKey};
use paseto_actix::refresh::{Login, RefreshError, TokenPair};
use paseto_actix::token_endpoints::TokenEndpoints;
use paseto_actix::{
    Issuer, LocalKey, Paseto, RedisStore, RefreshTokens, SqliteStore, VerifiedToken, Verifier,
    paseto_required,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq;
use tracing_subscriber::filter::LevelFilter;

const ISSUER: &str = "https://issuer.example";
const USER: &str = "foo@bar.example";
const ADMIN: &str = "admin@bar.example";
const DEMO_KEY: &str = "k4.secret.tMv7Q99M4hByfZU-SnEzB_oZu32fhQQUONnhG5QqN3Qeudu7vAR8A_1wYE4AcfCYfhayi3VyJcEfAEFdDiCxog";

/// The body of `/login`.
#[derive(Deserialize)]
struct Credentials {
    email: String,
    password: String,
}

impl Credentials {
    /// Placeholder for a user database. A real application stores password hashes, for example of
    /// Argon2.
    fn are_valid(&self) -> bool {
        let password_matches: bool = self.password.as_bytes().ct_eq(b"mysecret").into();
        [USER, ADMIN].contains(&self.email.as_str()) && password_matches
    }
}

/// The private claims of an access token.
#[derive(Deserialize, Serialize)]
struct Claims {
    email: String,
}

/// Issues a pair of tokens. Each refresh determines the scopes again, so a user who loses the role
/// of an admin loses the scope when the access token expires, after at most 15 minutes.
fn issue(login: Login) -> Result<TokenPair, RefreshError> {
    let email = login.subject().to_owned();
    let is_admin = email == ADMIN;
    login.issue_with(
        &Claims { email },
        |token| if is_admin { token.scopes(["admin"]) } else { token },
    )
}

/// Checks the password and returns a pair of tokens.
#[post("/login")]
async fn log_in(
    tokens: web::Data<RefreshTokens>,
    user: web::Json<Credentials>,
) -> actix_web::Result<HttpResponse> {
    // Before the password check: a concurrent `/logout-everywhere` then revokes this login too.
    let login = tokens.start_login(&user.email).await?;
    if !user.are_valid() {
        return Ok(HttpResponse::Unauthorized().json(json!({ "error": "wrong email or password" })));
    }
    let pair = issue(login.complete().await?)?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(pair))
}

/// Revokes all logins of the user.
#[post("/logout-everywhere")]
#[paseto_required]
async fn log_out_everywhere(
    tokens: web::Data<RefreshTokens>,
    token: VerifiedToken,
) -> Result<HttpResponse, RefreshError> {
    // `logout` rejects tokens of other issuers, whose users can have the same names. So call it
    // before `logout_all`.
    tokens.logout(&token).await?;
    tokens.logout_all(token.subject().unwrap_or_default()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Returns the claims of the access token.
#[get("/me")]
#[paseto_required]
async fn me(paseto: Paseto<Claims>) -> web::Json<Claims> {
    web::Json(paseto.into_claims())
}

/// Requires the scope `admin`.
#[get("/admin")]
#[paseto_required(scopes("admin"))]
async fn admin(paseto: Paseto<Claims>) -> String {
    format!("{} is an admin.", paseto.into_claims().email)
}

/// Returns `{"error": "…"}` for a malformed body.
fn body_error(error: JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    let response =
        HttpResponse::build(error.status_code()).json(json!({ "error": error.to_string() }));
    InternalError::from_response(error, response).into()
}

/// Reads an environment variable. The error does not contain the value, which can be a secret.
fn variable(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name}: the value is not UTF-8")),
    }
}

fn secret_key() -> Result<SecretKey, Box<dyn Error>> {
    let key = variable("SECRET_KEY")?.unwrap_or_else(|| {
        eprintln!("warning: SECRET_KEY is not set, so the signing key is public");
        DEMO_KEY.to_owned()
    });
    Ok(SecretKey::from_paserk(&key).map_err(|error| format!("SECRET_KEY: {error}"))?)
}

fn refresh_keys(secret: &SecretKey) -> Result<KeyRing, Box<dyn Error>> {
    Ok(match variable("REFRESH_KEYS")? {
        Some(keys) => keys.parse().map_err(|error| format!("REFRESH_KEYS: {error}"))?,
        None => {
            LocalKey::derive_from(secret.to_paserk().as_bytes(), "refresh tokens of api_service")?
                .into()
        }
    })
}

/// Builds `RefreshTokens` and the verifier with the same revocation store.
async fn build() -> Result<(RefreshTokens, Verifier), Box<dyn Error>> {
    let secret = secret_key()?;
    let refresh_keys = refresh_keys(&secret)?;
    let issuer = Issuer::builder(ISSUER).key(secret).build()?;
    let verifier = Verifier::builder().trust_issuer(&issuer);
    let tokens = RefreshTokens::builder(issuer, refresh_keys).application("api_service");
    let (tokens, verifier) = match variable("REDIS_URL")? {
        Some(url) => {
            let wrong = |error: &dyn Error| format!("REDIS_URL: {error}");
            let redis = RedisStore::builder(&url)
                .prefix("api_service")
                // Default: 250 ms. A debug build can need longer to connect over TLS.
                .timeout(Duration::from_secs(5))
                .build()
                .map_err(|e| wrong(&e))?;
            // Reports an unreachable Redis at the start, and not with the first request.
            redis.ping().await.map_err(|e| wrong(&e))?;
            println!("The state is on the Redis server of REDIS_URL.");
            (
                tokens
                    .token_family_store(redis.token_family_store())
                    .revocation_store(redis.revocation_store()),
                verifier.revocation_store(redis.revocation_store()),
            )
        }
        None => {
            let path = env::var_os("STATE_FILE").unwrap_or_else(|| "paseto-state.sqlite".into());
            let state = SqliteStore::open(&path).map_err(|error| format!("STATE_FILE: {error}"))?;
            println!("The state is in the file `{}`.", path.display());
            (
                tokens
                    .token_family_store(state.token_family_store())
                    .revocation_store(state.revocation_store()),
                verifier.revocation_store(state.revocation_store()),
            )
        }
    };
    Ok((tokens.build()?, verifier.build()?))
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let (tokens, verifier) = build().await?;
    let endpoints = TokenEndpoints::new(tokens.clone(), async |login: Login| issue(login))
        .token_path("/refresh")?
        .logout_path("/logout")?
        .revoke_path("/revoke")?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(tokens.clone()))
            .app_data(verifier.clone())
            .app_data(web::JsonConfig::default().error_handler(body_error))
            .service(log_in)
            .service(endpoints.clone())
            .service(log_out_everywhere)
            .service(me)
            .service(admin)
    });
    let address = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let server = server.bind(&address).map_err(|error| format!("BIND: `{address}`: {error}"))?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await?;
    Ok(())
}

#[actix_web::main]
async fn main() -> ExitCode {
    // Prints warnings and errors, for example the reason of a rejected request.
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).without_time().init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
