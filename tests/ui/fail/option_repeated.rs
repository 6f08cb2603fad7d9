use actix_web::{App, Responder, get};
use paseto_actix::{VerifiedToken, paseto_required};
use paseto_actix::error::Rejection;

fn f(_: &actix_web::HttpRequest, _: &VerifiedToken) -> Result<(), Rejection> {
    Ok(())
}

#[get("/")]
#[paseto_required(scopes("read"), scopes("write"))]
async fn scopes(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(any_scope("read"), fresh = "1h", any_scope("write"))]
async fn any_scope(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = "10m", fresh = "10m")]
async fn fresh(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(check = f, check = f)]
async fn check(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(scopes).service(any_scope).service(fresh).service(check);
}
