use actix_web::{App, Responder, get};
use paseto_actix::paseto_required;

#[get("/")]
#[paseto_required]
async fn many(
    a: String,
    b: String,
    c: String,
    d: String,
    e: String,
    f: String,
    g: String,
    h: String,
    i: String,
    j: String,
    k: String,
    l: String,
    m: String,
    n: String,
    o: String,
    p: String,
    q: String,
    r: String,
) -> impl Responder {
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r].concat()
}

fn main() {
    let _ = App::new().service(many);
}
