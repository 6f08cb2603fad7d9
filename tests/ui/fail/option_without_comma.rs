use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(scopes("read") fresh = "10m")]
async fn options(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(scopes("read" "write"))]
async fn scopes(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(options).service(scopes);
}
