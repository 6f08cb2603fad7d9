//! The account of the user: logins, programs and the password.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use maud::{Markup, html};
use paseto_actix::csrf::CsrfForm;
use paseto_actix::remember::FreshLogin;
use paseto_actix::session::SessionCookie;
use paseto_actix::token_family::{LoginEntry, RandomId};
use paseto_actix::{LoginLayer, RefreshTokens, RememberMe};
use serde::Deserialize;

use crate::page::{Visitor, format_time};
use crate::users::{MIN_PASSWORD_LEN, Users};

/// Lists the remembered logins and the programs of the user.
#[get("/account")]
async fn show_account(
    req: HttpRequest,
    visitor: Visitor,
    logins: LoginLayer,
) -> actix_web::Result<HttpResponse> {
    let current = RememberMe::current_login(&req);
    let entries = logins.logins(&visitor.user.email).await?;
    let content = html! {
        p { "Logged in as " strong { (visitor.user.email) } "." }
        h2 { "Remembered logins and programs" }
        @if entries.is_empty() {
            p.hint { "This login is not remembered. It expires with the session." }
        }
        @for entry in &entries {
            div.card.row {
                (description(entry, current == Some(entry.id)))
                (visitor.form("/account/revoke", html! {
                    button name="id" value=(entry.id) { "Log out" }
                }))
            }
        }
        (visitor.form("/account/revoke-others", html! { button { "Log out all others" } }))
        h2 { "More" }
        ul {
            li { a href="/account/program" { "Connect a program" } }
            li { a href="/account/password" { "Change the password" } }
        }
    };
    Ok(visitor.page("Account", content))
}

/// Returns the description of a login.
pub(crate) fn description(entry: &LoginEntry, is_current: bool) -> Markup {
    let label = if entry.label.is_empty() { "unknown" } else { &entry.label };
    html! {
        span {
            strong { (label) } @if is_current { " (this browser)" }
            br;
            small { "last used " (format_time(entry.last_used)) }
        }
    }
}

#[derive(Deserialize)]
struct LoginId {
    id: RandomId,
}

#[post("/account/revoke")]
async fn revoke_login(
    visitor: Visitor,
    CsrfForm(form): CsrfForm<LoginId>,
    logins: LoginLayer,
) -> actix_web::Result<HttpResponse> {
    // Ignores the ID of a login of another user.
    logins.logout_by_id(&visitor.user.email, form.id).await?;
    visitor.redirect("/account", "The login is revoked.")
}

#[post("/account/revoke-others")]
async fn revoke_others(
    req: HttpRequest,
    visitor: Visitor,
    _: CsrfForm<()>,
    logins: LoginLayer,
) -> actix_web::Result<HttpResponse> {
    logins.logout_others(&req).await?;
    visitor.redirect("/account", "All other logins are revoked.")
}

#[get("/account/program")]
async fn show_program_form(visitor: Visitor, _: FreshLogin) -> HttpResponse {
    let content = html! {
        p { "A program gets a refresh token, and acts with your rights until you log it out." }
        (visitor.form("/account/program", html! {
            label { "Name" input name="name" maxlength="40" required; }
            button { "Connect" }
        }))
    };
    visitor.page("Connect a program", content)
}

#[derive(Deserialize)]
struct NewProgram {
    name: String,
}

/// Starts a login for a program and shows its refresh token once.
#[post("/account/program")]
async fn connect_program(
    visitor: Visitor,
    _: FreshLogin,
    CsrfForm(form): CsrfForm<NewProgram>,
    tokens: web::Data<RefreshTokens>,
    users: web::Data<Users>,
    session: SessionCookie,
) -> actix_web::Result<HttpResponse> {
    // The client can have sent the form slowly, and the session can be revoked since.
    session.check_revocation().await?;
    let name: String = form.name.chars().take(40).collect();
    let login = tokens.start_login(&visitor.user.email).await?.label(name).complete().await?;
    let pair = crate::api::issue(&users, login)?;
    let content = html! {
        p { "Give this refresh token to the program. The page shows it only now." }
        pre #refresh-token { (pair.refresh_token) }
        p {
            "The program exchanges it at " code { "POST /auth/token" } " for an access token and "
            "the next refresh token. " a href="/openapi.json" { "The API" }
        }
    };
    Ok(visitor.page("Program connected", content))
}

#[get("/account/password")]
async fn show_password_form(visitor: Visitor, _: FreshLogin) -> HttpResponse {
    let content = visitor.form(
        "/account/password",
        html! {
            label { "New password" input name="password" type="password"
                autocomplete="new-password" minlength=(MIN_PASSWORD_LEN) required; }
            button { "Change the password" }
        },
    );
    visitor.page("Change the password", content)
}

#[derive(Deserialize)]
struct NewPassword {
    password: String,
}

/// Changes the password, and logs out all other browsers and programs of the user.
#[post("/account/password")]
async fn change_password(
    req: HttpRequest,
    visitor: Visitor,
    _: FreshLogin,
    CsrfForm(form): CsrfForm<NewPassword>,
    users: web::Data<Users>,
    logins: LoginLayer,
    session: SessionCookie,
) -> actix_web::Result<HttpResponse> {
    session.check_revocation().await?;
    if form.password.chars().count() < MIN_PASSWORD_LEN {
        let message = format!("A password has at least {MIN_PASSWORD_LEN} characters.");
        return visitor.redirect("/account/password", &message);
    }
    users.set_password(&visitor.user.email, form.password).await?;
    logins.logout_others(&req).await?;
    visitor.redirect("/account", "The password is changed.")
}

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(show_account)
        .service(revoke_login)
        .service(revoke_others)
        .service(show_program_form)
        .service(connect_program)
        .service(show_password_form)
        .service(change_password);
}
