use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required(check = |_, _| Ok(()))]
async fn closure(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(check = "f")]
async fn text(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(check = f())]
async fn call(name: String) -> impl Responder {
    name
}

#[get("/")]
#[paseto_required(check(f))]
async fn parentheses(name: String) -> impl Responder {
    name
}

fn main() {
    let _ = App::new().service(closure).service(text).service(call).service(parentheses);
}
