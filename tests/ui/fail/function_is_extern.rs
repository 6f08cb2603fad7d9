use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required]
async extern "C" fn exported() -> impl Responder {
    ""
}

fn main() {
    let _ = App::new().service(exported);
}
