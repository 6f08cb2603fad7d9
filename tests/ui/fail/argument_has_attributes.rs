use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required]
async fn conditional(#[cfg(all())] name: String) -> impl Responder {
    ""
}

#[get("/")]
#[paseto_required]
async fn conditionally_attributed(#[cfg_attr(all(), allow(unused_variables))] name: String) -> impl Responder {
    ""
}

#[get("/")]
#[paseto_required]
async fn permitted_nowhere(#[allow(unused_mut)] #[inline] #[other::attribute] mut name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(conditional).service(conditionally_attributed).service(permitted_nowhere);
}
