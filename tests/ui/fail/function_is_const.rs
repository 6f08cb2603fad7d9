use actix_web::{App, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required]
const fn constant() -> &'static str {
    ""
}

fn main() {
    let _ = App::new().service(constant);
}
