use actix_web::{App, HttpRequest, Responder, get};
use paseto_actix::{VerifiedToken, paseto_required};
use paseto_actix::error::Rejection;

fn argument_missing_check(_: &HttpRequest) -> Result<(), Rejection> {
    Ok(())
}

fn answer_check(_: &HttpRequest, _: &VerifiedToken) -> bool {
    true
}

#[get("/")]
#[paseto_required(check = argument_missing_check)]
async fn argument_missing(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(check = answer_check)]
async fn answer(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(argument_missing).service(answer);
}
