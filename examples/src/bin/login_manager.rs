//! Log in on a web page with a box to be remembered by: who ticks it stays logged in after the session has ended, but has to give
//! the password again where much is at stake.
//!
//! `cargo run --bin login_manager`, then open the address that it prints and log in as `foo@bar.example` with the password
//! `mysecret`.
//!
//! `BIND` is the address to listen on (default `127.0.0.1:8080`). `SESSION_KEYS` and `REMEMBER_KEYS`, where set, are
//! comma-separated lists of `k4.local` keys, as `cargo run --bin keygen` prints them: the active one first, then retired ones.
//! Without them, fresh keys are used. The series of remembered logins are in memory, so they end with the program anyway.

use std::{
    error::Error,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_identity::IdentityMiddleware;
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, Responder, get,
    http::{StatusCode, header},
    post, routes, web,
};
use paseto_actix::{
    ConfigError, Fresh, KeyRing, LoggedIn, MemorySeries, PasetoSession, Remember, RememberMe, UserStamp, safe_next,
};
use paseto_actix_examples::{
    exit, key_ring, listen, log,
    login::{self, Credentials, USER},
};
use serde::Deserialize;

/// A stand-in for a user database: how often the only user's password has changed.
#[derive(Clone, Default)]
struct Users(Arc<AtomicU64>);

impl Users {
    /// A real application takes the password's hash for the stamp.
    fn stamp(&self, id: &str) -> Option<UserStamp> {
        let changes = self.0.load(Ordering::SeqCst);
        (id == USER).then(|| UserStamp::of(changes.to_string()))
    }
}

#[get("/protected")]
async fn protected(user: LoggedIn) -> String {
    format!("Logged in as: {}", user.id())
}

/// Somebody who finds a browser open is remembered in it, but does not know the password.
#[get("/sensitive")]
async fn sensitive(user: Fresh) -> String {
    format!("Logged in just now as: {}", user.id())
}

#[derive(Deserialize)]
struct LoginQuery {
    next: Option<String>,
    again: Option<String>,
}

#[post("/login")]
async fn log_in(
    req: HttpRequest,
    query: web::Query<LoginQuery>,
    form: web::Form<Credentials>,
) -> actix_web::Result<HttpResponse> {
    if !form.are_right() {
        return Ok(login::page_with_box(StatusCode::UNAUTHORIZED, login::WRONG));
    }
    // Who only confirms a login keeps the cookie as it is, and sees no difference but that the login is fresh.
    let confirmed = query.again.is_some() && RememberMe::confirm_login(&req, &form.email).is_ok();
    if !confirmed {
        let remember = if form.wants_to_be_remembered() { Remember::Yes } else { Remember::No };
        RememberMe::login(&req, form.email.as_str(), remember).await?;
    }
    let next = query.next.as_deref().and_then(safe_next).unwrap_or("/protected");
    Ok(see_other(next))
}

#[routes]
#[get("/")]
#[get("/login")]
async fn login_page(query: web::Query<LoginQuery>) -> impl Responder {
    let notice = if query.again.is_some() { "<p>Please log in again to see this page.</p>" } else { "" };
    login::page_with_box(StatusCode::OK, notice)
}

/// Pretends that the password has changed: whoever was remembered under the old one is no more.
#[post("/password")]
async fn change_password(req: HttpRequest, user: Fresh, users: web::Data<Users>) -> actix_web::Result<String> {
    users.0.fetch_add(1, Ordering::SeqCst);
    // This browser goes on, with a session of its own.
    RememberMe::login(&req, user.id(), Remember::No).await?;
    Ok("Every remembered login has ended.".to_owned())
}

#[routes]
#[get("/logout")]
#[post("/logout")]
async fn logout(req: HttpRequest) -> impl Responder {
    RememberMe::logout(&req);
    see_other("/login")
}

fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
}

/// In production, leave `development_over_plain_http` out here and below: the cookies are `__Host-session` and
/// `__Host-remember_token` then, and for https only.
fn session(keys: KeyRing) -> Result<PasetoSession, ConfigError> {
    PasetoSession::builder(keys).application("login_manager").development_over_plain_http().build()
}

fn remember_me(keys: KeyRing, users: Users) -> Result<RememberMe, ConfigError> {
    RememberMe::builder(keys)
        .application("login_manager")
        .development_over_plain_http()
        .user_loader(move |id| {
            let stamp = users.stamp(&id);
            async { stamp }
        })
        .series_store(MemorySeries::new(100_000))
        .login_page("/login")
        .build()
}

async fn serve() -> Result<(), Box<dyn Error>> {
    log();
    let users = Users::default();
    let session = session(key_ring("SESSION_KEYS")?)?;
    let remember_me = remember_me(key_ring("REMEMBER_KEYS")?, users.clone())?;
    let app = move || {
        App::new()
            .app_data(web::Data::new(users.clone()))
            // The last one is the outermost: who is remembered is logged in by actix-identity, which writes into the session.
            .wrap(remember_me.clone())
            .wrap(IdentityMiddleware::default())
            .wrap(session.clone())
            .service(login_page)
            .service(log_in)
            .service(logout)
            .service(protected)
            .service(sensitive)
            .service(change_password)
    };
    HttpServer::new(app).listen(listen()?)?.run().await?;
    Ok(())
}

#[actix_web::main]
async fn main() -> ExitCode {
    exit(serve().await)
}
