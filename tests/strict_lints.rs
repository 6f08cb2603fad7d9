//! The code that the attribute generates passes lints that its user can forbid.

#![forbid(
    dead_code,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    non_camel_case_types,
    private_interfaces,
    single_use_lifetimes,
    unnameable_types,
    unsafe_code,
    unused,
    unused_lifetimes,
    unused_qualifications,
    unused_results
)]
#![deny(unreachable_pub)]

use actix_web::{App, HttpRequest, Route, web};
use paseto_actix::error::Rejection;
use paseto_actix::{VerifiedToken, paseto_required};

/// Documented, because it is public.
#[paseto_required(scopes("read"), any_scope("a", "b"), fresh = "1h", check = check)]
pub async fn public(_request: HttpRequest, (_text, mut body): (String, String)) -> String {
    body.clear();
    body
}

#[paseto_required(check = check)]
async fn private() -> &'static str {
    ""
}

mod module {
    #[allow(unreachable_pub)]
    #[paseto_actix::paseto_required(scopes("read"))]
    pub async fn unreachable(_text: String) -> &'static str {
        ""
    }

    #[paseto_actix::paseto_required(scopes("read"))]
    pub(crate) async fn inner(_text: String) -> &'static str {
        ""
    }
}

fn check(_: &HttpRequest, _: &VerifiedToken) -> Result<(), Rejection> {
    Ok(())
}

#[test]
fn attribute_passes_forbidden_lints() {
    let routes: [Route; 4] = [
        web::get().to(public),
        web::get().to(private),
        web::get().to(module::unreachable),
        web::get().to(module::inner),
    ];
    drop(routes.into_iter().fold(App::new(), |app, route| app.route("/", route)));
}
