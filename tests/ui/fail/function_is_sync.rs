use actix_web::{App, Responder, get, web};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required]
fn below(name: String) -> impl Responder {
    name
}

#[paseto_required(scopes("read"))]
#[get("/")]
pub fn above(name: String) -> impl Responder {
    name
}

#[paseto_required]
fn registered<T: ToString>(name: web::Data<T>) -> String {
    name.to_string()
}

fn main() {
    let _ = App::new().service(below).service(above).route("/", web::get().to(registered::<u8>));
}
