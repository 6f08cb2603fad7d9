use paseto_actix::paseto_required;

const READ: &str = "read";

mod scope {
    pub const EMPTY: &str = "";
    pub const TWO: &str = "read write";
    pub const QUOTED: &str = "\"read\"";
    pub const READ_AGAIN: &str = "read";
}

#[paseto_required(scopes(READ, scope::EMPTY, scope::TWO), any_scope(scope::QUOTED, READ, "read", scope::READ_AGAIN))]
async fn scopes() -> &'static str {
    ""
}

#[paseto_required(acr(scope::EMPTY, scope::TWO, READ, READ))]
async fn acr() -> &'static str {
    ""
}

fn main() {
    let _ = (scopes, acr);
}
