//! Cached sessions: a worker checks a session that it has decrypted before like any other session.

use std::collections::HashMap;

use actix_session::Session;
use actix_web::cookie::Cookie;
use actix_web::http::header::COOKIE;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, HttpResponse, web};
use paseto_actix::LocalKey;
use paseto_actix::keys::KeyRing;
use paseto_actix::testing::Browser;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::session::{ADA, Kind, Site, routes, session, set_cookie, set_cookies};
use time::Duration;

async fn session_of(site: &Site, kind: Kind, user: &str) -> String {
    let mut browser = Browser::new();
    browser.get(site, &format!("/set?user={user}")).await;
    kind.value(&browser)
}

#[actix_web::test]
async fn cached_session_expires() {
    let kind = Kind::Middleware;
    let clock = TestClock::new();
    let site = kind.site(LocalKey::generate(), &clock).await;
    let value = session_of(&site, kind, "ada").await;
    for _ in 0..3 {
        assert_eq!(site.read(kind, &value).await.0, ADA, "{kind:?}");
    }
    clock.advance(Duration::minutes(30) - Duration::SECOND);
    assert_eq!(site.read(kind, &value).await.0, ADA, "{kind:?}");
    clock.advance(Duration::SECOND);
    let (body, headers) = site.read(kind, &value).await;
    assert_eq!(body, "", "{kind:?}");
    assert_eq!(set_cookie(&headers).value(), "", "the cookie is removed");
}

#[actix_web::test]
async fn changed_copy_of_a_cached_token_is_rejected() {
    let clock = TestClock::new();
    let kind = Kind::Middleware;
    let site = kind.site(LocalKey::generate(), &clock).await;
    let value = session_of(&site, kind, "ada").await;
    assert_eq!(site.read(kind, &value).await.0, ADA);
    for index in
        (0..value.len()).filter(|index| !value[index.saturating_sub(2)..=*index].contains('%'))
    {
        let mut bytes = value.as_bytes().to_vec();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(site.read(kind, &changed).await.0, "", "character {index}");
    }
    assert_eq!(site.read(kind, &value).await.0, ADA, "the original cookie is still valid");
}

/// A handler sets its own cookie with the name of the session cookie. Its value is not a session
/// token.
#[actix_web::test]
async fn cookie_that_a_handler_sets_under_the_session_name_is_not_cached() {
    async fn set(
        session: Session,
        value: web::Query<HashMap<String, String>>,
    ) -> actix_web::Result<HttpResponse> {
        session.insert("user", "ada")?;
        Ok(HttpResponse::Ok()
            .cookie(Cookie::new("__Host-session", value["value"].clone()))
            .finish())
    }
    let clock = TestClock::new();
    let kind = Kind::Middleware;
    let session = session(LocalKey::generate(), &clock).build().unwrap();
    let app = App::new().wrap(session).configure(routes).route("/own", web::get().to(set));
    let site = Site::new(init_service(app).await);
    for text in ["", "deleted"] {
        let response = site.send(TestRequest::with_uri(&format!("/own?value={text}"))).await;
        assert_eq!(set_cookies(&response.headers).len(), 2, "{kind:?}");
        assert_eq!(site.read(kind, text).await.0, "", "{text:?}");
    }
}

#[actix_web::test]
async fn cached_session_of_a_retired_key_is_reencrypted() {
    let (clock, old, new) = (TestClock::new(), LocalKey::generate(), LocalKey::generate());
    let kind = Kind::Middleware;
    let value = session_of(&kind.site(old.clone(), &clock).await, kind, "ada").await;
    let ring = KeyRing::new(new.clone(), [old.clone()]).unwrap();
    let site = kind.site(ring, &clock).await;
    for _ in 0..3 {
        let (body, headers) = site.read(kind, &value).await;
        assert_eq!(body, ADA);
        assert_eq!(
            set_cookies(&headers).len(),
            1,
            "each time, until the browser sends the new cookie"
        );
    }
}

#[actix_web::test]
async fn invalid_cookies_are_rejected_if_an_outer_middleware_parsed_them() {
    let kind = Kind::Middleware;
    let clock = TestClock::new();
    let site = Site::behind_a_reader(&clock).await;
    let (ada, bob) = (session_of(&site, kind, "ada").await, session_of(&site, kind, "bob").await);
    let assert_rejected = async |value: &str, case: &str| {
        let (body, headers) = site.read(kind, value).await;
        assert_eq!(body, "", "{case}");
        assert_eq!(set_cookie(&headers).value(), "", "{case}: the cookie is removed");
    };
    for _ in 0..3 {
        assert_eq!(site.read(kind, &ada).await.0, ADA, "{kind:?}");
        for index in [0, ada.len() / 2, ada.len() - 1] {
            let other = if &ada[index..=index] == "A" { "B" } else { "A" };
            let tampered = format!("{}{other}{}", &ada[..index], &ada[index + 1..]);
            assert_rejected(&tampered, "a cookie with another character").await;
        }
        assert_rejected(
            &format!("{}{}", &ada[..ada.len() / 2], &bob[bob.len() / 2..]),
            "halves of two cookies",
        )
        .await;
        assert_rejected(&kind.wrap("forged"), "a value that is not a token").await;
    }
    clock.advance(Duration::minutes(30) - Duration::SECOND);
    assert_eq!(site.read(kind, &ada).await.0, ADA, "{kind:?}");
    clock.advance(Duration::SECOND);
    assert_rejected(&ada, "an expired cookie").await;
}

/// The session middleware does not change the `Cookie` header.
#[actix_web::test]
async fn handlers_see_the_original_cookie_header() {
    async fn headers(req: HttpRequest, session: Session) -> String {
        assert!(session.get::<String>("user").unwrap().is_some());
        let headers: Vec<_> =
            req.headers().get_all(COOKIE).map(|header| header.to_str().unwrap()).collect();
        format!("{}\n{}", headers.join(" | "), req.cookie("__Host-session").unwrap().value())
    }
    let clock = TestClock::new();
    for capacity in [256, 0] {
        let session = session(LocalKey::generate(), &clock)
            .decrypted_cache_capacity(capacity)
            .build()
            .expect("a session");
        let app =
            App::new().wrap(session).configure(routes).route("/headers", web::get().to(headers));
        let site = Site::new(init_service(app).await);
        let value = session_of(&site, Kind::Middleware, "ada").await;
        for _ in 0..2 {
            let request = TestRequest::with_uri("/headers");
            let request = request.append_header((COOKIE, "theme=dark"));
            let request = request.append_header((COOKIE, format!("a=b; __Host-session={value}")));
            let response = site.send(request).await.body;
            assert_eq!(response, format!("theme=dark | a=b; __Host-session={value}\n{value}"));
        }
    }
}
