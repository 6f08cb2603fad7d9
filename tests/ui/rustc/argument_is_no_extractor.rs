use actix_web::{FromRequest, Handler, Responder};
use paseto_actix::paseto_required;

struct Handle;

#[paseto_required]
async fn handler(name: String, handle: Handle) -> impl Responder {
    drop(handle);
    name
}

// Has the bounds of `Route::to`. The compiler message about this function contains no local path.
fn register<Args: FromRequest>(_: impl Handler<Args>) {}

fn main() {
    register(handler);
}
