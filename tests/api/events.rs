//! The events that verifiers and refresh tokens report.

use std::sync::{Arc, Mutex};

use actix_web::http::header::AUTHORIZATION;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, web};
use paseto_actix::event::Event;
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LocalKey, PasetoRequired, RefreshTokens};
use paseto_actix_tests::app::{issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::revocation::token;
use paseto_actix_tests::session::Site;
use serde_json::json;
use time::Duration;

/// The events so far, in their order.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<String>>>);

impl Noted {
    fn hook(&self) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let noted = Arc::clone(&self.0);
        move |event| noted.lock().unwrap().push(format!("{event:?}"))
    }

    #[track_caller]
    fn assert(&self, expected: &[&str]) {
        let noted: Vec<String> = self.0.lock().unwrap().drain(..).collect();
        assert_eq!(noted, expected);
    }
}

#[actix_web::test]
async fn a_verifier_reports_rejected_requests_and_revoked_tokens() {
    let (clock, noted) = (TestClock::new(), Noted::default());
    let issuer = issuer_builder(&clock).build().unwrap();
    let revocations = MemoryRevocationStore::new(10).clock(clock.clone());
    let verifier = verifier_builder(&clock)
        .revocation_store(revocations)
        .on_event(noted.hook())
        .build()
        .unwrap();
    let app = App::new()
        .app_data(verifier.clone())
        .wrap(PasetoRequired::new())
        .route("/", web::get().to(HttpResponse::Ok));
    let site = Site::new(init_service(app).await, |request| request.to_request());
    let send = async |token: &str| {
        site.send(TestRequest::get().insert_header((AUTHORIZATION, format!("Bearer {token}"))))
            .await
    };
    let good = token(&issuer, "ada", 0);
    send(&good).await;
    noted.assert(&[]);
    send("v4.public.AAAA").await;
    noted.assert(&["Rejected(Malformed)"]);
    site.send(TestRequest::get()).await;
    noted.assert(&["Rejected(MissingToken)"]);
    verifier.revoke(&verifier.verify_str_async(&good).await.unwrap()).await.unwrap();
    noted.assert(&[r#"Logout { subject: Some("ada") }"#]);
    send(&good).await;
    noted.assert(&["Rejected(Revoked)"]);
    clock.advance(Duration::HOUR + Duration::MINUTE);
    send(&good).await;
    noted.assert(&["Rejected(Expired)"]);
}

#[actix_web::test]
async fn refresh_tokens_report_each_step_of_a_login() {
    let (clock, noted) = (TestClock::new(), Noted::default());
    let tokens =
        RefreshTokens::builder(issuer_builder(&clock).build().unwrap(), LocalKey::generate())
            .token_family_store(MemoryTokenFamilyStore::new(10).clock(clock.clone()))
            .revocation_store(MemoryRevocationStore::new(10).clock(clock.clone()))
            .on_event(noted.hook())
            .clock(clock.clone())
            .build()
            .unwrap();
    let first = tokens.login("ada").await.unwrap().issue(&json!({})).unwrap();
    noted.assert(&[r#"Login { subject: "ada" }"#]);
    let second = tokens.refresh(&first.refresh_token).await.unwrap().issue(&json!({})).unwrap();
    noted.assert(&[r#"Refreshed { subject: "ada" }"#]);
    let login = tokens.logins("ada").await.unwrap().remove(0).id;
    clock.advance(Duration::MINUTE);
    tokens.refresh(&first.refresh_token).await.unwrap_err();
    noted.assert(&[&format!(r#"Reused {{ subject: "ada", login: "{login}" }}"#)]);
    tokens.refresh(&second.refresh_token).await.unwrap_err();
    noted.assert(&["Rejected(Revoked)"]);
    tokens.refresh("v4.local.AAAA").await.unwrap_err();
    noted.assert(&["Rejected(Rejected)"]);
    let third = tokens.login("ada").await.unwrap().issue(&json!({})).unwrap();
    tokens.logout_with_refresh_token(&third.refresh_token).await.unwrap();
    noted.assert(&[r#"Login { subject: "ada" }"#, r#"Logout { subject: Some("ada") }"#]);
    tokens.logout_all("ada").await.unwrap();
    noted.assert(&[r#"Revoked { subject: "ada" }"#]);
}
