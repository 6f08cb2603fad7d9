//! A login page with the box "keep me logged in". A user who ticks it stays logged in after the session
//! has expired, and enters the password again before sensitive actions. The page `/logins` lists the
//! user's remembered logins, ends one of them, or ends all others.
//!
//! Run `cargo run --bin login_manager`, open the address that it prints, and log in as
//! `foo@bar.example` with the password `mysecret`.
//!
//! `BIND` is the address to listen on. Default: `127.0.0.1:8080`. `SESSION_KEYS` and `REMEMBER_KEYS`
//! are comma-separated lists of `k4.local` keys, as `cargo run --bin keygen` prints them: first the
//! active key, then retired keys. Default: fresh keys. The stores are in memory, so all logins end with
//! the program.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::{StatusCode, header};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Responder, get, post, routes, web};
use paseto_actix::event::Event;
use paseto_actix::keys::KeyRing;
use paseto_actix::remember::{
    CredentialFingerprint, FreshLogin, LoggedIn, Remember, safe_redirect_path,
};
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::token_family::{MemoryTokenFamilyStore, RandomId};
use paseto_actix::{ConfigError, LoginLayer, PasetoSession, RememberMe};
use paseto_actix_examples::login::{Credentials, USER};
use paseto_actix_examples::{exit, key_ring, listen, log, login};
use serde::Deserialize;

/// In place of a user database: the number of password changes of the only user.
#[derive(Clone, Default)]
struct Users(Arc<AtomicU64>);

impl Users {
    /// A real application uses the hash of the password as the stamp.
    fn stamp(&self, id: &str) -> Option<CredentialFingerprint> {
        let changes = self.0.load(Ordering::SeqCst);
        (id == USER).then(|| CredentialFingerprint::new(changes.to_string()))
    }
}

#[get("/protected")]
async fn protected(user: LoggedIn) -> String {
    format!("Logged in as: {}", user.id())
}

/// A person who finds an open browser is remembered in it, but does not know the password.
#[get("/sensitive")]
async fn sensitive(user: FreshLogin) -> String {
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
    // Before the password is checked: a login with the old password must not outlive its change.
    let attempt = RememberMe::start_login(&req, form.email.as_str()).await?;
    if !form.are_right() {
        return Ok(login::page_with_box(StatusCode::UNAUTHORIZED, login::WRONG));
    }
    // A user who confirms a login keeps the remembered login. Only its freshness changes.
    let confirmed = query.again.is_some() && RememberMe::confirm_login(&req, &form.email).is_ok();
    if !confirmed {
        let remember =
            if form.wants_to_be_remembered() { Remember::Default } else { Remember::Never };
        attempt.label(browser(&req)).complete(remember).await?;
    }
    let next = query.next.as_deref().and_then(safe_redirect_path).unwrap_or("/protected");
    Ok(see_other(next))
}

#[routes]
#[get("/")]
#[get("/login")]
async fn login_page(query: web::Query<LoginQuery>) -> impl Responder {
    let notice =
        if query.again.is_some() { "<p>Please log in again to see this page.</p>" } else { "" };
    login::page_with_box(StatusCode::OK, notice)
}

/// A real application shows "Firefox on Linux" instead of the whole header.
fn browser(req: &HttpRequest) -> &str {
    let agent = req.headers().get(header::USER_AGENT);
    agent.and_then(|agent| agent.to_str().ok()).unwrap_or("unknown browser")
}

/// Pretends that the password has changed. All other logins end.
#[post("/password")]
async fn change_password(
    req: HttpRequest,
    _: FreshLogin,
    users: web::Data<Users>,
    logins: LoginLayer,
) -> actix_web::Result<&'static str> {
    users.0.fetch_add(1, Ordering::SeqCst);
    logins.logout_others(&req).await?;
    Ok("All other logins have ended.")
}

/// The remembered logins of the user, with a button for each.
#[get("/logins")]
async fn list_logins(
    req: HttpRequest,
    user: LoggedIn,
    logins: LoginLayer,
) -> actix_web::Result<HttpResponse> {
    let current = RememberMe::current_login(&req);
    let mut rows = String::new();
    for login in logins.logins(user.id()).await? {
        let here = if Some(login.id) == current { " (this browser)" } else { "" };
        let (label, id, used) = (login::escaped(&login.label), login.id, login.last_used);
        rows += &format!(
            "<li>{label}{here}, last used {used} <form method=post action=/logins/end>\
             <button name=id value={id}>End</button></form>"
        );
    }
    let page = format!(
        "<!doctype html><title>Logins</title><h1>Remembered logins</h1><ul>{rows}</ul>\
         <form method=post action=/logins/end-others><button>End all others</button></form>"
    );
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page))
}

#[derive(Deserialize)]
struct EndedLogin {
    id: RandomId,
}

#[post("/logins/end")]
async fn logout_by_id(
    form: web::Form<EndedLogin>,
    user: LoggedIn,
    logins: LoginLayer,
) -> actix_web::Result<HttpResponse> {
    logins.logout_by_id(user.id(), form.id).await?;
    Ok(see_other("/logins"))
}

#[post("/logins/end-others")]
async fn logout_others(
    req: HttpRequest,
    _: LoggedIn,
    logins: LoginLayer,
) -> actix_web::Result<HttpResponse> {
    logins.logout_others(&req).await?;
    Ok(see_other("/logins"))
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

/// In production, remove both calls of `development_over_plain_http`. The cookies are then
/// `__Host-session` and `__Host-remember_token`, with `Secure`.
fn session(
    keys: KeyRing,
    revocations: MemoryRevocationStore,
) -> Result<PasetoSession, ConfigError> {
    PasetoSession::builder(keys)
        .application("login_manager")
        .development_over_plain_http()
        .revocation_store(revocations)
        .build()
}

fn remember_me(
    keys: KeyRing,
    users: Users,
    revocations: MemoryRevocationStore,
) -> Result<RememberMe, ConfigError> {
    RememberMe::builder(keys)
        .application("login_manager")
        .development_over_plain_http()
        .user_loader(move |id| {
            let stamp = users.stamp(&id);
            async { stamp }
        })
        .token_family_store(MemoryTokenFamilyStore::new(100_000))
        .revocation_store(revocations)
        // An audit log. An event shows the user, and never a token.
        .on_event(|event: &Event<'_>| eprintln!("audit: {event:?}"))
        .login_page("/login")
        .build()
}

async fn serve() -> Result<(), Box<dyn Error>> {
    log();
    let users = Users::default();
    let revocations = MemoryRevocationStore::new(100_000);
    let session = session(key_ring("SESSION_KEYS")?, revocations.clone())?;
    let remember_me = remember_me(key_ring("REMEMBER_KEYS")?, users.clone(), revocations)?;
    let logins = LoginLayer::new(session, remember_me);
    let app = move || {
        App::new()
            .app_data(web::Data::new(users.clone()))
            .wrap(logins.clone())
            .service(login_page)
            .service(log_in)
            .service(logout)
            .service(protected)
            .service(sensitive)
            .service(change_password)
            .service(list_logins)
            .service(logout_by_id)
            .service(logout_others)
    };
    HttpServer::new(app).listen(listen()?)?.run().await?;
    Ok(())
}

#[actix_web::main]
async fn main() -> ExitCode {
    exit(serve().await)
}
