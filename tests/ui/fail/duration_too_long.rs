use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(fresh = "36526d")]
async fn century(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = "18446744073709551615d")]
async fn overflow(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = "18446744073709551616s")]
async fn overflowing_number(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(century).service(overflow).service(overflowing_number);
}
