//! The body of a handler keeps its type inference, coercions and early returns.

use std::fmt::Display;
use std::num::ParseIntError;
use std::str::FromStr;

use actix_web::error::ErrorBadRequest;
use actix_web::{App, Either, Error, HttpResponse, Responder, web};
use paseto_actix::paseto_required;

#[paseto_required]
async fn hidden_in_a_result(text: String) -> Result<impl Responder, Error> {
    if text.is_empty() {
        return Err(ErrorBadRequest("empty"));
    }
    let number: u8 = text.parse().map_err(ErrorBadRequest)?;
    Ok(number.to_string())
}

#[paseto_required]
async fn error_of_the_signature(
    text: String,
) -> actix_web::Result<String, Box<dyn std::error::Error>> {
    let parse = |text: &str| -> Result<u8, ParseIntError> { text.parse() };
    if text.len() > 3 {
        Err("too long")?;
    }
    Ok(parse(&text)?.to_string())
}

#[paseto_required]
async fn coerced(text: String) -> Box<dyn Display> {
    if text.is_empty() {
        return Box::new(0);
    }
    Box::new(text)
}

#[paseto_required]
async fn inferred_from_the_signature(text: String) -> Result<web::Json<Vec<u8>>, Error> {
    Ok(web::Json(
        text.split(',').map(str::parse).collect::<Result<_, _>>().map_err(ErrorBadRequest)?,
    ))
}

#[paseto_required]
async fn either(text: String) -> Either<HttpResponse, impl Responder> {
    match text.as_str() {
        "" => Either::Left(HttpResponse::NoContent().into()),
        _ => Either::Right(text),
    }
}

#[paseto_required]
async fn never(mut text: String) -> HttpResponse {
    text.clear();
    panic!("{text}")
}

#[paseto_required]
async fn builder_that_is_a_future() -> impl Responder {
    HttpResponse::Ok()
}

#[paseto_required]
async fn borrows_across_await<T, const N: usize>(text: web::Path<T>) -> impl Responder + use<T, N>
where
    T: FromStr + Display,
{
    let borrowed: &T = &text;
    std::future::ready(()).await;
    [borrowed.to_string(), N.to_string()].concat()
}

#[paseto_required]
#[rustfmt::skip]
async fn in_one_line() -> &'static str { "" }

#[paseto_required]
async fn with_inner_attribute() -> &'static str {
    #![expect(unused_variables, reason = "the attribute is about the function")]
    let unused = 1;
    ""
}

#[test]
fn handlers_of_many_return_types_compile() {
    let _ = App::new()
        .route("/", web::get().to(hidden_in_a_result))
        .route("/", web::get().to(inferred_from_the_signature))
        .route("/", web::get().to(either))
        .route("/", web::get().to(in_one_line))
        .route("/", web::get().to(with_inner_attribute))
        .route("/", web::get().to(never))
        .route("/", web::get().to(builder_that_is_a_future))
        .route("/", web::get().to(borrows_across_await::<u8, 1>));
    let _ = (error_of_the_signature, coerced);
}

/// A route macro creates a unit struct with the handler's name. The name of that struct must not
/// collide with a name in the expansion.
mod names_of_the_expansion {
    use actix_web::{App, get};
    use paseto_actix::paseto_required;

    #[get("/caching")]
    #[paseto_required]
    async fn caching() -> &'static str {
        "caching"
    }

    #[get("/response")]
    #[paseto_required]
    async fn response() -> &'static str {
        "response"
    }

    #[test]
    fn handlers_named_like_items_of_the_expansion_compile() {
        let _ = App::new().service(caching).service(response);
    }
}
