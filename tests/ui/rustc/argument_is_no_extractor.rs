use actix_web::{FromRequest, Handler, Responder};
use paseto_actix::paseto_required;

struct Handle;

#[paseto_required]
async fn handler(name: String, handle: Handle) -> impl Responder {
    drop(handle);
    name
}

// As `Route::to`, but the message about this function shows no path of the machine.
fn register<Args: FromRequest>(_: impl Handler<Args>) {}

fn main() {
    register(handler);
}
