//! A JSON API whose clients log in once and go on by refresh tokens.
//!
//! `cargo run --bin api_service`, then
//!
//! ```sh
//! curl -H 'Content-Type: application/json' -d '{"email": "foo@bar.example", "password": "mysecret"}' http://127.0.0.1:8080/login
//! curl -H 'Authorization: Bearer v4.public.…' http://127.0.0.1:8080/me
//! curl -H 'Content-Type: application/json' -d '{"refresh_token": "v4.local.…"}' http://127.0.0.1:8080/refresh
//! curl -X POST -H 'Authorization: Bearer v4.public.…' http://127.0.0.1:8080/logout
//! curl -X POST -H 'Authorization: Bearer v4.public.…' http://127.0.0.1:8080/logout-everywhere
//! ```
//!
//! `/logout` ends the login that the token is of, `/logout-everywhere` all logins of its user. `admin@bar.example`, with the same
//! password, may see `/admin` too. Errors of `/login` and `/refresh` that are about the body are `{"error": "…"}`.
//!
//! Environment variables:
//!
//! - `BIND`: the address to listen on. Default: `127.0.0.1:8080`.
//! - `PASETO_CONFIG`: the path of a file such as `examples/paseto.toml`, or of the same in JSON
//!   (`.json`). Default: the settings of that file, whose key is public.
//! - `REFRESH_KEYS`: `k4.local` keys with commas between them, the active key first. Default: a key
//!   that is derived from the first private key of the issuer. Then a new signing key ends all
//!   logins: set `REFRESH_KEYS` before you rotate it.
//! - `REDIS_URL`: the Redis that several processes share, over TLS if it begins with `rediss://`. If
//!   it does not answer, the program ends at once. Default: logins are kept in memory, and end with
//!   the program.

use std::env;
use std::env::VarError;
use std::error::Error;
use std::process::ExitCode;

use actix_web::error::{InternalError, JsonPayloadError};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, ResponseError, get, post, web};
use paseto_actix::keys::KeyRing;
use paseto_actix::refresh::{Login, RefreshError, TokenPair};
use paseto_actix::revocation::{MemoryRevocationStore, RedisRevocationStore};
use paseto_actix::token_family::{MemoryTokenFamilyStore, RedisTokenFamilyStore};
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{
    Issuer, LocalKey, Paseto, RefreshTokens, VerifiedToken, Verifier, paseto_required,
};
use paseto_actix_examples::config::Config;
use paseto_actix_examples::login::JsonCredentials;
use paseto_actix_examples::{exit, key_ring, listen, log};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Deserialize, Serialize)]
struct Claims {
    email: String,
}

/// What a user may do is looked up at each refresh: who is no admin any more is none after a quarter of an hour.
fn issue(login: Login) -> Result<TokenPair, RefreshError> {
    let email = login.subject().to_owned();
    let is_admin = email == "admin@bar.example";
    login.issue_with(
        &Claims { email },
        |token| if is_admin { token.scopes(["admin"]) } else { token },
    )
}

#[post("/login")]
async fn log_in(
    tokens: web::Data<RefreshTokens>,
    user: web::Json<JsonCredentials>,
) -> actix_web::Result<HttpResponse> {
    // Before the password is looked at: a logout everywhere that comes in between ends this login, too.
    let attempt = tokens.start_login(&user.email).await?;
    if !user.are_right() {
        return Ok(HttpResponse::Unauthorized().json(json!({ "error": "wrong email or password" })));
    }
    let pair = issue(attempt.complete().await?)?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(pair))
}

#[derive(Deserialize)]
struct Refresh {
    refresh_token: String,
}

#[post("/refresh")]
async fn refresh(
    tokens: web::Data<RefreshTokens>,
    body: web::Json<Refresh>,
) -> Result<TokenPair, RefreshError> {
    issue(tokens.refresh(&body.refresh_token).await?)
}

#[post("/logout")]
#[paseto_required]
async fn log_out(
    tokens: web::Data<RefreshTokens>,
    token: VerifiedToken,
) -> Result<HttpResponse, RefreshError> {
    tokens.logout(&token).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[post("/logout-everywhere")]
#[paseto_required]
async fn log_out_everywhere(
    tokens: web::Data<RefreshTokens>,
    token: VerifiedToken,
) -> Result<HttpResponse, RefreshError> {
    // Another issuer's users are not ours, whatever their names are.
    tokens.logout(&token).await?;
    tokens.logout_all(token.subject().unwrap_or_default()).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[get("/me")]
#[paseto_required]
async fn me(paseto: Paseto<Claims>) -> web::Json<Claims> {
    web::Json(paseto.into_claims())
}

#[get("/admin")]
#[paseto_required(scopes("admin"))]
async fn admin(paseto: Paseto<Claims>) -> String {
    format!("{} may do as they like.", paseto.into_claims().email)
}

/// Says what is wrong with a body in the form of all errors.
fn bad_body(error: JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    let response =
        HttpResponse::build(error.status_code()).json(json!({ "error": error.to_string() }));
    InternalError::from_response(error, response).into()
}

/// Where logins are kept, and which verifier asks there.
async fn stores(
    issuer: Issuer,
    keys: KeyRing,
    verifier: VerifierBuilder,
) -> Result<(RefreshTokens, Verifier), Box<dyn Error>> {
    let tokens = RefreshTokens::builder(issuer, keys).application("api_service");
    let (tokens, verifier) = match env::var("REDIS_URL") {
        Ok(url) => {
            let wrong = |error: &dyn Error| format!("REDIS_URL: {error}");
            let revocations = RedisRevocationStore::builder(&url)
                .prefix("api_service")
                .build()
                .map_err(|e| wrong(&e))?;
            let families = RedisTokenFamilyStore::builder(&url)
                .prefix("api_service")
                .build()
                .map_err(|e| wrong(&e))?;
            // Better now than by the first request that asks.
            revocations.ping().await.map_err(|e| wrong(&e))?;
            families.ping().await.map_err(|e| wrong(&e))?;
            (
                tokens.token_family_store(families).revocation_store(revocations.clone()),
                verifier.revocation_store(revocations),
            )
        }
        Err(VarError::NotPresent) => {
            println!("REDIS_URL is not set: logins are kept in memory, and end with this program");
            let revocations = MemoryRevocationStore::new(100_000);
            let families = MemoryTokenFamilyStore::new(100_000);
            (
                tokens.token_family_store(families).revocation_store(revocations.clone()),
                verifier.revocation_store(revocations),
            )
        }
        Err(VarError::NotUnicode(_)) => return Err("REDIS_URL: no valid text".into()),
    };
    Ok((tokens.build()?, verifier.build().map_err(|error| format!("`verifier`: {error}"))?))
}

async fn serve() -> Result<(), Box<dyn Error>> {
    log();
    let config = Config::load()?;
    let keys = match (env::var_os("REFRESH_KEYS"), config.issuer.private_keys.first()) {
        (None, Some(key)) => {
            LocalKey::derive_from(key.to_paserk().as_bytes(), "refresh tokens of api_service")?
                .into()
        }
        _ => key_ring("REFRESH_KEYS")?,
    };
    let issuer = config.issuer.build().map_err(|error| format!("`issuer`: {error}"))?;
    let (tokens, verifier) = stores(issuer, keys, config.verifier.into_builder()).await?;
    let app = move || {
        App::new()
            .app_data(web::Data::new(tokens.clone()))
            .app_data(verifier.clone())
            .app_data(web::JsonConfig::default().error_handler(bad_body))
            .service(log_in)
            .service(refresh)
            .service(log_out)
            .service(log_out_everywhere)
            .service(me)
            .service(admin)
    };
    HttpServer::new(app).listen(listen()?)?.run().await?;
    Ok(())
}

#[actix_web::main]
async fn main() -> ExitCode {
    exit(serve().await)
}
