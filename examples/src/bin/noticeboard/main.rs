//! A small product, a board for the notices of a team: pages with sessions and remembered logins,
//! an API with tokens, and an admin page.
//!
//! ```sh
//! cargo run --bin noticeboard
//! ```
//!
//! Open the address that the program prints, and log in as `admin@bar.example`, `foo@bar.example`
//! or `guest@bar.example` with the password `mysecret`.
//!
//! - **People** read and post notices on a page. Their logins can be remembered. The page "Account"
//!   lists their browsers and programs, logs them out, and changes the password.
//! - **Programs** use the API of `/openapi.json` with access tokens. To connect a program, open
//!   "Account" and then "Connect a program". The page shows a refresh token:
//!
//!   ```sh
//!   curl -d grant_type=refresh_token -d refresh_token=v4.local.… http://127.0.0.1:8080/auth/token
//!   curl -H 'Authorization: Bearer v4.public.…' http://127.0.0.1:8080/api/notices
//!   curl -H 'Authorization: Bearer v4.public.…' -H 'Content-Type: application/json' \
//!       -d '{"text": "The build is green."}' http://127.0.0.1:8080/api/notices
//!   ```
//!
//! - **The admin** sees the logins of all users, and logs them out.
//!
//! Environment variables:
//!
//! - `BIND`: the address to listen on. Default: `127.0.0.1:8080`.
//! - `LOCAL_KEYS`: `k4.local` keys that encrypt sessions, remember-me cookies and refresh tokens,
//!   separated by commas. The first key is the active key, and the others are retired keys.
//!   Default: a new key, so all logins are lost when the program exits.
//! - `KEY_FILE`: the key file with the keys that sign access tokens. `paseto keys rotate` changes
//!   the keys without a restart. Default: a new key.
//! - `STATE_FILE`: the path of the file with the logins and revocations. Default:
//!   `paseto-state.sqlite` in the current folder.
//! - `REDIS_URL`: the Redis server with the logins and revocations, for several machines. Default:
//!   the state is in `STATE_FILE`.
//!
//! Read `app.rs` first, then the pages (`login.rs`, `notices.rs`, `account.rs`, `admin.rs`) and the
//! API (`api.rs`). `tests.rs` tests the guards, the document of the API and the pages.

mod account;
mod admin;
mod api;
mod app;
mod board;
mod login;
mod notices;
mod page;
#[cfg(test)]
mod tests;
mod users;

use std::env;
use std::env::VarError;
use std::error::Error;
use std::process::ExitCode;

use actix_web::HttpServer;
use paseto_actix::keys::KeyRing;
use paseto_actix::{LocalKey, RedisStore, SecretKey, SqliteStore};
use tracing_subscriber::filter::LevelFilter;

use app::Parts;
use users::Users;

/// Reads an environment variable. The error does not contain the value, which can be a secret.
fn variable(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name}: the value is not UTF-8")),
    }
}

async fn parts() -> Result<Parts, Box<dyn Error>> {
    let local_keys = match variable("LOCAL_KEYS")? {
        Some(keys) => keys.parse().map_err(|error| format!("LOCAL_KEYS: {error}"))?,
        None => {
            println!("LOCAL_KEYS is not set, so all logins are lost when the program exits.");
            LocalKey::generate().into()
        }
    };
    let signing_keys = match env::var_os("KEY_FILE") {
        Some(file) => KeyRing::from_file(file)?,
        None => SecretKey::generate().into(),
    };
    let users = Users::demo("mysecret");
    Ok(match variable("REDIS_URL")? {
        Some(url) => {
            let redis = RedisStore::builder(&url).prefix("noticeboard").build();
            let redis = redis.map_err(|error| format!("REDIS_URL: {error}"))?;
            // Reports an unreachable Redis at the start, and not with the first request.
            redis.ping().await.map_err(|error| format!("REDIS_URL: {error}"))?;
            let (families, revocations) = (redis.token_family_store(), redis.revocation_store());
            Parts::new(users, local_keys, signing_keys, families, revocations)?
        }
        None => {
            let path = env::var_os("STATE_FILE").unwrap_or_else(|| "paseto-state.sqlite".into());
            let state = SqliteStore::open(&path).map_err(|error| format!("STATE_FILE: {error}"))?;
            let (families, revocations) = (state.token_family_store(), state.revocation_store());
            Parts::new(users, local_keys, signing_keys, families, revocations)?
        }
    })
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let parts = parts().await?;
    let server = HttpServer::new(move || app::app(parts.clone()));
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
