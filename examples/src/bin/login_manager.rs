//! A login page with the checkbox "Remember me". A remembered user stays logged in after the
//! session has expired, and enters the password again before sensitive actions. The page `/logins`
//! lists the remembered logins of the user and logs them out.
//!
//! ```sh
//! cargo run --bin login_manager
//! ```
//!
//! Open the address that the program prints, and log in as `foo@bar.example` with the password
//! `mysecret`.
//!
//! Environment variables:
//!
//! - `BIND`: the address to listen on. Default: `127.0.0.1:8080`.
//! - `SESSION_KEYS` and `REMEMBER_KEYS`: `k4.local` keys, separated by commas. The first key is the
//!   active key, and the others are retired keys. To print a new key, run
//!   `cargo run --bin paseto -- keys generate --print --kind local`. Default: a new key for each of
//!   the two variables.
//! - `STATE_FILE`: the path of the file with the logins and revocations. If the file cannot be
//!   used, the program exits with an error. Default: `paseto-state.sqlite` in the current folder.
//!
//! Remembered logins survive a restart if `SESSION_KEYS` and `REMEMBER_KEYS` are set.

use std::env;
use std::env::VarError;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, LOCATION, USER_AGENT};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, get, post, routes, web};
use paseto_actix::event::Event;
use paseto_actix::keys::KeyRing;
use paseto_actix::remember::{
    CredentialFingerprint, FreshLogin, LoggedIn, Remember, safe_redirect_path,
};
use paseto_actix::session::SessionCookie;
use paseto_actix::token_family::RandomId;
use paseto_actix::{
    CrossOriginProtection, LocalKey, LoginLayer, PasetoSession, RememberMe, SqliteStore,
};
use serde::Deserialize;
use subtle::ConstantTimeEq;
use tracing_subscriber::filter::LevelFilter;

/// The only user.
const USER: &str = "foo@bar.example";

/// Placeholder for a user database. Contains the number of password changes of the only user.
#[derive(Clone, Default)]
struct Users(Arc<AtomicU64>);

impl Users {
    /// Returns the fingerprint of the user's credentials. A real application passes the password
    /// hash to [`CredentialFingerprint::new`].
    fn fingerprint(&self, id: &str) -> Option<CredentialFingerprint> {
        let changes = self.0.load(Ordering::SeqCst);
        (id == USER).then(|| CredentialFingerprint::new(changes.to_string()))
    }
}

/// The fields of the login form.
#[derive(Deserialize)]
struct Credentials {
    email: String,
    password: String,
    /// Browsers omit a checkbox that is not ticked.
    remember: Option<String>,
}

impl Credentials {
    /// A real application stores password hashes, for example of Argon2.
    fn are_valid(&self) -> bool {
        let password_matches: bool = self.password.as_bytes().ct_eq(b"mysecret").into();
        self.email == USER && password_matches
    }
}

/// Shows the user, and a logout button.
#[get("/protected")]
async fn protected(user: LoggedIn) -> HttpResponse {
    let id = escape(user.id());
    html(
        StatusCode::OK,
        &format!(
            r#"<title>Protected page</title>
<p>Logged in as: {id}</p>
<p><a href="/logins">Remembered logins</a></p>
<form method="post" action="/logout"><button>Log out</button></form>
"#
        ),
    )
}

/// Requires a fresh login: the user has entered the password in this session. A remembered login is
/// not enough, because a person who finds an open browser does not know the password.
#[get("/sensitive")]
async fn sensitive(user: FreshLogin) -> String {
    format!("Logged in just now as: {}", user.id())
}

/// The query of the login page, which `RememberMe` sets when it redirects to this page.
#[derive(Deserialize)]
struct LoginQuery {
    /// The path to redirect to after the login.
    next: Option<String>,
    /// Present if the user is logged in, but the login is not fresh.
    again: Option<String>,
}

/// Checks the password and logs the user in.
#[post("/login")]
async fn log_in(
    req: HttpRequest,
    query: web::Query<LoginQuery>,
    form: web::Form<Credentials>,
) -> actix_web::Result<HttpResponse> {
    // Start the login before the password check, so that a password change in between stops the
    // login.
    let login = RememberMe::start_login(&req, form.email.as_str()).await?;
    if !form.are_valid() {
        return Ok(login_page(StatusCode::UNAUTHORIZED, "<p>Wrong email or password.</p>"));
    }
    // A user who confirms a login keeps the remembered login. Only its freshness changes.
    let confirmed = query.again.is_some() && RememberMe::confirm_login(&req, &form.email).is_ok();
    if !confirmed {
        let ticked = form.remember.is_some();
        let remember = if ticked { Remember::Default } else { Remember::Never };
        login.label(browser(&req)).complete(remember).await?;
    }
    let next = query.next.as_deref().and_then(safe_redirect_path).unwrap_or("/protected");
    Ok(see_other(next))
}

/// Shows the login form.
#[routes]
#[get("/")]
#[get("/login")]
async fn show_login(query: web::Query<LoginQuery>) -> HttpResponse {
    let notice =
        if query.again.is_some() { "<p>Please log in again to see this page.</p>" } else { "" };
    login_page(StatusCode::OK, notice)
}

/// Returns the label of a login. A real application shows "Firefox on Linux" instead of the whole
/// header.
fn browser(req: &HttpRequest) -> &str {
    let agent = req.headers().get(USER_AGENT);
    agent.and_then(|agent| agent.to_str().ok()).unwrap_or("unknown browser")
}

/// Simulates a password change, which logs out all other logins of the user. The pages have no
/// button for it. A script of a page can send the request with `fetch`.
#[post("/password")]
async fn change_password(
    req: HttpRequest,
    _: FreshLogin,
    users: web::Data<Users>,
    logins: LoginLayer,
    session: SessionCookie,
) -> actix_web::Result<&'static str> {
    // The client can have sent the body slowly, and the session can be revoked since.
    session.check_revocation().await?;
    users.0.fetch_add(1, Ordering::SeqCst);
    logins.logout_others(&req).await?;
    Ok("All other logins are revoked.")
}

/// Lists the remembered logins of the user, with a button for each.
#[get("/logins")]
async fn list_logins(
    req: HttpRequest,
    user: LoggedIn,
    logins: LoginLayer,
) -> actix_web::Result<HttpResponse> {
    let current = RememberMe::current_login(&req);
    let mut rows = String::new();
    for login in logins.logins(user.id()).await? {
        let note = if Some(login.id) == current { " (this browser)" } else { "" };
        let (label, id, last_used) = (escape(&login.label), login.id, login.last_used);
        rows += &format!(
            r#"<li>{label}{note}, last used {last_used}
<form method="post" action="/logins/revoke"><button name="id" value="{id}">Log out</button></form></li>
"#
        );
    }
    let body = format!(
        r#"<title>Logins</title>
<h1>Remembered logins</h1>
<ul>{rows}</ul>
<form method="post" action="/logins/revoke-others"><button>Log out all others</button></form>
"#
    );
    Ok(html(StatusCode::OK, &body))
}

/// The form of a button on the page `/logins`.
#[derive(Deserialize)]
struct LoginId {
    id: RandomId,
}

/// Logs out one remembered login of the user.
#[post("/logins/revoke")]
async fn log_out_by_id(
    form: web::Form<LoginId>,
    user: LoggedIn,
    logins: LoginLayer,
) -> actix_web::Result<HttpResponse> {
    logins.logout_by_id(user.id(), form.id).await?;
    Ok(see_other("/logins"))
}

/// Logs out all logins of the user except this one.
#[post("/logins/revoke-others")]
async fn log_out_others(
    req: HttpRequest,
    _: LoggedIn,
    logins: LoginLayer,
) -> actix_web::Result<HttpResponse> {
    logins.logout_others(&req).await?;
    Ok(see_other("/logins"))
}

/// Revokes the session and the remembered login of this browser.
#[post("/logout")]
async fn log_out(req: HttpRequest) -> HttpResponse {
    RememberMe::logout(&req);
    see_other("/login")
}

fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}

fn html(status: StatusCode, body: &str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type(ContentType::html())
        .body(format!("<!doctype html>\n<html lang=\"en\">\n{body}</html>\n"))
}

/// Escapes a string for the content of an HTML element.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Creates the login page. The form has no `action`, so it posts to the address of the page, with
/// the query `next`.
fn login_page(status: StatusCode, notice: &str) -> HttpResponse {
    html(
        status,
        &format!(
            r#"<title>Log in</title>
<h1>Log in</h1>
{notice}
<form method="post">
  <label>Email <input name="email" type="email" autocomplete="username" value="{USER}" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <label><input name="remember" type="checkbox"> Remember me</label>
  <button>Log in</button>
</form>
<p>The demo password is <code>mysecret</code>.</p>
"#
        ),
    )
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

/// Creates the middleware. In production, remove both calls of `development_over_plain_http`. The
/// cookies then have the names `__Host-session` and `__Host-remember_token` and the attribute
/// `Secure`.
fn login_layer(users: Users) -> Result<LoginLayer, Box<dyn Error>> {
    let path = env::var_os("STATE_FILE").unwrap_or_else(|| "paseto-state.sqlite".into());
    let state = SqliteStore::open(&path).map_err(|error| format!("STATE_FILE: {error}"))?;
    println!("The state is in the file `{}`.", path.display());
    let session = PasetoSession::builder(key_ring("SESSION_KEYS")?)
        .application("login_manager")
        .development_over_plain_http()
        .revocation_store(state.revocation_store())
        .build()?;
    let remember_me = RememberMe::builder(key_ring("REMEMBER_KEYS")?)
        .application("login_manager")
        .development_over_plain_http()
        .credential_loader(move |id| {
            let fingerprint = users.fingerprint(&id);
            async { fingerprint }
        })
        .token_family_store(state.token_family_store())
        .revocation_store(state.revocation_store())
        // An audit log. An event contains the user, and never a token.
        .on_event(|event: &Event<'_>| eprintln!("audit: {event:?}"))
        .login_page("/login")
        .build()?;
    Ok(LoginLayer::new(session, remember_me))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Prints warnings and errors, for example the reason of a rejected cookie.
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).without_time().init();
    let users = Users::default();
    let logins = login_layer(users.clone())?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(users.clone()))
            .wrap(logins.clone())
            // Without this middleware, another site could submit the login form.
            .wrap(CrossOriginProtection::new())
            .service(show_login)
            .service(log_in)
            .service(log_out)
            .service(protected)
            .service(sensitive)
            .service(change_password)
            .service(list_logins)
            .service(log_out_by_id)
            .service(log_out_others)
    });
    let address = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let server = server.bind(&address).map_err(|error| format!("BIND: `{address}`: {error}"))?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await?;
    Ok(())
}
