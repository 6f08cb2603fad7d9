//! A login page, a token in a cookie, and a protected page.
//!
//! ```sh
//! cargo run --bin issuer_and_verifier
//! ```
//!
//! Open the address that the program prints, and log in as `foo@bar.example` with the password
//! `mysecret`.
//!
//! Environment variables:
//!
//! - `BIND`: the address to listen on. Default: `127.0.0.1:8080`.
//! - `SETTINGS_FILE`: the path of a TOML file with the settings of the issuer and the verifier.
//!   Default: the settings of `examples/paseto.toml`, whose key is public.

use std::env;
use std::error::Error;
use std::fs;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, LOCATION};
use actix_web::{App, HttpResponse, HttpServer, ResponseError, get, post, routes, web};
use paseto_actix::issuer::IssuerConfig;
use paseto_actix::verifier::VerifierConfig;
use paseto_actix::{
    CrossOriginProtection, IssueError, Issuer, Paseto, TokenSource, Verifier, paseto_required,
};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tracing_subscriber::filter::LevelFilter;

/// The name of the cookie that contains the token.
const COOKIE: &str = "paseto";

/// The private claims of a token.
#[derive(Deserialize, Serialize)]
struct Claims {
    user: User,
}

#[derive(Deserialize, Serialize)]
struct User {
    email: String,
}

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

/// Returns the user of the token. The attribute rejects requests without a valid token before the
/// handler runs.
#[get("/protected/me")]
#[paseto_required]
async fn me(paseto: Paseto<Claims>) -> web::Json<User> {
    web::Json(paseto.into_claims().user)
}

/// Checks the password and sets the cookie.
#[post("/login")]
async fn log_in(issuer: Issuer, form: web::Form<Credentials>) -> Result<HttpResponse, IssueError> {
    if !form.are_valid() {
        return Ok(login_page(StatusCode::UNAUTHORIZED, "<p>Wrong email or password.</p>"));
    }
    let token = issuer.issue(&Claims { user: User { email: form.into_inner().email } })?;
    Ok(HttpResponse::SeeOther()
        .insert_header((LOCATION, "/protected/me"))
        .cookie(token_cookie(token))
        .finish())
}

/// Shows the login form.
#[routes]
#[get("/")]
#[get("/login")]
async fn show_login() -> HttpResponse {
    login_page(StatusCode::OK, "")
}

/// Removes the cookie. Copies of the token stay valid until they expire. The example `api_service`
/// revokes tokens.
#[post("/logout")]
async fn log_out() -> HttpResponse {
    let mut cookie = token_cookie(String::new());
    cookie.make_removal();
    HttpResponse::SeeOther().insert_header((LOCATION, "/login")).cookie(cookie).finish()
}

/// Creates the cookie of a token. In production, add `.secure(true)` and use the name
/// `__Host-paseto`. Browsers may reject this cookie over plain HTTP, which the example uses.
fn token_cookie(token: String) -> Cookie<'static> {
    Cookie::build(COOKIE, token).path("/").http_only(true).same_site(SameSite::Lax).finish()
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
<form method="post" action="/logout"><button>Log out</button></form>
</html>
"#
    ))
}

/// The settings of the issuer and the verifier.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    issuer: IssuerConfig,
    verifier: VerifierConfig,
}

impl Config {
    fn load() -> Result<Self, Box<dyn Error>> {
        let text = match env::var_os("SETTINGS_FILE") {
            Some(path) => fs::read_to_string(&path).map_err(|error| {
                format!("SETTINGS_FILE: cannot read `{}`: {error}", path.display())
            })?,
            None => {
                eprintln!("warning: SETTINGS_FILE is not set, so the signing key is public");
                include_str!("../../paseto.toml").to_owned()
            }
        };
        let config = toml::from_str(&text).map_err(|error| {
            // `Display` of this error shows the line, which can contain a key.
            let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            // In the wrong place, a key is the name of an unknown field, and the message contains
            // this name.
            let has_key = error.message().contains("k4.") || error.message().contains("-----");
            let message = if has_key { "a key in an unknown field" } else { error.message() };
            format!("SETTINGS_FILE: line {line}: {message}")
        })?;
        Ok(config)
    }
}

fn build(config: Config) -> Result<(Issuer, Verifier), Box<dyn Error>> {
    let issuer = config.issuer.build().map_err(|error| format!("`issuer`: {error}"))?;
    let verifier = config
        .verifier
        .into_builder()
        .token_from([TokenSource::bearer(), TokenSource::cookie(COOKIE)])
        // Adds the removal of the cookie to the default response, so that the browser does not
        // send a rejected token again.
        .error_handler(|_req, error| {
            let mut response = error.error_response();
            if let Err(error) = response.add_removal_cookie(&token_cookie(String::new())) {
                return HttpResponse::from_error(error);
            }
            response
        })
        .build()
        .map_err(|error| format!("`verifier`: {error}"))?;
    Ok((issuer, verifier))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Prints warnings and errors, for example the reason of a rejected request.
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).without_time().init();
    let (issuer, verifier) = build(Config::load()?)?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(issuer.clone())
            .app_data(verifier.clone())
            // Without this middleware, another site could submit the forms.
            .wrap(CrossOriginProtection::new())
            .service(show_login)
            .service(log_in)
            .service(log_out)
            .service(me)
    });
    let address = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let server = server.bind(&address).map_err(|error| format!("BIND: `{address}`: {error}"))?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await?;
    Ok(())
}
