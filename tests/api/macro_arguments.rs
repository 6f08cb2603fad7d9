//! Arguments and type parameters of handlers that `#[paseto_required]` accepts.
//!
//! The generated code must not trigger a lint in the user's code, not even a pedantic lint.

#![warn(clippy::pedantic)]
// A handler must be `async`, also if it awaits nothing.
#![allow(clippy::unused_async)]

use std::fmt::Display;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::web::{Path, Query, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, Responder, get, post, web};
use paseto_actix::{Paseto, paseto_required};

use crate::macro_forms::{Me, Outcome, Point, agree, assert_routes_require_a_token};

#[paseto_required(check = agree)]
async fn generic<T: FromRequest + Display, const N: usize>(extractor: T) -> String {
    format!("{extractor}{N}")
}

#[paseto_required]
async fn bounded<T>(paseto: Paseto<T>) -> impl Responder
where
    T: Into<Me>,
{
    paseto.into_claims().into().user
}

#[actix_web::test]
async fn generic_handlers_require_a_token() -> Outcome {
    let services = |app: &mut ServiceConfig| {
        app.route("/generic", web::get().to(generic::<Method, 7>))
            .route("/bounded", web::get().to(bounded::<Me>));
    };
    assert_routes_require_a_token(services, &[("GET /generic", "GET7"), ("GET /bounded", "ada")])
        .await
}

/// An extractor that returns the letter of its type parameter.
struct Letter<const LETTER: char>(char);

impl<const LETTER: char> FromRequest for Letter<LETTER> {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(LETTER)))
    }
}

#[get("/none")]
#[paseto_required]
async fn no_arguments() -> &'static str {
    "none"
}

#[get("/sixteen")]
#[paseto_required]
#[allow(clippy::many_single_char_names)]
async fn sixteen_arguments(
    a: Letter<'a'>,
    b: Letter<'b'>,
    c: Letter<'c'>,
    d: Letter<'d'>,
    e: Letter<'e'>,
    f: Letter<'f'>,
    g: Letter<'g'>,
    h: Letter<'h'>,
    i: Letter<'i'>,
    j: Letter<'j'>,
    k: Letter<'k'>,
    l: Letter<'l'>,
    m: Letter<'m'>,
    n: Letter<'n'>,
    o: Letter<'o'>,
    p: Letter<'p'>,
) -> String {
    [a.0, b.0, c.0, d.0, e.0, f.0, g.0, h.0, i.0, j.0, k.0, l.0, m.0, n.0, o.0, p.0]
        .iter()
        .collect()
}

#[post("/patterns/{id}")]
#[paseto_required]
async fn patterns(
    _: Paseto<Me>,
    id: Path<u8>,
    (Query(Point { x, .. }), Query(Point { y, .. })): (Query<Point>, Query<Point>),
    ref method: Method,
    mut body: String,
    _unused: Option<Paseto<Me>>,
) -> String {
    body.truncate(1);
    format!("{id}{x}{y}{method}{body}")
}

#[actix_web::test]
async fn handlers_with_any_number_and_pattern_of_arguments_require_a_token() -> Outcome {
    let services = |app: &mut ServiceConfig| {
        app.service(no_arguments).service(sixteen_arguments).service(patterns);
    };
    let bodies = [
        ("GET /none", "none"),
        ("GET /sixteen", "abcdefghijklmnop"),
        ("POST /patterns/9?x=1&y=2", "912POST{"),
    ];
    assert_routes_require_a_token(services, &bodies).await
}
