use actix_web::{App, HttpRequest, Responder, get};
use paseto_actix::error::Rejection;
use paseto_actix::{Paseto, paseto_required};

struct Claims;

fn claims_check(_: &HttpRequest, _: &Claims) -> Result<(), Rejection> {
    Ok(())
}

fn not_deserialized_check(_: &HttpRequest, _: &Paseto<Claims>) -> Result<(), Rejection> {
    Ok(())
}

#[get("/")]
#[paseto_required(check = claims_check)]
async fn claims(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(check = not_deserialized_check)]
async fn not_deserialized(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(claims).service(not_deserialized);
}
