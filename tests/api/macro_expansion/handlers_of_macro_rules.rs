//! Another macro can generate a handler, with any part of the handler in a macro variable.

use actix_web::{App, HttpRequest, Responder, get, web};
use paseto_actix::error::Rejection;
use paseto_actix::{VerifiedToken, paseto_required};

macro_rules! handlers {
    ($vis:vis $name:ident($pattern:pat, $ty:ty) -> $output:ty $body:block, $scope:literal, $fresh:expr, $check:path) => {
        #[get("/below")]
        #[paseto_required(scopes($scope), fresh = $fresh, check = $check)]
        $vis async fn $name(_first: $ty, $pattern: $ty) -> $output $body

        mod module {
            use super::*;

            #[paseto_required(any_scope($scope, "other"), fresh = $fresh, check = super::$check)]
            #[get("/above")]
            $vis async fn $name($pattern: $ty) -> $output $body
        }
    };
}

handlers!(pub(super) handler(mut _body, String) -> impl Responder { "" }, "read", "10m", check);

fn check(_: &HttpRequest, _: &VerifiedToken) -> Result<(), Rejection> {
    Ok(())
}

#[test]
fn handlers_from_macro_rules_compile() {
    #[paseto_required(check = local_check)]
    async fn local() -> &'static str {
        ""
    }

    fn local_check(_: &HttpRequest, _: &VerifiedToken) -> Result<(), Rejection> {
        Ok(())
    }

    let _ = App::new().service(handler).service(module::handler).route("/", web::get().to(local));
}
