use paseto_actix::paseto_required;

mod scope {
    pub const READ: &str = "read";
}

#[paseto_required(scopes(READ), any_scope(scope::WRITE, "admin"), acr(scopes::PHR))]
async fn handler() -> &'static str {
    ""
}

fn main() {
    let _ = (handler, scope::READ);
}
