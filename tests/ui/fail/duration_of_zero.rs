use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(fresh = "0s")]
async fn seconds(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = "000d")]
async fn days(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(seconds).service(days);
}
