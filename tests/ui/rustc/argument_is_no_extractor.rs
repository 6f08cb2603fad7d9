use actix_web::{App, Responder, web};
use paseto_actix::paseto_required;

struct Handle;

#[paseto_required]
async fn handler(name: String, handle: Handle) -> impl Responder {
    drop(handle);
    name
}

fn main() {
    let _ = App::new().route("/handler", web::get().to(handler));
}
