//! Login and logout.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use maud::{Markup, html};
use paseto_actix::RememberMe;
use paseto_actix::csrf::{CsrfForm, CsrfToken};
use paseto_actix::remember::{Remember, safe_redirect_path};
use serde::Deserialize;

use crate::page::{Visitor, public_page, see_other};
use crate::users::Users;

/// The query of the login page, which `RememberMe` sets when it redirects to this page.
#[derive(Deserialize)]
struct LoginQuery {
    /// The path to redirect to after the login.
    next: Option<String>,
    /// Present if the user is logged in, but the login is not fresh.
    again: Option<String>,
}

#[derive(Deserialize)]
struct Credentials {
    email: String,
    password: String,
    /// Browsers omit a checkbox that is not ticked.
    remember: Option<String>,
}

#[get("/login")]
async fn show_login(query: web::Query<LoginQuery>) -> HttpResponse {
    let again = html! { @if query.again.is_some() { p { "Please enter your password again." } } };
    login_page(StatusCode::OK, again)
}

/// Checks the password and logs the user in. `CrossOriginProtection` protects this form: before the
/// login, there is no session that could contain a CSRF token.
#[post("/login")]
async fn log_in(
    req: HttpRequest,
    query: web::Query<LoginQuery>,
    form: web::Form<Credentials>,
    users: web::Data<Users>,
    session: Session,
) -> actix_web::Result<HttpResponse> {
    let Credentials { email, password, remember } = form.into_inner();
    // Before the password check, so that a password change in between stops the login.
    let login = RememberMe::start_login(&req, email.as_str()).await?;
    if !users.has_password(&email, password).await {
        let message = html! { p.error role="alert" { "Wrong email or password." } };
        return Ok(login_page(StatusCode::UNAUTHORIZED, message));
    }
    CsrfToken::reset(&session);
    // A user who confirms a login keeps the remembered login. Only its freshness changes.
    let confirmed = query.again.is_some() && RememberMe::confirm_login(&req, &email).is_ok();
    if !confirmed {
        let remember = if remember.is_some() { Remember::Default } else { Remember::Never };
        login.label(browser_name(&req)).complete(remember).await?;
    }
    Ok(see_other(query.next.as_deref().and_then(safe_redirect_path).unwrap_or("/")))
}

/// Revokes the session and the remembered login of this browser.
#[post("/logout")]
async fn log_out(req: HttpRequest, _: Visitor, _: CsrfForm<()>) -> HttpResponse {
    RememberMe::logout(&req);
    see_other("/login")
}

/// Returns the login page. The form has no `action`, so it posts to the address of the page, with
/// the query `next`.
fn login_page(status: StatusCode, message: Markup) -> HttpResponse {
    let content = html! {
        (message)
        form.card method="post" {
            label { "Email" input name="email" type="email" autocomplete="username"
                value="foo@bar.example" required; }
            label { "Password" input name="password" type="password"
                autocomplete="current-password" required; }
            label.check { input name="remember" type="checkbox"; "Remember me" }
            button { "Log in" }
        }
        p.hint {
            "The users are " code { "admin@bar.example" } ", " code { "foo@bar.example" } " and "
            code { "guest@bar.example" } ". The password is " code { "mysecret" } "."
        }
    };
    public_page(status, "Log in", content)
}

/// Returns the label of a login, such as `Firefox on Linux`.
fn browser_name(req: &HttpRequest) -> String {
    let agent = req.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let agent = agent.unwrap_or_default();
    let first = |names: &[(&str, &'static str)], unknown| {
        let known = names.iter().find(|(part, _)| agent.contains(part));
        known.map_or(unknown, |(_, name)| *name)
    };
    // Edge also sends `Chrome`, Chrome also sends `Safari`, and Android also sends `Linux`.
    let browsers =
        [("Firefox", "Firefox"), ("Edg", "Edge"), ("Chrome", "Chrome"), ("Safari", "Safari")];
    let systems = [
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let (browser, system) = (first(&browsers, "a browser"), first(&systems, "another system"));
    format!("{browser} on {system}")
}

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(show_login).service(log_in).service(log_out);
}
