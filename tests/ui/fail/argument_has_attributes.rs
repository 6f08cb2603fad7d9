use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required]
async fn permitted_elsewhere(#[allow(unused_variables)] name: String) -> impl Responder {
    ""
}

#[get("/")]
#[paseto_required]
async fn permitted_nowhere(#[inline] name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(permitted_elsewhere).service(permitted_nowhere);
}
