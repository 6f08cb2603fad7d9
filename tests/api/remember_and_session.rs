//! Remembered logins whose session cannot be stored, and requests of other sites that would log a
//! user in.

use actix_identity::IdentityMiddleware;
use actix_identity::config::LogoutBehavior;
use actix_session::Session;
use actix_web::http::header::{HeaderName, ORIGIN};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, web};
use paseto_actix::event::Event;
use paseto_actix::remember::{Remember, RememberMeBuilder};
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{PasetoSession, RememberMe};
use paseto_actix_tests::remember::{House, REMEMBER, SESSION, remember_cookie, routes, state};
use paseto_actix_tests::revocation::Failing;
use paseto_actix_tests::session::{Client, Site, session, set_cookies};
use time::Duration;

async fn login_with_large_session(
    req: HttpRequest,
    session: Session,
) -> actix_web::Result<&'static str> {
    RememberMe::login(&req, "ada", Remember::Default).await?;
    session.insert("load", "x".repeat(5000))?;
    Ok("in")
}

async fn large_session(session: Session) -> actix_web::Result<&'static str> {
    session.insert("load", "x".repeat(5000))?;
    Ok("large")
}

async fn site(
    house: &House,
    settings: impl FnOnce(RememberMeBuilder) -> RememberMeBuilder,
) -> Site {
    let family = MemoryTokenFamilyStore::new(10).clock(house.clock.clone());
    let app = App::new()
        .wrap(settings(house.remember().token_family_store(family)).build().unwrap())
        .wrap(
            PasetoSession::builder(house.session_key.clone())
                .clock(house.clock.clone())
                .build()
                .unwrap(),
        )
        .configure(routes)
        .route("/large-login", web::get().to(login_with_large_session))
        .route("/large", web::get().to(large_session))
        .route("/change", web::post().to(async || "changed"));
    Site::new(init_service(app).await, |request| request.to_request())
}

#[actix_web::test]
async fn a_login_that_the_session_undoes_is_not_remembered() {
    let site = site(&House::new(), |remember| remember).await;
    let mut client = Client::new();
    let answer = client.get(&site, "/large-login").await;
    assert_eq!(answer.status.as_u16(), 507);
    assert!(set_cookies(&answer.headers).is_empty(), "{answer:?}");
    assert_eq!(client.get(&site, "/me").await.status.as_u16(), 401);
}

/// A rotated token that does not reach the browser would be reported as stolen.
#[actix_web::test]
async fn a_rotated_token_reaches_the_browser_although_the_session_fails() {
    let house = House::new();
    let site = site(&house, |remember| {
        remember.on_event(|event| {
            assert!(!matches!(event, Event::Reused { .. }), "the token is not stolen")
        })
    })
    .await;
    let mut client = Client::new();
    client.get(&site, "/login?user=ada&remember=yes").await;
    let first = client.cookie(REMEMBER).unwrap().to_owned();
    client.drop_cookie(SESSION);

    let answer = client.get(&site, "/large").await;
    assert_eq!(answer.status.as_u16(), 507);
    assert!(
        remember_cookie(&answer.headers).is_some_and(|cookie| cookie.value() != first),
        "{answer:?}"
    );
    house.clock.advance(Duration::seconds(70));
    assert_eq!(state(&site, &mut client).await, "Remembered");
}

/// The session before the restored login cannot be ended, because the store of ended sessions is full.
#[actix_web::test]
async fn a_rotated_token_reaches_the_browser_although_the_revocation_store_is_full() {
    let house = House::new();
    let store = Failing::new(&house.clock, 0);
    let family = MemoryTokenFamilyStore::new(10).clock(house.clock.clone());
    let remember = house.remember().token_family_store(family).on_event(|event| {
        assert!(!matches!(event, Event::Reused { .. }), "the token is not stolen")
    });
    let app = App::new()
        .wrap(remember.build().unwrap())
        .wrap(
            session(house.session_key.clone(), &house.clock)
                .revocation_store(store)
                .build()
                .unwrap(),
        )
        .configure(routes)
        .route(
            "/cart",
            web::get()
                .to(async |session: Session| session.insert("cart", "tea").map(|()| "in the cart")),
        );
    let site = Site::new(init_service(app).await, |request| request.to_request());
    let mut client = Client::new();
    client.get(&site, "/login?user=ada&remember=yes").await;
    client.drop_cookie(SESSION);
    let first = client.cookie(REMEMBER).unwrap().to_owned();
    let mut anonymous = Client::new();
    anonymous.get(&site, "/cart").await;
    client.keep(SESSION, anonymous.cookie(SESSION).unwrap());

    let answer = client.get(&site, "/me").await;
    assert_eq!(answer.status.as_u16(), 503);
    assert!(
        remember_cookie(&answer.headers).is_some_and(|cookie| cookie.value() != first),
        "{answer:?}"
    );
    house.clock.advance(Duration::seconds(70));
    client.drop_cookie(SESSION);
    assert_eq!(state(&site, &mut client).await, "Remembered");
}

/// actix-identity only removes the user from the session then, and an older cookie still has the
/// user.
#[actix_web::test]
async fn a_logout_that_keeps_the_session_ends_copies_of_its_cookie() {
    let house = House::new();
    let store = Failing::new(&house.clock, 10);
    let identity = || {
        IdentityMiddleware::builder().logout_behavior(LogoutBehavior::DeleteIdentityKeys).build()
    };
    let app = App::new()
        .wrap(house.remember().identity(identity).build().unwrap())
        .wrap(
            session(house.session_key.clone(), &house.clock)
                .revocation_store(store)
                .build()
                .unwrap(),
        )
        .configure(routes);
    let site = Site::new(init_service(app).await, |request| request.to_request());
    for way_out in ["/logout", "/identity-logout"] {
        let mut client = Client::new();
        client.get(&site, "/login?user=ada").await;
        let mut copy = client.clone();
        assert_eq!(client.get(&site, way_out).await.body, "out");
        assert_eq!(state(&site, &mut client).await, "Anonymous", "{way_out}");
        assert_eq!(state(&site, &mut copy).await, "Anonymous", "{way_out}: a copy of the cookie");
    }
}

/// Without a session, the cookie of the remembered login is what acts.
#[actix_web::test]
async fn a_cross_origin_request_does_not_log_a_user_in() {
    let house = House::new();
    let (default, trusting, off) = (
        site(&house, |remember| remember).await,
        site(&house, |remember| remember.trusted_origin("https://app.example")).await,
        site(&house, RememberMeBuilder::dangerously_allow_cross_origin_requests).await,
    );
    let sec_fetch_site = HeaderName::from_static("sec-fetch-site");
    let request =
        || TestRequest::post().uri("/change").insert_header((sec_fetch_site.clone(), "cross-site"));
    for (site, origin, status) in [
        (&default, "https://app.example", 403),
        (&trusting, "https://app.example", 200),
        (&trusting, "https://evil.example", 403),
        (&off, "https://evil.example", 200),
    ] {
        let mut client = Client::new();
        client.get(site, "/login?user=ada&remember=yes").await;
        client.drop_cookie(SESSION);
        let before = client.cookie(REMEMBER).unwrap().to_owned();
        let answer = client.send(site, request().insert_header((ORIGIN, origin))).await;
        assert_eq!(answer.status.as_u16(), status, "{origin}");
        assert_eq!(client.cookie(SESSION).is_some(), status == 200, "{origin}: {answer:?}");
        assert_eq!(client.cookie(REMEMBER) == Some(&before), status == 403, "{origin}: {answer:?}");
    }
    let mut client = Client::new();
    client.get(&default, "/login?user=ada&remember=yes").await;
    client.drop_cookie(SESSION);
    let request = request().insert_header((sec_fetch_site, "same-origin"));
    assert_eq!(client.send(&default, request).await.body, "changed");
    assert!(client.cookie(SESSION).is_some());
}
