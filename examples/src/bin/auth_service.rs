//! The auth service of a pair of services. It logs users in, issues tokens, and publishes its
//! public keys. `resource_service` verifies the tokens with these keys.
//!
//! ```sh
//! cargo run --bin paseto -- keys generate target/auth_keys.json
//! KEY_FILE=target/auth_keys.json cargo run --bin auth_service
//! ```
//!
//! Then, in another terminal:
//!
//! ```sh
//! curl http://127.0.0.1:8081/.well-known/paserk.json
//! curl -H 'Content-Type: application/json' -d '{"user": "ada", "password": "mysecret"}' http://127.0.0.1:8081/login
//! curl -H 'Content-Type: application/json' -d '{"refresh_token": "v4.local.…"}' http://127.0.0.1:8081/refresh
//! curl -H 'Content-Type: application/json' -d '{"refresh_token": "v4.local.…"}' http://127.0.0.1:8081/logout
//! ```
//!
//! Several replicas can run at the same time: start each with the same `KEY_FILE`, `REFRESH_KEYS`
//! and `REDIS_URL`. `paseto keys rotate target/auth_keys.json` adds a key, which all replicas use
//! from the same moment on.
//!
//! Environment variables:
//!
//! - `BIND`: the address to listen on. Default: `127.0.0.1:8081`.
//! - `ISSUER`: the name of the issuer. Default: `https://auth.example`.
//! - `KEY_FILE`: the key file with the signing keys. Default: a new key, so all tokens become
//!   invalid when the program exits.
//! - `REFRESH_KEYS`: `k4.local` keys that encrypt refresh tokens, separated by commas, or the JSON
//!   form of a key file. Default: a new key.
//! - `REDIS_URL`: the Redis server that the replicas share. Default: the stores are in memory.
//! - `TOKEN_TTL`: the lifetime of access tokens in seconds. Default: 900.
//! - `KEY_SET_MAX_AGE`: how long clients may cache the public keys, in seconds. Default: 300.

use std::env;
use std::env::VarError;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, get, post, web};
use paseto_actix::key_set::KeySetService;
use paseto_actix::keys::KeyRing;
use paseto_actix::refresh::{Login, RefreshError, TokenPair};
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{Issuer, LocalKey, RedisStore, RefreshTokens, SecretKey};
use serde::Deserialize;
use serde_json::json;
use subtle::ConstantTimeEq;
use tracing_subscriber::filter::LevelFilter;

/// The service that the tokens are for.
const AUDIENCE: &str = "https://api.example";

/// The body of `/login`.
#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// Placeholder for a user database. A real application stores password hashes, for example of
    /// Argon2.
    fn are_valid(&self) -> bool {
        let password_matches: bool = self.password.as_bytes().ct_eq(b"mysecret").into();
        self.user == "ada" && password_matches
    }
}

fn issue(login: Login) -> Result<TokenPair, RefreshError> {
    login.issue_with(&json!({}), |token| token.scopes(["orders:read"]))
}

/// Checks the password and returns a pair of tokens.
#[post("/login")]
async fn log_in(
    tokens: web::Data<RefreshTokens>,
    credentials: web::Json<Credentials>,
) -> Result<HttpResponse, RefreshError> {
    let login = tokens.start_login(&credentials.user).await?;
    if !credentials.are_valid() {
        return Ok(HttpResponse::Unauthorized().json(json!({ "error": "wrong user or password" })));
    }
    let pair = issue(login.complete().await?)?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(pair))
}

/// The body of `/refresh` and `/logout`.
#[derive(Deserialize)]
struct Refresh {
    refresh_token: String,
}

/// Exchanges a refresh token for a new pair of tokens.
#[post("/refresh")]
async fn refresh(
    tokens: web::Data<RefreshTokens>,
    body: web::Json<Refresh>,
) -> Result<TokenPair, RefreshError> {
    issue(tokens.refresh(&body.refresh_token).await?)
}

/// Revokes the login of a refresh token.
#[post("/logout")]
async fn log_out(
    tokens: web::Data<RefreshTokens>,
    body: web::Json<Refresh>,
) -> Result<HttpResponse, RefreshError> {
    tokens.logout_with_refresh_token(&body.refresh_token).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// For the health check of a load balancer.
#[get("/health")]
async fn health() -> &'static str {
    "healthy\n"
}

/// Reads an environment variable. The error does not contain the value, which can be a secret.
fn variable(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name}: the value is not UTF-8")),
    }
}

fn seconds(name: &str, default: u64) -> Result<Duration, String> {
    let Some(text) = variable(name)? else { return Ok(Duration::from_secs(default)) };
    let seconds = text.parse().map_err(|_| format!("{name}: expected a number of seconds"))?;
    Ok(Duration::from_secs(seconds))
}

fn issuer() -> Result<Issuer, Box<dyn Error>> {
    let name = variable("ISSUER")?.unwrap_or_else(|| "https://auth.example".to_owned());
    let issuer = Issuer::builder(name).audience(AUDIENCE).ttl(seconds("TOKEN_TTL", 900)?);
    let issuer = match variable("KEY_FILE")? {
        Some(file) => issuer.keys(KeyRing::from_file(file)?),
        None => {
            eprintln!("warning: KEY_FILE is not set, so the signing key is lost at the end");
            issuer.key(SecretKey::generate())
        }
    };
    Ok(issuer.build()?)
}

async fn refresh_tokens(issuer: &Issuer) -> Result<RefreshTokens, Box<dyn Error>> {
    let keys: KeyRing = match variable("REFRESH_KEYS")? {
        Some(keys) => keys.parse().map_err(|error| format!("REFRESH_KEYS: {error}"))?,
        None => LocalKey::generate().into(),
    };
    let tokens = RefreshTokens::builder(issuer.clone(), keys)
        .application("auth_service")
        .access_ttl(seconds("TOKEN_TTL", 900)?);
    let tokens = match variable("REDIS_URL")? {
        Some(url) => {
            let redis = RedisStore::builder(&url)
                .prefix("auth_service")
                .build()
                .map_err(|error| format!("REDIS_URL: {error}"))?;
            // Reports an unreachable Redis at the start, and not with the first request.
            redis.ping().await.map_err(|error| format!("REDIS_URL: {error}"))?;
            tokens
                .token_family_store(redis.token_family_store())
                .revocation_store(redis.revocation_store())
        }
        None => tokens
            .token_family_store(MemoryTokenFamilyStore::new(100_000))
            .revocation_store(MemoryRevocationStore::new(100_000)),
    };
    Ok(tokens.build()?)
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let issuer = issuer()?;
    let tokens = refresh_tokens(&issuer).await?;
    let key_set = KeySetService::new(issuer).max_age(seconds("KEY_SET_MAX_AGE", 300)?)?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(tokens.clone()))
            .service(key_set.clone())
            .service(log_in)
            .service(refresh)
            .service(log_out)
            .service(health)
    });
    let address = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8081".to_owned());
    let server = server.bind(&address).map_err(|error| format!("BIND: `{address}`: {error}"))?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await?;
    Ok(())
}

#[actix_web::main]
async fn main() -> ExitCode {
    // Also prints the changes of keys, at the level `info`.
    tracing_subscriber::fmt().with_max_level(LevelFilter::INFO).without_time().init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
