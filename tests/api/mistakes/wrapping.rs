//! Log lines of applications whose parts are missing or registered in the wrong order.

use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, web};
use paseto_actix::{Issuer, MaybePaseto, Paseto, PasetoRequired, VerifiedToken, Verifier};
use paseto_actix_tests::app::{call, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use serde_json::{Value, json};

use super::{mistakes, reason};

fn verifier() -> Verifier {
    verifier_builder(&TestClock::new()).build().unwrap()
}

/// Sends a request with a valid token to the application and returns the log.
macro_rules! log {
    ($app:expr) => {{
        let app = init_service($app).await;
        let token = issuer_builder(&TestClock::new()).build().unwrap().issue(&json!({})).unwrap();
        let logs = Logs::capture();
        let request = TestRequest::get()
            .insert_header(("Authorization", format!("Bearer {token}")))
            .to_request();
        assert_eq!(call(&app, request).await.status.as_u16(), 500);
        reason(&logs)
    }};
}

mistakes! {
    guard_without_a_verifier: log!(App::new().wrap(PasetoRequired::new()).route("/", web::get().to(HttpResponse::Ok))) => "ERROR no verifier in app data: register it with `App::app_data(verifier)`";
    extractor_without_a_verifier: log!(App::new().route("/", web::get().to(async |_: Paseto<Value>| ""))) => "ERROR no verifier in app data: register it with `App::app_data(verifier)`";
    optional_token_without_a_verifier: log!(App::new().route("/", web::get().to(async |_: MaybePaseto<Value>| ""))) => "ERROR no verifier in app data: register it with `App::app_data(verifier)`";
    issuer_that_is_not_registered: log!(App::new().route("/", web::get().to(async |_: Issuer| ""))) => "ERROR no issuer in app data: register it with `App::app_data(issuer)`";
    builder_in_place_of_a_verifier: {
        let builder = web::Data::new(verifier_builder(&TestClock::new()));
        log!(App::new().app_data(builder).route("/", web::get().to(async |_: VerifiedToken| "")))
    } => "ERROR no verifier in app data: register it with `App::app_data(verifier)`";
    verifier_bare_and_in_data: {
        let app = App::new().app_data(verifier()).app_data(web::Data::new(verifier()));
        log!(app.route("/", web::get().to(async |_: VerifiedToken| "")))
    } => "ERROR one verifier in app data is bare, another is in `web::Data`: register all of them in the same way";
    guard_outside_of_the_scope_of_its_verifier: {
        let inner = web::scope("").app_data(verifier()).route("/", web::get().to(HttpResponse::Ok));
        log!(App::new().app_data(verifier()).service(inner).wrap(PasetoRequired::new()))
    } => "ERROR response withheld: the Verifier nearest to the handler has not verified the token, because `PasetoRequired` outside of the scope used another Verifier: wrap PasetoRequired inside the scope that registers the Verifier";
}
