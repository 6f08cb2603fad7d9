use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(scopes("read write"))]
async fn space(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(scopes("read\""))]
async fn quote(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(any_scope("read", "\\"))]
async fn backslash(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(scopes("\t"))]
async fn tab(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(scopes("pósts"))]
async fn accent(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(space).service(quote).service(backslash).service(tab).service(accent);
}
