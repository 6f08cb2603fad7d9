//! Log in on a web page, get a token in a cookie, read a protected page with it.
//!
//! `cargo run --bin issuer_and_verifier`, then open the address that it prints and log in as `foo@bar.example` with
//! the password `mysecret`.
//!
//! `BIND` is the address to listen on (default: `127.0.0.1:8080`). `PASETO_CONFIG` is the path of a
//! file such as `examples/paseto.toml`, or of the same in JSON (`.json`). By default, the settings
//! are those of that file, whose key is public.

use std::error::Error;
use std::process::ExitCode;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{App, HttpResponse, HttpServer, Responder, ResponseError, get, post, routes, web};
use paseto_actix::{IssueError, Issuer, Paseto, TokenSource, Verifier, paseto_required};
use paseto_actix_examples::config::Config;
use paseto_actix_examples::login::Credentials;
use paseto_actix_examples::{exit, listen, log, login};
use serde::{Deserialize, Serialize};

const COOKIE: &str = "paseto";

#[derive(Deserialize, Serialize)]
struct Claims {
    user: User,
}

#[derive(Deserialize, Serialize)]
struct User {
    email: String,
}

#[get("/protected/me")]
#[paseto_required]
async fn me(paseto: Paseto<Claims>) -> impl Responder {
    web::Json(paseto.into_claims().user)
}

#[post("/login")]
async fn log_in(issuer: Issuer, form: web::Form<Credentials>) -> Result<HttpResponse, IssueError> {
    if !form.are_right() {
        return Ok(login::refusal());
    }
    let token = issuer.issue(&Claims { user: User { email: form.into_inner().email } })?;
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "/protected/me"))
        .cookie(token_cookie(token))
        .finish())
}

#[routes]
#[get("/")]
#[get("/login")]
async fn login_page() -> impl Responder {
    login::page()
}

#[routes]
#[get("/logout")]
#[post("/logout")]
async fn logout() -> impl Responder {
    HttpResponse::SeeOther().insert_header((header::LOCATION, "/login")).cookie(removal()).finish()
}

/// In production, add `.secure(true)` and name it `__Host-paseto`; this example runs on plain http.
fn token_cookie(token: String) -> Cookie<'static> {
    Cookie::build(COOKIE, token).path("/").http_only(true).same_site(SameSite::Lax).finish()
}

fn removal() -> Cookie<'static> {
    let mut cookie = token_cookie(String::new());
    cookie.make_removal();
    cookie
}

fn build(config: Config) -> Result<(Issuer, Verifier), Box<dyn Error>> {
    let issuer = config.issuer.build().map_err(|error| format!("`issuer`: {error}"))?;
    let verifier = config
        .verifier
        .into_builder()
        .token_from([TokenSource::bearer(), TokenSource::cookie(COOKIE)])
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

async fn serve() -> Result<(), Box<dyn Error>> {
    log();
    let (issuer, verifier) = build(Config::load()?)?;
    let app = move || {
        App::new()
            .app_data(issuer.clone())
            .app_data(verifier.clone())
            .service(login_page)
            .service(log_in)
            .service(logout)
            .service(me)
    };
    HttpServer::new(app).listen(listen()?)?.run().await?;
    Ok(())
}

#[actix_web::main]
async fn main() -> ExitCode {
    exit(serve().await)
}
