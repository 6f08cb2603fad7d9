//! The generated code does not depend on the names that are in the user's scope.

#![no_implicit_prelude]
#![allow(dead_code, reason = "the names only have to be in scope")]

use ::actix_web::{App, web};

struct Duration;
struct Guarded;
struct LazyLock;
struct Policy;
struct Requirements;
struct String;

mod core {}
mod paseto_actix {}
mod std {}

mod checks {
    use ::actix_web::HttpRequest;
    use ::paseto_actix::VerifiedToken;
    use ::paseto_actix::error::Rejection;
    use ::std::result::Result;

    pub(super) fn requirements(_: &HttpRequest, _: &VerifiedToken) -> Result<(), Rejection> {
        Result::Ok(())
    }
}

use checks::requirements;

const PHR: &str = "phr";
const WRITE: &str = "write";

#[::paseto_actix::paseto_required(scopes("read"), fresh = "1h", check = requirements)]
async fn handler() -> &'static str {
    ""
}

#[::paseto_actix::paseto_required(any_scope("read", WRITE), acr(PHR), check = self::checks::requirements)]
async fn r#loop() -> &'static str {
    ""
}

#[::core::prelude::v1::test]
fn handlers_compile_without_the_prelude() {
    let _ = App::new().route("/", web::get().to(handler)).route("/", web::post().to(r#loop));
}
