use paseto_actix::paseto_required;

const LIST: [&str; 2] = ["read", "write"];

fn read() -> &'static str {
    "read"
}

#[paseto_required(scopes("read", LIST), any_scope(read))]
async fn handler() -> &'static str {
    ""
}

fn main() {
    let _ = handler;
}
