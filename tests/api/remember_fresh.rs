//! How fresh a login is, and where a client without a login, or without a fresh login, is sent.

use actix_identity::IdentityMiddleware;
use actix_identity::config::LogoutBehavior;
use actix_web::App;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use paseto_actix::PasetoSession;
use paseto_actix_tests::remember::{House, REMEMBER, SESSION, ada, state};
use paseto_actix_tests::session::{Client, Site};

#[actix_web::test]
async fn a_remembered_login_is_not_fresh_until_it_is_confirmed() {
    let site = House::new().site().await;
    let mut client = ada(&site).await;
    assert_eq!(client.get(&site, "/fresh").await.body, "ada");
    client.drop_cookie(SESSION);

    let not_fresh = client.get(&site, "/fresh").await;
    let anonymous = Client::new().get(&site, "/fresh").await;
    assert_eq!(
        (not_fresh.status, anonymous.status),
        (StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED)
    );
    assert_ne!(not_fresh.body, anonymous.body);

    let before = client.cookie(SESSION).unwrap().to_owned();
    assert_eq!(
        client.get(&site, "/confirm?user=bob").await.status,
        StatusCode::UNAUTHORIZED,
        "another's password"
    );
    assert_eq!(state(&site, &mut client).await, "Remembered");
    assert_eq!(client.get(&site, "/confirm?user=ada").await.status, StatusCode::OK);
    assert_eq!(client.get(&site, "/fresh").await.body, "ada");
    let mut old = Client::new();
    old.keep(SESSION, &before);
    assert_eq!(
        state(&site, &mut old).await,
        "Remembered",
        "what was copied before is not made fresh by it"
    );
    assert_eq!(
        Client::new().get(&site, "/confirm?user=ada").await.status,
        StatusCode::UNAUTHORIZED
    );
}

/// What is left in a session by a deadline of actix-identity's says nothing of who is logged in afterwards.
#[actix_web::test]
async fn who_is_remembered_after_a_deadline_is_not_fresh() {
    let house = House::new();
    let identity = || {
        IdentityMiddleware::builder()
            .logout_behavior(LogoutBehavior::DeleteIdentityKeys)
            .login_deadline(Some(std::time::Duration::ZERO))
            .build()
    };
    let app = App::new()
        .wrap(house.remember().identity(identity).build().unwrap())
        .wrap(
            PasetoSession::builder(house.session_key.clone())
                .clock(house.clock.clone())
                .build()
                .unwrap(),
        )
        .configure(paseto_actix_tests::remember::routes);
    let site = Site::new(init_service(app).await, |request| request.to_request());
    let mut client = ada(&site).await;
    assert_eq!(state(&site, &mut client).await, "Remembered");

    // Nor where no login is remembered, and a user logs in by less than a password.
    let mut client = Client::new();
    client.get(&site, "/login?user=ada&remember=no").await;
    assert_eq!(state(&site, &mut client).await, "Anonymous", "the deadline is over at once");
    assert_eq!(client.get(&site, "/identity-login?user=ada").await.body, "in Remembered");
}

/// The user gave no password there.
#[actix_web::test]
async fn what_identity_login_sets_is_not_fresh() {
    let site = House::new().site().await;
    let mut client = Client::new();
    client.get(&site, "/identity-login?user=ada").await;
    assert_eq!(state(&site, &mut client).await, "Remembered");
    assert!(client.cookie(REMEMBER).is_none());

    // A fresh login of one makes none of another.
    let mut client = ada(&site).await;
    client.get(&site, "/identity-login?user=bob").await;
    assert_eq!(state(&site, &mut client).await, "Remembered");
}

#[actix_web::test]
async fn browsers_are_sent_to_the_login_page_and_back() {
    let site = House::new().site_with(|remember| remember.login_page("/login")).await;
    let ask = |uri: &str, accept: &str| {
        TestRequest::with_uri(uri).insert_header(("Accept", accept.to_owned()))
    };
    let html = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
    let location = async |client: &mut Client, request: TestRequest| {
        let answer = client.send(&site, request).await;
        let location =
            answer.headers.get("Location").map(|location| location.to_str().unwrap().to_owned());
        (answer.status.as_u16(), location.unwrap_or_default())
    };
    let mut anonymous = Client::new();
    for (uri, next) in
        [("/me", "/login?next=%2Fme"), ("/me?a=b&c=%2F", "/login?next=%2Fme%3Fa%3Db%26c%3D%252F")]
    {
        assert_eq!(location(&mut anonymous, ask(uri, html)).await, (303, next.to_owned()));
    }
    assert_eq!(location(&mut anonymous, ask("/me", "*/*")).await, (401, String::new()));
    assert_eq!(
        location(&mut anonymous, ask("/me", "application/json")).await,
        (401, String::new())
    );
    let mut client = ada(&site).await;
    client.drop_cookie(SESSION);
    assert_eq!(
        location(&mut client, ask("/fresh", html)).await,
        (303, "/login?again=1&next=%2Ffresh".to_owned())
    );
    assert_eq!(location(&mut client, ask("/fresh", "*/*")).await, (403, String::new()));
}
