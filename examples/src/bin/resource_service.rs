//! The resource service of a pair of services. It verifies the tokens of `auth_service` with the
//! public keys that `auth_service` publishes. It has no secret, and needs no restart when keys
//! change.
//!
//! Start `auth_service` and log in there. Then:
//!
//! ```sh
//! cargo run --bin resource_service
//! curl -H 'Authorization: Bearer v4.public.…' http://127.0.0.1:8080/orders
//! ```
//!
//! Before the first key set, a token of the auth service gets `503` with `Retry-After`. The service
//! starts before the auth service, and serves requests while the auth service is down: it keeps the
//! keys for up to 24 hours.
//!
//! Environment variables:
//!
//! - `BIND`: the address to listen on. Default: `127.0.0.1:8080`.
//! - `ISSUER`: the name of the issuer. Default: `https://auth.example`.
//! - `KEY_SET_URL`: the URL of the public keys. Default:
//!   `http://127.0.0.1:8081/.well-known/paserk.json`.
//! - `REDIS_URL`: the Redis server of the auth service, to reject tokens after a logout. Default:
//!   tokens are valid until they expire.

use std::env;
use std::env::VarError;
use std::error::Error;
use std::process::ExitCode;

use actix_web::{App, HttpServer, get};
use paseto_actix::{RedisStore, VerifiedToken, Verifier, paseto_required};
use tracing_subscriber::filter::LevelFilter;

/// The name of this service. It accepts only tokens for this audience.
const AUDIENCE: &str = "https://api.example";

/// Requires a token with the scope `orders:read`.
#[get("/orders")]
#[paseto_required(scopes("orders:read"))]
async fn orders(token: VerifiedToken) -> String {
    format!("orders of {}\n", token.subject().unwrap_or("an unknown user"))
}

/// Reads an environment variable. The error does not contain the value, which can be a secret.
fn variable(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name}: the value is not UTF-8")),
    }
}

async fn verifier() -> Result<Verifier, Box<dyn Error>> {
    let issuer = variable("ISSUER")?.unwrap_or_else(|| "https://auth.example".to_owned());
    let key_set = variable("KEY_SET_URL")?
        .unwrap_or_else(|| "http://127.0.0.1:8081/.well-known/paserk.json".to_owned());
    let verifier = Verifier::builder().remote_keys(issuer, key_set).audience(AUDIENCE);
    let verifier = match variable("REDIS_URL")? {
        Some(url) => {
            let redis = RedisStore::builder(&url)
                .prefix("auth_service")
                .build()
                .map_err(|error| format!("REDIS_URL: {error}"))?;
            // Reports an unreachable Redis at the start, and not with the first request.
            redis.ping().await.map_err(|error| format!("REDIS_URL: {error}"))?;
            verifier.revocation_store(redis.revocation_store())
        }
        None => verifier,
    };
    Ok(verifier.build()?)
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let verifier = verifier().await?;
    let server = HttpServer::new(move || App::new().app_data(verifier.clone()).service(orders));
    let address = variable("BIND")?.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
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
