//! The page of the notices.

use actix_web::{HttpResponse, get, post, web};
use maud::html;
use paseto_actix::csrf::CsrfForm;
use paseto_actix::time::OffsetDateTime;
use serde::Deserialize;

use crate::board::{Board, MAX_LEN, Removal};
use crate::page::{Visitor, format_time};

#[get("/")]
async fn show_notices(visitor: Visitor, board: web::Data<Board>) -> HttpResponse {
    let (user, notices) = (&visitor.user, board.notices());
    let newest = notices.first().map_or(0, |notice| notice.id);
    let content = html! {
        @if user.role.can_write() {
            (visitor.form("/notices", html! {
                label { "New notice"
                    textarea name="text" rows="3" maxlength=(MAX_LEN) required {} }
                button { "Post" }
            }))
        }
        // The script shows this link when the API returns a newer notice.
        p #newer data-newest=(newest) hidden { a href="/" { "Show new notices" } }
        @if notices.is_empty() { p.hint { "The board is empty." } }
        @for notice in &notices {
            article.card {
                p { (notice.text) }
                footer {
                    span {
                        (notice.author)
                        @if let Ok(time) = OffsetDateTime::from_unix_timestamp(notice.posted_at) {
                            ", " (format_time(time))
                        }
                    }
                    @if user.may_remove(notice) {
                        (visitor.form("/notices/remove", html! {
                            button name="id" value=(notice.id) { "Remove" }
                        }))
                    }
                }
            }
        }
    };
    visitor.page("Notices", content)
}

#[derive(Deserialize)]
struct NewNotice {
    text: String,
}

#[post("/notices")]
async fn post_notice(
    visitor: Visitor,
    CsrfForm(form): CsrfForm<NewNotice>,
    board: web::Data<Board>,
) -> actix_web::Result<HttpResponse> {
    if !visitor.user.role.can_write() {
        return Ok(HttpResponse::Forbidden().finish());
    }
    let message = match board.post(&visitor.user.email, &form.text) {
        Some(_) => "Posted.".to_owned(),
        None => format!("A notice has 1 to {MAX_LEN} characters."),
    };
    visitor.redirect("/", &message)
}

#[derive(Deserialize)]
struct NoticeId {
    id: u64,
}

#[post("/notices/remove")]
async fn remove_notice(
    visitor: Visitor,
    CsrfForm(form): CsrfForm<NoticeId>,
    board: web::Data<Board>,
) -> actix_web::Result<HttpResponse> {
    match board.remove(form.id, &visitor.user) {
        Removal::Removed | Removal::NotFound => visitor.redirect("/", "Removed."),
        Removal::NotAllowed => Ok(HttpResponse::Forbidden().finish()),
    }
}

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(show_notices).service(post_notice).service(remove_notice);
}
