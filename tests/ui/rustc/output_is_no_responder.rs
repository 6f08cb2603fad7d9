use actix_web::{FromRequest, Handler, Responder};
use paseto_actix::paseto_required;

struct Page;

#[paseto_required]
async fn handler() -> Page {
    Page
}

// As `Route::to`, but the message about this function shows no path of the machine.
fn register<H: Handler<Args>, Args: FromRequest>(_: H)
where
    H::Output: Responder,
{
}

fn main() {
    register(handler);
}
