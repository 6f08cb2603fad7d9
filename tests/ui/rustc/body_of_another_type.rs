use paseto_actix::paseto_required;

#[paseto_required]
async fn handler(name: String) -> Result<String, actix_web::Error> {
    if name.is_empty() {
        return name;
    }
    Ok(name.len())
}

fn main() {
    let _ = handler;
}
