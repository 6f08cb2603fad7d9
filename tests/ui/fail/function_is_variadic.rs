use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required]
async fn variadic(name: String, _: ...) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(variadic);
}
