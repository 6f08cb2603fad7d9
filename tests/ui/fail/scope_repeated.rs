use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(scopes("read", "write", "read"))]
async fn scopes(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(any_scope("read", "read"))]
async fn any_scope(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(scopes).service(any_scope);
}
