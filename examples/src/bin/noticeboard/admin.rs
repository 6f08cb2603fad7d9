//! The page of the admin: the logins of all users.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::ErrorForbidden;
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, HttpResponse, web};
use maud::html;
use paseto_actix::csrf::CsrfForm;
use paseto_actix::token_family::RandomId;
use paseto_actix::{CurrentUser, LoginLayer};
use serde::Deserialize;

use crate::account::description;
use crate::page::Visitor;
use crate::users::{User, Users};

/// Guards the scope `/admin`. An error becomes a response here, so that outer middlewares process
/// it.
async fn require_admin(
    user: Result<CurrentUser<User>, Error>,
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let error = match user {
        Ok(user) if user.is_admin() => return Ok(next.call(req).await?.map_into_boxed_body()),
        Ok(_) => ErrorForbidden("not an admin"),
        Err(error) => error,
    };
    Ok(req.error_response(error))
}

async fn show_logins(
    visitor: Visitor,
    users: web::Data<Users>,
    logins: LoginLayer,
) -> actix_web::Result<HttpResponse> {
    let mut rows = Vec::new();
    for user in users.all() {
        let entries = logins.logins(&user.email).await?;
        rows.push((user, entries));
    }
    let content = html! {
        @for (user, entries) in &rows {
            section.card {
                div.row {
                    span { strong { (user.email) } br; small { (format!("{:?}", user.role)) } }
                    (visitor.form("/admin/revoke-all", html! {
                        button name="user" value=(user.email) { "Log out everywhere" }
                    }))
                }
                @for entry in entries {
                    div.row {
                        (description(entry, false))
                        (visitor.form("/admin/revoke", html! {
                            input type="hidden" name="user" value=(user.email);
                            button name="id" value=(entry.id) { "Log out" }
                        }))
                    }
                }
                @if entries.is_empty() { p.hint { "No remembered login and no program." } }
            }
        }
    };
    Ok(visitor.page("Logins of all users", content))
}

#[derive(Deserialize)]
struct OneLogin {
    user: String,
    id: RandomId,
}

async fn revoke_one(
    visitor: Visitor,
    CsrfForm(form): CsrfForm<OneLogin>,
    logins: LoginLayer,
) -> actix_web::Result<HttpResponse> {
    logins.logout_by_id(&form.user, form.id).await?;
    visitor.redirect("/admin", "The login is revoked.")
}

#[derive(Deserialize)]
struct AllLogins {
    user: String,
}

async fn revoke_all(
    visitor: Visitor,
    CsrfForm(form): CsrfForm<AllLogins>,
    logins: LoginLayer,
) -> actix_web::Result<HttpResponse> {
    logins.logout_all(&form.user).await?;
    visitor.redirect("/admin", "All logins of the user are revoked.")
}

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/admin")
            .wrap(from_fn(require_admin))
            .route("", web::get().to(show_logins))
            .route("/revoke", web::post().to(revoke_one))
            .route("/revoke-all", web::post().to(revoke_all)),
    );
}
