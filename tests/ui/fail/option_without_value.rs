use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(scopes)]
async fn scopes(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(any_scope, fresh = "1h")]
async fn any_scope(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh)]
async fn fresh(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh =)]
async fn fresh_of_nothing(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(check =, scopes("read"))]
async fn check(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(scopes).service(any_scope).service(fresh).service(fresh_of_nothing).service(check);
}
