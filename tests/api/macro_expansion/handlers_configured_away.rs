//! `cfg` removes a handler completely, and the attribute works inside `cfg_attr`.

use actix_web::{App, get, web};
use paseto_actix::paseto_required;

#[paseto_required(check = no_such_check)]
#[cfg(any())]
async fn above_the_condition(extractor: NoSuchExtractor) -> &'static str {
    ""
}

#[cfg(any())]
#[get("/")]
#[paseto_required(check = no_such_check)]
async fn below_the_condition(extractor: NoSuchExtractor) -> &'static str {
    ""
}

#[cfg_attr(any(), paseto_required(check = no_such_check))]
async fn never_protected() -> &'static str {
    ""
}

#[cfg_attr(all(), paseto_required(scopes("read")))]
#[cfg_attr(any(), no_such::path)]
#[cfg_attr(all(), get("/"))]
async fn always_protected(body: String) -> String {
    body
}

#[paseto_required]
#[cfg_attr(any(), utoipa::path)]
#[get("/")]
async fn never_documented(body: String) -> String {
    body
}

#[paseto_required]
#[cfg_attr(all(), utoipa::path(responses((status = OK, body = String))), doc = "Documented.")]
#[get("/{id}")]
async fn always_documented(id: web::Path<u8>) -> String {
    id.to_string()
}

#[test]
fn handlers_with_cfg_and_cfg_attr_compile() {
    let _ = App::new()
        .service(always_protected)
        .service(never_documented)
        .service(always_documented)
        .route("/", web::get().to(never_protected));
    let parameters = <__path_always_documented as utoipa::Path>::operation().parameters;
    assert_eq!(parameters.map(|parameters| parameters.len()), Some(1));
}
