//! Logins that overlap a password change, and users who may not log in.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::test::init_service;
use actix_web::{App, HttpRequest, web};
use paseto_actix::remember::Remember;
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LoginLayer, PasetoSession, RememberMe};
use paseto_actix_tests::remember::{House, REMEMBER, SESSION, Users, routes, state, with_cookie};
use paseto_actix_tests::revocation::Failing;
use paseto_actix_tests::session::{Client, Site, set_cookies};

/// `/login-slowly` changes the password between the attempt and the login, and with `?end=yes` ends
/// all logins there too.
async fn login_slowly(
    req: HttpRequest,
    query: web::Query<HashMap<String, String>>,
    users: web::Data<Users>,
    logins: LoginLayer,
) -> actix_web::Result<&'static str> {
    let attempt = RememberMe::start_login(&req, "ada").await?;
    users.set("ada", Some("another password"));
    if query.contains_key("end") {
        logins.logout_all("ada").await?;
    }
    attempt.complete(Remember::Default).await?;
    Ok("in")
}

async fn site(house: &House, family: bool, revocations: bool) -> Site {
    let store = MemoryRevocationStore::new(100).clock(house.clock.clone());
    let (mut remember, mut session) = (
        house.remember(),
        PasetoSession::builder(house.session_key.clone()).clock(house.clock.clone()),
    );
    if family {
        remember = remember
            .token_family_store(MemoryTokenFamilyStore::new(100).clock(house.clock.clone()));
    }
    if revocations {
        remember = remember.revocation_store(store.clone());
        session = session.revocation_store(store);
    }
    let app = App::new()
        .app_data(web::Data::new(house.users.clone()))
        .wrap(LoginLayer::new(session.build().unwrap(), remember.build().unwrap()))
        .configure(routes)
        .route("/login-slowly", web::get().to(login_slowly));
    Site::new(init_service(app).await, |request| request.to_request())
}

#[actix_web::test]
async fn a_remembered_login_with_the_old_password_does_not_outlive_the_change() {
    for (family, revocations) in [(false, false), (true, false), (false, true), (true, true)] {
        let case = format!("family: {family}, revocations: {revocations}");
        let house = House::new();
        let site = site(&house, family, revocations).await;
        for uri in ["/login-slowly", "/login-slowly?end=yes"] {
            house.users.set("ada", Some("analytical"));
            let can_end = family || revocations;
            let mut client = Client::new();
            let answer = client.get(&site, if can_end { uri } else { "/login-slowly" }).await;
            if revocations && uri.ends_with("end=yes") {
                assert_eq!(
                    answer.status,
                    StatusCode::UNAUTHORIZED,
                    "{case}: all logins have ended"
                );
                assert!(set_cookies(&answer.headers).is_empty(), "{case}");
                continue;
            }
            assert_eq!(answer.body, "in", "{case}");
            let remembered = client.cookie(REMEMBER).unwrap().to_owned();
            assert_eq!(
                state(&site, &mut with_cookie(&remembered)).await,
                "Anonymous",
                "{case} {uri}"
            );
        }
    }
}

/// The user loader is asked for every login, remembered or not.
#[actix_web::test]
async fn a_user_who_may_not_log_in_is_refused() {
    let house = House::new();
    let site = house.site().await;
    house.users.set("ada", None);
    for uri in ["/login?user=ada", "/login?user=ada&remember=no", "/login?user=ada&remember=yes"] {
        let mut client = Client::new();
        let answer = client.get(&site, uri).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{uri}");
        assert_eq!(
            answer.body, r#"{"type":"about:blank","title":"Forbidden","status":403}"#,
            "{uri}"
        );
        assert!(set_cookies(&answer.headers).is_empty(), "{uri}: {:?}", answer.headers);
    }
    house.users.set("down", Some("the database"));
    for uri in ["/login?user=bob", "/login?user=bob&remember=yes"] {
        assert_eq!(
            Client::new().get(&site, uri).await.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{uri}"
        );
    }
    house.users.set("down", None);
    assert_eq!(Client::new().get(&site, "/login?user=bob").await.body, "in");
}

/// A login that cannot note the generation of its user is not a login.
#[actix_web::test]
async fn a_login_fails_while_the_revocation_store_fails() {
    let house = House::new();
    let store = Failing::new(&house.clock, 100);
    let session = PasetoSession::builder(house.session_key.clone()).clock(house.clock.clone());
    let layer = LoginLayer::new(
        session.revocation_store(store.clone()).build().unwrap(),
        house.remember().build().unwrap(),
    );
    let app = App::new().wrap(layer).configure(routes);
    let site = Site::new(init_service(app).await, |request| request.to_request());
    store.set_down(true);
    for uri in ["/login?user=ada", "/identity-login?user=ada"] {
        let mut client = Client::new();
        assert_eq!(client.get(&site, uri).await.status, StatusCode::SERVICE_UNAVAILABLE, "{uri}");
        assert_eq!(client.cookie(SESSION), None, "{uri}");
    }
    store.set_down(false);
    assert_eq!(Client::new().get(&site, "/login?user=ada").await.body, "in");
}
