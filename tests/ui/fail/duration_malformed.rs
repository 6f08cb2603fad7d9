use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(fresh = "")]
async fn nothing(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = "10")]
async fn no_unit(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = "m")]
async fn no_number(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = "1w")]
async fn unknown_unit(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = "1H")]
async fn capital(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = "1h30m")]
async fn two(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = "1.5h")]
async fn fraction(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = "-1h")]
async fn negative(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = "10 m")]
async fn spaced(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new()
        .service(nothing)
        .service(no_unit)
        .service(no_number)
        .service(unknown_unit)
        .service(capital)
        .service(two)
        .service(fraction)
        .service(negative)
        .service(spaced);
}
