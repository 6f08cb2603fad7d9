use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(scope("read"), scopes("read", "", "read"), fresh = "0s", fresh = 10)]
#[paseto_required]
fn handler(#[inline] name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(handler);
}
