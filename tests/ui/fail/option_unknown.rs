use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(scope("read"))]
async fn near(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(any("read"))]
async fn part(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(audience = "me", fresh = "10m")]
async fn far(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fn)]
async fn keyword(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(near).service(part).service(far).service(keyword);
}
