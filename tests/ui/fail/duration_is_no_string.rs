use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(fresh = 10)]
async fn number(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = 10 * 60)]
async fn expression(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh = Duration::from_secs(10))]
async fn call(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(fresh("10m"))]
async fn parentheses(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(number).service(expression).service(call).service(parentheses);
}
