use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required]
async unsafe fn dangerous() -> impl Responder {
    ""
}

fn main() {
    let _ = App::new().service(dangerous);
}
