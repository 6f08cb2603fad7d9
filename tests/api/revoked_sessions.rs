//! Sessions with a revocation store: `purge` and `renew` revoke all copies of a cookie.

use std::cell::Cell;
use std::rc::Rc;

use actix_session::{Session, SessionExt};
use actix_web::dev::{Service, ServiceRequest};
use actix_web::error::ErrorForbidden;
use actix_web::http::StatusCode;
use actix_web::http::header::COOKIE;
use actix_web::rt::task::yield_now;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use futures_util::future::join;
use paseto_actix::LocalKey;
use paseto_actix::session::SessionCookie;
use paseto_actix::testing::Browser;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::revocation::{FailingRevocations, assert_unavailable, failing_revocations};
use paseto_actix_tests::session::{ADA, Kind, Site, ada, routes, session, set_cookies};
use time::Duration;

/// The time by which a record outlives its session or login: the longest leeway, and 5 seconds for
/// differing clocks.
const SLACK: Duration = Duration::seconds(305);

/// Registers the usual routes, a slow route, and a route that renews the session to a state that is
/// too large for a cookie.
fn handlers(config: &mut web::ServiceConfig) {
    routes(config);
    config.route(
        "/slow",
        web::get().to(async |session: Session| {
            session.insert("user", "slow")?;
            for _ in 0..100 {
                yield_now().await;
            }
            Ok::<_, actix_web::Error>("set")
        }),
    );
    config.route(
        "/grow",
        web::get().to(async |session: Session| {
            session.insert("load", "x".repeat(5000))?;
            session.renew();
            Ok::<_, actix_web::Error>("grown")
        }),
    );
}

/// Returns a site with a revocation store.
async fn site(kind: Kind, clock: &TestClock, capacity: usize) -> (Site, FailingRevocations) {
    let store = failing_revocations(clock, capacity);
    (kind.site_revoking(LocalKey::generate(), clock, store.clone(), handlers).await, store)
}

#[actix_web::test]
async fn copies_from_before_purge_or_renew_are_revoked() {
    for kind in Kind::ALL {
        for end in ["/purge", "/renew"] {
            let clock = TestClock::new();
            let (site, store) = site(kind, &clock, 10).await;
            let (mut browser, mut other) = (ada(&site).await, ada(&site).await);
            let first = kind.value(&browser);
            // The same session in another cookie.
            browser.get(&site, "/set?user=ada&cart=tea").await;
            let copies = [first, kind.value(&browser)];
            browser.get(&site, end).await;
            for copy in &copies {
                let (body, headers) = site.read(kind, copy).await;
                assert_eq!(body, "", "{kind:?} {end}");
                // The response does not remove the cookie, because it could arrive after the login
                // of a concurrent request and remove the new cookie.
                assert!(set_cookies(&headers).is_empty(), "{kind:?} {end}");
            }
            let kept = if end == "/renew" { r#"cart="tea" user="ada""# } else { "" };
            assert_eq!(browser.get(&site, "/").await.body, kept, "{kind:?} {end}");
            assert_eq!(
                other.get(&site, "/").await.body,
                ADA,
                "{kind:?} {end}: another session of the same user"
            );

            assert_eq!(store.get_ref().len(), 1);
            // actix-session does not pass the idle timeout to a store.
            let last_copy =
                if kind == Kind::Store { Duration::hours(12) } else { Duration::minutes(30) };
            clock.advance(last_copy + SLACK);
            assert_eq!(store.get_ref().len(), 1, "the record outlives each copy by any clock");
            clock.advance(Duration::SECOND);
            assert_eq!(store.get_ref().len(), 0, "{kind:?}: then the record is removed");
        }
    }
}

/// A client can begin a request with a stolen cookie, and complete its body after the logout.
#[actix_web::test]
async fn check_revocation_rejects_a_session_that_was_revoked_during_the_request() {
    let clock = TestClock::new();
    let store = failing_revocations(&clock, 10);
    let (begun, ended) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (seen, open) = (Rc::clone(&begun), Rc::clone(&ended));
    let slow = move |cookie: SessionCookie| {
        let (seen, open) = (Rc::clone(&seen), Rc::clone(&open));
        async move {
            seen.set(true);
            while !open.get() {
                yield_now().await;
            }
            cookie.check_revocation().await.map(|()| "changed")
        }
    };
    let app = App::new()
        .wrap(
            session(LocalKey::generate(), &clock).revocation_store(store.clone()).build().unwrap(),
        )
        .configure(routes)
        .route("/change", web::get().to(slow));
    let site = Site::new(init_service(app).await);

    for is_revoked in [false, true] {
        begun.set(false);
        ended.set(false);
        let mut owner = ada(&site).await;
        let mut thief = owner.clone();
        let logout = async {
            while !begun.get() {
                yield_now().await;
            }
            if is_revoked {
                owner.get(&site, "/purge").await;
            }
            ended.set(true);
        };
        let (response, ()) = join(thief.get(&site, "/change"), logout).await;
        let status = if is_revoked { 401 } else { 200 };
        assert_eq!(response.status.as_u16(), status, "{}", response.body);
    }
}

/// The decrypted session in a worker's cache must be checked against the revocation store.
#[actix_web::test]
async fn cached_session_is_checked_for_revocation() {
    for kind in Kind::ALL {
        let clock = TestClock::new();
        let key = LocalKey::generate();
        let store = failing_revocations(&clock, 10);
        // Two workers.
        let here = kind.site_revoking(key.clone(), &clock, store.clone(), routes).await;
        let there = kind.site_revoking(key, &clock, store, routes).await;
        let mut browser = ada(&here).await;
        let copy = kind.value(&browser);
        for _ in 0..3 {
            assert_eq!(here.read(kind, &copy).await.0, ADA, "{kind:?}");
        }
        browser.get(&there, "/purge").await;
        for _ in 0..3 {
            assert_eq!(here.read(kind, &copy).await.0, "", "{kind:?}");
        }
    }
}

#[actix_web::test]
async fn cookie_that_a_concurrent_request_sets_after_purge_is_revoked() {
    for kind in Kind::ALL {
        let (site, _) = site(kind, &TestClock::new(), 10).await;
        let mut browser = ada(&site).await;
        let mut slow = browser.clone();
        let (response, out) = join(slow.get(&site, "/slow"), browser.get(&site, "/purge")).await;
        assert_eq!((response.body.as_str(), out.body.as_str()), ("set", "changed"));
        // A store without `PasetoSession` does not see requests, so it sets the cookie of a revoked
        // session.
        assert_eq!(
            set_cookies(&response.headers).len(),
            usize::from(kind == Kind::Store),
            "{kind:?}"
        );
        assert_eq!(slow.get(&site, "/").await.body, "", "{kind:?}");
    }
}

/// A slow request begins before a logout or a renewal of a concurrent request. Then it renews or
/// changes its session.
#[actix_web::test]
async fn concurrent_request_does_not_revive_a_revoked_session() {
    async fn slow(session: Session, how: web::Path<String>) -> actix_web::Result<&'static str> {
        for _ in 0..100 {
            yield_now().await;
        }
        session.insert("user", "slow")?;
        if how.as_str() == "renew" {
            session.renew();
        }
        Ok("slow")
    }
    let clock = TestClock::new();
    let store = failing_revocations(&clock, 10);
    let session = session(LocalKey::generate(), &clock).revocation_store(store).build().unwrap();
    let app = App::new().wrap(session).configure(routes).route("/slow/{how}", web::get().to(slow));
    let site = Site::new(init_service(app).await);
    for how in ["renew", "change"] {
        for end in ["/purge", "/renew"] {
            let mut browser = ada(&site).await;
            let mut parallel = browser.clone();
            let slow = format!("/slow/{how}");
            let (response, _) = join(parallel.get(&site, &slow), browser.get(&site, end)).await;
            assert_eq!(response.body, "slow");
            assert!(set_cookies(&response.headers).is_empty(), "{how} {end}: {response:?}");
        }
    }
}

/// A browser may send cookies of two paths or domains. A logout revokes both sessions.
#[actix_web::test]
async fn logout_revokes_the_sessions_of_all_cookies() {
    let clock = TestClock::new();
    let (site, store) = site(Kind::Middleware, &clock, 10).await;
    let (one, other) =
        (Kind::Middleware.value(&ada(&site).await), Kind::Middleware.value(&ada(&site).await));
    let cookies = format!("__Host-session={one}; __Host-session={other}");
    let request = TestRequest::with_uri("/purge").insert_header((COOKIE, cookies));
    assert_eq!(site.send(request).await.body, "changed");
    assert_eq!(store.get_ref().len(), 2);
    for value in [one, other] {
        assert_eq!(site.read(Kind::Middleware, &value).await.0, "");
    }
}

/// An inner middleware returns an error, with or without a purge of the session.
#[actix_web::test]
async fn purge_is_effective_if_the_request_fails() {
    let clock = TestClock::new();
    let store = failing_revocations(&clock, 10);
    let session =
        session(LocalKey::generate(), &clock).revocation_store(store.clone()).build().unwrap();
    let guard = |req: ServiceRequest, service: &_| {
        let (banned, fails) = (req.path() == "/banned", req.path() == "/fails");
        if banned {
            req.get_session().purge();
        }
        let response = Service::call(service, req);
        async move { if banned || fails { Err(ErrorForbidden("banned")) } else { response.await } }
    };
    let app = App::new().wrap_fn(guard).wrap(session).configure(routes);
    let site = Site::new(init_service(app).await);
    let mut browser = ada(&site).await;
    let copy = Kind::Middleware.value(&browser);
    let response = browser.get(&site, "/fails").await;
    assert_eq!(response.status, StatusCode::FORBIDDEN);
    assert!(set_cookies(&response.headers).is_empty());
    assert_eq!(browser.get(&site, "/").await.body, ADA, "another error keeps the session");
    let response = browser.get(&site, "/banned").await;
    assert_eq!((response.status, response.body.as_str()), (StatusCode::FORBIDDEN, "banned"));
    assert_eq!(response.headers.get("cache-control").unwrap(), "no-store");
    assert_eq!(browser.cookie("__Host-session"), None, "the cookie is removed");
    assert_eq!(site.read(Kind::Middleware, &copy).await.0, "", "a copy of the cookie is rejected");
    for path in ["/purge", "/banned"] {
        let without_cookie = browser.get(&site, path).await;
        assert!(set_cookies(&without_cookie.headers).is_empty(), "{path}");
    }

    let mut browser = ada(&site).await;
    store.set_failing(true);
    let response = browser.get(&site, "/banned").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
}

/// The new session fails, so the old session must stay valid.
#[actix_web::test]
async fn renewal_to_a_too_large_session_keeps_the_old_session() {
    let kind = Kind::Middleware;
    let (site, store) = site(kind, &TestClock::new(), 10).await;
    let mut browser = ada(&site).await;
    assert_eq!(browser.get(&site, "/grow").await.status, StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(store.get_ref().len(), 0);
    assert_eq!(browser.get(&site, "/").await.body, ADA, "{kind:?}");
}

#[actix_web::test]
async fn session_is_rejected_while_the_store_is_down_or_full() {
    for kind in Kind::ALL {
        // First a store that is down, then a full store that cannot record a revocation.
        for (capacity, down, paths) in [
            (10, true, ["/", "/set?user=eve", "/purge"]),
            (0, false, ["/purge", "/renew", "/purge"]),
        ] {
            let (site, store) = site(kind, &TestClock::new(), capacity).await;
            let mut browser = ada(&site).await;
            let value = kind.value(&browser);
            store.set_failing(down);
            for path in paths {
                let (response, case) =
                    (browser.get(&site, path).await, format!("{kind:?} {path}, down: {down}"));
                if kind == Kind::Store {
                    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR, "{case}");
                    assert!(set_cookies(&response.headers).is_empty(), "{case}");
                } else {
                    assert_unavailable(&response, &case);
                }
                assert!(!response.body.contains("ada"), "{case}");
            }
            assert_eq!(kind.value(&browser), value, "{kind:?}: the cookie stays");
            assert_eq!(
                Browser::new().get(&site, "/").await.status,
                StatusCode::OK,
                "{kind:?}: a request without a session does not query the store"
            );
            store.set_failing(false);
            assert_eq!(
                browser.get(&site, "/").await.body,
                ADA,
                "{kind:?}: the session is valid when the store is back"
            );
        }
    }
}
