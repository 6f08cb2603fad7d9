//! The frame of all pages, and the pages of errors.

use std::pin::Pin;

use actix_session::Session;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ContentType, HeaderValue, LOCATION};
use actix_web::middleware::ErrorHandlerResponse;
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use paseto_actix::CurrentUser;
use paseto_actix::csrf::CsrfToken;
use paseto_actix::time::OffsetDateTime;

use crate::users::User;

/// The entry of the session with the message for the next page.
const FLASH: &str = "flash";

/// A logged-in user who loads a page or submits a form.
pub(crate) struct Visitor {
    pub(crate) user: User,
    csrf: CsrfToken,
    session: Session,
}

impl Visitor {
    /// Returns a page with the links and the logout button of the user. It also shows the message
    /// of the last form.
    pub(crate) fn page(&self, title: &str, content: Markup) -> HttpResponse {
        let message = self.session.get::<String>(FLASH).ok().flatten();
        if message.is_some() {
            self.session.remove(FLASH);
        }
        let header = html! {
            nav {
                a href="/" { "Notices" }
                a href="/account" { "Account" }
                @if self.user.is_admin() { a href="/admin" { "Admin" } }
                (self.form("/logout", html! { button { "Log out" } }))
            }
        };
        let content = html! {
            @if let Some(message) = message { p.message role="status" { (message) } }
            (content)
        };
        html_response(StatusCode::OK, title, header, content)
    }

    /// Returns a form with a CSRF token.
    pub(crate) fn form(&self, action: &str, content: Markup) -> Markup {
        html! {
            form method="post" action=(action) { (PreEscaped(self.csrf.input())) (content) }
        }
    }

    /// Redirects to a page that shows the message.
    pub(crate) fn redirect(&self, path: &str, message: &str) -> actix_web::Result<HttpResponse> {
        self.session.insert(FLASH, message)?;
        Ok(see_other(path))
    }
}

impl FromRequest for Visitor {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let user = CurrentUser::<User>::from_request(req, payload);
        let rest = <(CsrfToken, Session)>::from_request(req, payload);
        Box::pin(async move {
            // Without a user, no token starts a session.
            let user = (*user.await?).clone();
            let (csrf, session) = rest.await?;
            Ok(Self { user, csrf, session })
        })
    }
}

/// Returns a page for visitors who are not logged in.
pub(crate) fn public_page(status: StatusCode, title: &str, content: Markup) -> HttpResponse {
    html_response(status, title, html! {}, content)
}

fn html_response(
    status: StatusCode,
    title: &str,
    navigation: Markup,
    content: Markup,
) -> HttpResponse {
    let page = html_page(title, navigation, content);
    HttpResponse::build(status).content_type(ContentType::html()).body(page)
}

fn html_page(title: &str, navigation: Markup, content: Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – Noticeboard" }
                link rel="stylesheet" href="/style.css";
                script src="/script.js" defer {}
            }
            body {
                header { strong { "Noticeboard" } (navigation) }
                main { h1 { (title) } (content) }
            }
        }
    };
    page.into_string()
}

/// Replaces the problem document of an error with a page.
pub(crate) fn error_page<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
) -> actix_web::Result<ErrorHandlerResponse<B>> {
    let content_type = response.headers().get(CONTENT_TYPE);
    if content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html")) {
        return Ok(ErrorHandlerResponse::Response(response.map_into_left_body()));
    }
    let response = response.map_body(|head, _| {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        head.headers_mut().insert(CONTENT_TYPE, html);
        let title = head.status.canonical_reason().unwrap_or("Error");
        let content = html! { p { a href="/" { "Notices" } " " a href="/login" { "Log in" } } };
        let page = html_page(title, html! {}, content);
        EitherBody::right(BoxBody::new(page))
    });
    Ok(ErrorHandlerResponse::Response(response))
}

pub(crate) fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}

/// Returns a time for readers, such as `2026-01-31 09:05 UTC`.
pub(crate) fn format_time(time: OffsetDateTime) -> String {
    let time = time.to_offset(paseto_actix::time::UtcOffset::UTC);
    format!("{} {:02}:{:02} UTC", time.date(), time.hour(), time.minute())
}
