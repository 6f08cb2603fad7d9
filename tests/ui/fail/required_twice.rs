use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[paseto_required]
#[get("/")]
#[paseto_required(scopes("read"))]
async fn apart(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(scopes("read"))]
#[paseto_actix::paseto_required(scopes("write"))]
async fn together(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(apart).service(together);
}
