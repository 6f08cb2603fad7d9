use paseto_actix::paseto_required;

#[paseto_required]
async fn handler(Some(name): Option<String>) -> String {
    name
}

fn main() {
    let _ = handler;
}
