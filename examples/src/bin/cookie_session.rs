//! A login page with actix-identity. The session is in an encrypted cookie, and the server stores
//! nothing.
//!
//! ```sh
//! cargo run --bin cookie_session
//! ```
//!
//! Open the address that the program prints, and log in as `foo@bar.example` with the password
//! `mysecret`.
//!
//! Environment variables:
//!
//! - `BIND`: the address to listen on. Default: `127.0.0.1:8080`.
//! - `SESSION_KEYS`: `k4.local` keys, separated by commas. The first key is the active key, and the
//!   others are retired keys. To print a new key, run
//!   `cargo run --bin paseto -- keys generate --print --kind local`. Default: a new key, so all
//!   sessions are lost when the program exits.

use std::env;
use std::env::VarError;
use std::error::Error;

use actix_identity::{Identity, IdentityMiddleware};
use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, LOCATION};
use actix_web::{App, HttpMessage, HttpRequest, HttpResponse, HttpServer, get, post, routes, web};
use paseto_actix::keys::KeyRing;
use paseto_actix::{CrossOriginProtection, LocalKey, PasetoSession};
use serde::Deserialize;
use subtle::ConstantTimeEq;
use tracing_subscriber::filter::LevelFilter;

/// The fields of the login form.
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
        self.email == "foo@bar.example" && password_matches
    }
}

/// Shows the user of the session, and a logout button.
#[get("/protected")]
async fn protected(user: Option<Identity>) -> actix_web::Result<HttpResponse> {
    let Some(user) = user else {
        return Ok(HttpResponse::Unauthorized().body("Not logged in."));
    };
    let id = escape(&user.id()?);
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(format!(
        r#"<!doctype html>
<html lang="en">
<title>Protected page</title>
<p>Logged in as: {id}</p>
<form method="post" action="/logout"><button>Log out</button></form>
</html>
"#
    )))
}

/// Counts the visits of this page in the session. The middleware sets a new cookie each time.
///
/// This route and `/fill` are `GET` routes so that you can try them in the address bar. In your
/// application, use `POST` for requests that change something.
#[get("/counter")]
async fn counter(session: Session) -> actix_web::Result<String> {
    let count = session.get::<u32>("count")?.unwrap_or(0).saturating_add(1);
    session.insert("count", count)?;
    Ok(count.to_string())
}

/// The query of `/fill`.
#[derive(Deserialize)]
struct Fill {
    bytes: u16,
}

/// Adds bytes to the session. If the session is then too large for a cookie, the middleware
/// responds with `507` in place of this handler, and the browser keeps its previous session. The
/// extractor [`SessionCookie`](paseto_actix::session::SessionCookie) checks the size in a handler.
#[get("/fill")]
async fn fill(session: Session, fill: web::Query<Fill>) -> actix_web::Result<String> {
    let bytes = fill.bytes;
    session.insert("filling", "x".repeat(bytes.into()))?;
    Ok(format!("The session has {bytes} bytes more."))
}

/// Checks the password and logs the user in. `Identity::login` renews the session, which prevents
/// session fixation.
#[post("/login")]
async fn log_in(req: HttpRequest, form: web::Form<Credentials>) -> actix_web::Result<HttpResponse> {
    if !form.are_valid() {
        return Ok(login_page(StatusCode::UNAUTHORIZED, "<p>Wrong email or password.</p>"));
    }
    Identity::login(&req.extensions(), form.into_inner().email)?;
    Ok(see_other("/protected"))
}

/// Shows the login form.
#[routes]
#[get("/")]
#[get("/login")]
async fn show_login() -> HttpResponse {
    login_page(StatusCode::OK, "")
}

/// Logs the user out.
#[post("/logout")]
async fn log_out(user: Option<Identity>) -> HttpResponse {
    if let Some(user) = user {
        user.logout();
    }
    see_other("/login")
}

fn see_other(path: &'static str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}

/// Escapes a string for the content of an HTML element.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn login_page(status: StatusCode, notice: &str) -> HttpResponse {
    HttpResponse::build(status).content_type(ContentType::html()).body(format!(
        r#"<!doctype html>
<html lang="en">
<title>Log in</title>
<h1>Log in</h1>
{notice}
<form method="post" action="/login">
  <label>Email <input name="email" type="email" autocomplete="username" value="foo@bar.example" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Log in</button>
</form>
<p>The demo password is <code>mysecret</code>.</p>
</html>
"#
    ))
}

/// Reads the keys of an environment variable.
fn key_ring(variable: &str) -> Result<KeyRing, Box<dyn Error>> {
    match env::var(variable) {
        Ok(keys) => Ok(keys.parse().map_err(|error| format!("{variable}: {error}"))?),
        Err(VarError::NotPresent) => {
            println!("{variable} is not set. The program generates a key that it does not store.");
            Ok(LocalKey::generate().into())
        }
        // `Display` and `Debug` of this error show the keys.
        Err(VarError::NotUnicode(_)) => Err(format!("{variable}: the value is not UTF-8").into()),
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Prints warnings and errors, for example the reason of a rejected cookie.
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).without_time().init();
    let session = PasetoSession::builder(key_ring("SESSION_KEYS")?)
        .application("cookie_session")
        // In production, remove this line. The cookie then has the name `__Host-session` and the
        // attribute `Secure`.
        .development_over_plain_http()
        // The browser does not store pages of a logged-in user, so the Back button does not show
        // them after the logout.
        .no_store_if(|session| session.contains_key("actix_identity.user_id"))
        .build()?;
    let server = HttpServer::new(move || {
        App::new()
            // actix-web runs the last middleware first. `IdentityMiddleware` reads the session.
            .wrap(IdentityMiddleware::default())
            .wrap(session.clone())
            // Without this middleware, another site could submit the login form.
            .wrap(CrossOriginProtection::new())
            .service(show_login)
            .service(log_in)
            .service(log_out)
            .service(protected)
            .service(counter)
            .service(fill)
    });
    let address = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let server = server.bind(&address).map_err(|error| format!("BIND: `{address}`: {error}"))?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await?;
    Ok(())
}
