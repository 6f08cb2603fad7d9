use actix_web::{FromRequest, Handler, Responder};
use paseto_actix::paseto_required;

struct Page;

#[paseto_required]
async fn handler() -> Page {
    Page
}

// Has the bounds of `Route::to`. The compiler message about this function contains no local path.
fn register<H: Handler<Args>, Args: FromRequest>(_: H)
where
    H::Output: Responder,
{
}

fn main() {
    register(handler);
}
