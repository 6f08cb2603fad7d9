//! Log in on a web page, and stay logged in by a session that is in an encrypted cookie, with nothing kept on the server.
//!
//! `cargo run --bin cookie_session`, then open the address that it prints and log in as `foo@bar.example` with the
//! password `mysecret`.
//!
//! `BIND` is the address to listen on (default `127.0.0.1:8080`). `SESSION_KEYS`, where set, is a comma-separated list of
//! `k4.local` keys, as `cargo run --bin keygen` prints them: the active one first, then retired ones. Without it, a fresh
//! key is used, and sessions end with the program.

use std::error::Error;
use std::process::ExitCode;

use actix_identity::{Identity, IdentityMiddleware};
use actix_session::Session;
use actix_web::http::header;
use actix_web::{
    App, HttpMessage, HttpRequest, HttpResponse, HttpServer, Responder, get, post, routes, web,
};
use paseto_actix::PasetoSession;
use paseto_actix_examples::login::Credentials;
use paseto_actix_examples::{exit, key_ring, listen, log, login};
use serde::Deserialize;

#[get("/protected")]
async fn protected(user: Option<Identity>) -> actix_web::Result<HttpResponse> {
    let Some(user) = user else {
        return Ok(HttpResponse::Unauthorized().body("Not logged in."));
    };
    Ok(HttpResponse::Ok().body(format!("Logged in as: {}", user.id()?)))
}

/// A request that changes something should be a POST; here and in `/fill`, a GET is what an address bar can send.
#[get("/counter")]
async fn counter(session: Session) -> actix_web::Result<String> {
    let count = session.get::<u32>("count")?.unwrap_or(0).saturating_add(1);
    session.insert("count", count)?;
    Ok(count.to_string())
}

#[derive(Deserialize)]
struct Fill {
    bytes: u16,
}

/// Makes the session too large for a cookie: the middleware answers `507` instead of this handler, and the browser keeps
/// the session that it had. A handler can check the size before, with the extractor `SessionCookie`.
#[get("/fill")]
async fn fill(session: Session, fill: web::Query<Fill>) -> actix_web::Result<String> {
    let bytes = fill.bytes;
    session.insert("filling", "x".repeat(bytes.into()))?;
    Ok(format!("The session has {bytes} bytes more."))
}

/// `Identity::login` renews the session, so nobody can plant one of their own that a user then logs in to.
#[post("/login")]
async fn log_in(req: HttpRequest, form: web::Form<Credentials>) -> actix_web::Result<HttpResponse> {
    if !form.are_right() {
        return Ok(login::refusal());
    }
    Identity::login(&req.extensions(), form.into_inner().email)?;
    Ok(see_other("/protected"))
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
async fn logout(user: Option<Identity>) -> impl Responder {
    if let Some(user) = user {
        user.logout();
    }
    see_other("/login")
}

fn see_other(path: &'static str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
}

/// In production, leave `development_over_plain_http` out: the cookie is `__Host-session` then, and for https only.
fn session() -> Result<PasetoSession, Box<dyn Error>> {
    Ok(PasetoSession::builder(key_ring("SESSION_KEYS")?)
        .application("cookie_session")
        .development_over_plain_http()
        // Browsers store no page of a logged-in user, so the Back button shows none after the logout.
        .no_store_if(|session| session.contains_key("actix_identity.user_id"))
        .build()?)
}

async fn serve() -> Result<(), Box<dyn Error>> {
    log();
    let session = session()?;
    let app = move || {
        App::new()
            // The last one is the outermost: who a user is, is in the session.
            .wrap(IdentityMiddleware::default())
            .wrap(session.clone())
            .service(login_page)
            .service(log_in)
            .service(logout)
            .service(protected)
            .service(counter)
            .service(fill)
    };
    HttpServer::new(app).listen(listen()?)?.run().await?;
    Ok(())
}

#[actix_web::main]
async fn main() -> ExitCode {
    exit(serve().await)
}
