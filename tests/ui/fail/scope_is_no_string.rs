use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(scopes(read()))]
async fn call(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(scopes("read", 1))]
async fn number(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(any_scope(b"read"))]
async fn bytes(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(any_scope(&READ))]
async fn reference(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(call).service(number).service(bytes).service(reference);
}
