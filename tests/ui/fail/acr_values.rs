use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(acr())]
async fn empty(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(acr = "phr")]
async fn assigned(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(acr("", "phr phrh", "a\"b", "phr", "phr", 1))]
async fn malformed(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(acr_values("phr"))]
async fn named_otherwise(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(empty).service(assigned).service(malformed).service(named_otherwise);
}
