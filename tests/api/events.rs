//! The events that verifiers and refresh tokens report.

use std::sync::{Arc, Mutex};

use actix_web::http::header::AUTHORIZATION;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, web};
use paseto_actix::event::Event;
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LocalKey, PasetoRequired, PublicKey, RefreshTokens, SecretKey};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::{issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys;
use paseto_actix_tests::revocation::token;
use paseto_actix_tests::session::Site;
use serde_json::json;
use time::Duration;

/// The recorded events in their order.
#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<Vec<String>>>);

impl Recorded {
    fn hook(&self) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let recorded = Arc::clone(&self.0);
        move |event| recorded.lock().unwrap().push(format!("{event:?}"))
    }

    #[track_caller]
    fn assert(&self, expected: &[&str]) {
        let recorded: Vec<String> = self.0.lock().unwrap().drain(..).collect();
        assert_eq!(recorded, expected);
    }
}

#[actix_web::test]
async fn verifier_reports_rejected_requests_and_revoked_tokens() {
    let (clock, recorded) = (TestClock::new(), Recorded::default());
    let issuer = issuer_builder(&clock).build().unwrap();
    let revocations = MemoryRevocationStore::new(10).clock(clock.clone());
    let verifier = verifier_builder(&clock)
        .revocation_store(revocations)
        .on_event(recorded.hook())
        .build()
        .unwrap();
    let app = App::new()
        .app_data(verifier.clone())
        .wrap(PasetoRequired::new())
        .route("/", web::get().to(HttpResponse::Ok));
    let site = Site::new(init_service(app).await);
    let send = async |token: &str| {
        site.send(TestRequest::get().insert_header((AUTHORIZATION, format!("Bearer {token}"))))
            .await
    };
    let good = token(&issuer, "ada", 0);
    send(&good).await;
    recorded.assert(&[]);
    send("v4.public.AAAA").await;
    recorded.assert(&["Rejected(Malformed)"]);
    site.send(TestRequest::get()).await;
    recorded.assert(&["Rejected(MissingToken)"]);
    verifier.revoke(&verifier.verify_str_async(&good).await.unwrap()).await.unwrap();
    recorded.assert(&[r#"Logout { subject: Some("ada") }"#]);
    send(&good).await;
    recorded.assert(&["Rejected(Revoked)"]);
    clock.advance(Duration::HOUR + Duration::MINUTE);
    send(&good).await;
    recorded.assert(&["Rejected(Expired)"]);
}

#[actix_web::test]
async fn refresh_tokens_report_each_step_of_a_login() {
    let (clock, recorded) = (TestClock::new(), Recorded::default());
    let tokens =
        RefreshTokens::builder(issuer_builder(&clock).build().unwrap(), LocalKey::generate())
            .token_family_store(MemoryTokenFamilyStore::new(10).clock(clock.clone()))
            .revocation_store(MemoryRevocationStore::new(10).clock(clock.clone()))
            .on_event(recorded.hook())
            .clock(clock.clone())
            .build()
            .unwrap();
    let first = tokens.login("ada").await.unwrap().issue(&json!({})).unwrap();
    recorded.assert(&[r#"Login { subject: "ada" }"#]);
    let second = tokens.refresh(&first.refresh_token).await.unwrap().issue(&json!({})).unwrap();
    recorded.assert(&[r#"Refreshed { subject: "ada" }"#]);
    let login = tokens.logins("ada").await.unwrap().remove(0).id;
    clock.advance(Duration::MINUTE);
    tokens.refresh(&first.refresh_token).await.unwrap_err();
    recorded.assert(&[&format!(r#"Reused {{ subject: "ada", login: "{login}" }}"#)]);
    tokens.refresh(&second.refresh_token).await.unwrap_err();
    recorded.assert(&["Rejected(Revoked)"]);
    tokens.refresh("v4.local.AAAA").await.unwrap_err();
    recorded.assert(&["Rejected(Rejected)"]);
    let third = tokens.login("ada").await.unwrap().issue(&json!({})).unwrap();
    tokens.logout_with_refresh_token(&third.refresh_token).await.unwrap();
    recorded.assert(&[r#"Login { subject: "ada" }"#, r#"Logout { subject: Some("ada") }"#]);
    tokens.logout_all("ada").await.unwrap();
    recorded.assert(&[r#"Revoked { subject: "ada" }"#]);
}

#[test]
fn verifier_reports_changed_keys() {
    let (clock, recorded) = (TestClock::new(), Recorded::default());
    let verifier = verifier_builder(&clock).on_event(recorded.hook()).build().unwrap();
    let (first, second) = (keys::public(), SecretKey::generate().public_key());
    let event = |added: &[&PublicKey], removed: &[&PublicKey]| {
        let kids =
            |keys: &[&PublicKey]| keys.iter().map(|key| key.kid().to_owned()).collect::<Vec<_>>();
        let (added, removed) = (kids(added), kids(removed));
        format!("KeysChanged {{ issuer: {ISSUER:?}, added: {added:?}, removed: {removed:?} }}")
    };
    recorded.assert(&[]);
    verifier.trust(ISSUER, second.clone()).unwrap();
    recorded.assert(&[&event(&[&second], &[])]);
    verifier.set_keys(ISSUER, [second.clone(), first.clone()]).unwrap();
    recorded.assert(&[]);
    assert!(verifier.remove_key(first.kid()));
    recorded.assert(&[&event(&[], &[&first])]);
    verifier.set_keys(ISSUER, [first.clone()]).unwrap();
    recorded.assert(&[&event(&[&first], &[&second])]);
    verifier.set_keys(ISSUER, [second.clone(), second]).unwrap_err();
    recorded.assert(&[]);
    assert!(verifier.remove_issuer(ISSUER) && !verifier.remove_issuer(ISSUER));
    recorded.assert(&[&event(&[], &[&first])]);
}
