//! Requests that renew the idle timeout of a session.

use actix_session::Session;
use actix_web::cookie::Cookie;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use paseto_actix::LocalKey;
use paseto_actix::testing::Browser;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::session::{ADA, Kind, Site, routes, session, set_cookies};
use time::Duration;

const NAME: &str = "__Host-session";

/// A slow request that began before a logout sets a cookie. The revocation record outlives this
/// cookie only if its idle timeout starts at the request.
#[actix_web::test]
async fn idle_timeout_starts_at_the_request() {
    let clock = TestClock::new();
    let inner = clock.clone();
    let slow = web::get().to(move |session: Session| {
        inner.advance(Duration::minutes(20));
        async move { session.insert("cart", "tea").map(|()| "slow") }
    });
    let session = session(LocalKey::generate(), &clock).build().unwrap();
    let app = App::new().wrap(session).configure(routes).route("/slow", slow);
    let site = Site::new(init_service(app).await);
    let mut browser = Browser::new();
    browser.get(&site, "/set?user=ada").await;
    assert_eq!(browser.get(&site, "/slow").await.body, "slow");
    clock.advance(Duration::minutes(10) - Duration::SECOND);
    let value = Kind::Middleware.value(&browser);
    assert_eq!(site.read(Kind::Middleware, &value).await.0, r#"cart="tea" user="ada""#);
    clock.advance(Duration::SECOND);
    assert_eq!(site.read(Kind::Middleware, &value).await.0, "");
}

/// In its last minutes, the session cannot be extended. A cookie would change nothing.
#[actix_web::test]
async fn session_at_its_absolute_timeout_sends_no_cookie() {
    let clock = TestClock::new();
    let site = Kind::Middleware.site(LocalKey::generate(), &clock).await;
    let mut browser = Browser::new();
    browser.get(&site, "/set?user=ada").await;
    for _ in 0..35 {
        clock.advance(Duration::minutes(20));
        let slid = browser.get(&site, "/").await;
        assert_eq!((slid.body.as_str(), set_cookies(&slid.headers).len()), (ADA, 1));
    }
    clock.advance(Duration::minutes(19));
    let last = browser.get(&site, "/").await;
    assert_eq!((last.body.as_str(), set_cookies(&last.headers).len()), (ADA, 0));
}

/// Browsers request many subresources concurrently. Each response would overwrite a concurrent
/// change with the state that its request has read.
#[actix_web::test]
async fn subresource_requests_do_not_renew_the_idle_timeout() {
    let clock = TestClock::new();
    let site = Kind::Middleware.site(LocalKey::generate(), &clock).await;
    let mut browser = Browser::new();
    browser.get(&site, "/set?user=ada").await;
    clock.advance(Duration::minutes(16));
    for (name, value, slides) in [
        ("sec-fetch-dest", "image", false),
        ("sec-fetch-dest", "script", false),
        ("sec-fetch-dest", "style", false),
        ("sec-fetch-dest", "font", false),
        ("sec-fetch-dest", "serviceworker", false),
        ("sec-fetch-dest", "", false),
        ("sec-purpose", "prefetch;prerender", false),
        ("purpose", "prefetch", false),
        ("sec-fetch-dest", "document", true),
        ("sec-fetch-dest", "empty", true),
        ("sec-fetch-dest", "iframe", true),
        ("accept", "*/*", true),
    ] {
        let response =
            browser.clone().send(&site, TestRequest::get().insert_header((name, value))).await;
        assert_eq!(response.body, ADA, "{name}: {value}");
        assert_eq!(set_cookies(&response.headers).len(), usize::from(slides), "{name}: {value}");
    }
    // A change is always stored.
    let change = TestRequest::with_uri("/set?cart=tea").insert_header(("sec-fetch-dest", "image"));
    assert_eq!(set_cookies(&browser.send(&site, change).await.headers).len(), 1);
}

/// Two concurrent requests read the same state. One request changes the state, the other reads an
/// image.
#[actix_web::test]
async fn subresource_request_does_not_undo_a_concurrent_write() {
    let clock = TestClock::new();
    let site = Kind::Middleware.site(LocalKey::generate(), &clock).await;
    let mut browser = Browser::new();
    browser.get(&site, "/set?user=ada").await;
    clock.advance(Duration::minutes(16));
    let mut image = browser.clone();
    browser.get(&site, "/set?cart=tea").await;
    let response =
        image.send(&site, TestRequest::get().insert_header(("sec-fetch-dest", "image"))).await;
    for cookie in set_cookies(&response.headers) {
        browser.set_cookie(NAME, Cookie::parse(cookie).unwrap().value());
    }
    assert_eq!(browser.get(&site, "/").await.body, r#"cart="tea" user="ada""#);
}
