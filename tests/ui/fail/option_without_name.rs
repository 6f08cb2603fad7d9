use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required("read")]
async fn text(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(scopes("read"), 10)]
async fn number(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(text).service(number);
}
