use paseto_actix::paseto_required;

#[paseto_required]
async fn handler() -> String {}

fn main() {
    let _ = handler;
}
