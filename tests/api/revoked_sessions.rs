//! Sessions with a revocation store: no copy of a cookie outlives its session.

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
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::revocation::{Failing, assert_unavailable};
use paseto_actix_tests::session::{Client, Kind, Site, routes, session, set_cookies};
use time::Duration;

/// How long a record outlives its session or login: the longest leeway, and 5 seconds for clocks
/// that differ.
const SLACK: Duration = Duration::seconds(305);

const ADA: &str = r#"user="ada""#;

async fn ada(site: &Site) -> Client {
    let mut client = Client::new();
    client.get(site, "/set?user=ada").await;
    assert_eq!(client.get(site, "/").await.body, ADA, "the session is there at first");
    client
}

/// The usual routes, one that takes its time, and one that renews to more than a cookie holds.
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

/// A site with a store.
async fn site(kind: Kind, clock: &TestClock, capacity: usize) -> (Site, Failing) {
    let store = Failing::new(clock, capacity);
    (kind.site_revoking(LocalKey::generate(), clock, store.clone(), handlers).await, store)
}

#[actix_web::test]
async fn a_copy_from_before_purge_or_renew_is_no_session() {
    for kind in Kind::ALL {
        for way_out in ["/purge", "/renew"] {
            let clock = TestClock::new();
            let (site, store) = site(kind, &clock, 10).await;
            let (mut client, mut other) = (ada(&site).await, ada(&site).await);
            let first = client.session(kind);
            // The same session in another cookie.
            client.get(&site, "/set?user=ada&cart=tea").await;
            let copies = [first, client.session(kind)];
            client.get(&site, way_out).await;
            for copy in &copies {
                let (body, headers) = site.read(kind, copy).await;
                assert_eq!(body, "", "{kind:?} {way_out}");
                // The removal could arrive after the login of a parallel request, and remove its
                // cookie.
                assert!(set_cookies(&headers).is_empty(), "{kind:?} {way_out}");
            }
            let kept = if way_out == "/renew" { r#"cart="tea" user="ada""# } else { "" };
            assert_eq!(client.get(&site, "/").await.body, kept, "{kind:?} {way_out}");
            assert_eq!(
                other.get(&site, "/").await.body,
                ADA,
                "{kind:?} {way_out}: another session of hers"
            );

            assert_eq!(store.count(), 1);
            // actix-session does not tell a store its idle limit.
            let last_copy =
                if kind == Kind::Store { Duration::hours(12) } else { Duration::minutes(30) };
            clock.advance(last_copy + SLACK);
            assert_eq!(store.count(), 1, "until no copy is alive by any clock");
            clock.advance(Duration::SECOND);
            assert_eq!(store.count(), 0, "{kind:?}: and no longer");
        }
    }
}

/// What a worker knows of a cookie says nothing of whether its session is alive.
#[actix_web::test]
async fn a_known_cookie_is_revoked() {
    for kind in Kind::ALL {
        let clock = TestClock::new();
        let key = LocalKey::generate();
        let store = Failing::new(&clock, 10);
        // Two workers.
        let here = kind.site_revoking(key.clone(), &clock, store.clone(), routes).await;
        let there = kind.site_revoking(key, &clock, store, routes).await;
        let mut client = ada(&here).await;
        let copy = client.session(kind);
        for _ in 0..3 {
            assert_eq!(here.read(kind, &copy).await.0, ADA, "{kind:?}");
        }
        client.get(&there, "/purge").await;
        for _ in 0..3 {
            assert_eq!(here.read(kind, &copy).await.0, "", "{kind:?}");
        }
    }
}

#[actix_web::test]
async fn a_cookie_that_a_request_under_way_sets_is_useless() {
    for kind in Kind::ALL {
        let (site, _) = site(kind, &TestClock::new(), 10).await;
        let mut client = ada(&site).await;
        let mut slow = client.clone();
        let (answer, out) = join(slow.get(&site, "/slow"), client.get(&site, "/purge")).await;
        assert_eq!((answer.body.as_str(), out.body.as_str()), ("set", "changed"));
        // The store alone learns of no request, so it writes the cookie of a session that has
        // ended.
        assert_eq!(
            set_cookies(&answer.headers).len(),
            usize::from(kind == Kind::Store),
            "{kind:?}"
        );
        assert_eq!(slow.get(&site, "/").await.body, "", "{kind:?}");
    }
}

/// A slow request began before a logout, or before the login of a parallel request, and renews or
/// changes its session.
#[actix_web::test]
async fn a_request_under_way_does_not_bring_an_ended_session_back() {
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
    let store = Failing::new(&clock, 10);
    let session = session(LocalKey::generate(), &clock).revocation_store(store).build().unwrap();
    let app = App::new().wrap(session).configure(routes).route("/slow/{how}", web::get().to(slow));
    let site = Site::new(init_service(app).await, |request| request.to_request());
    for how in ["renew", "change"] {
        for end in ["/purge", "/renew"] {
            let mut client = ada(&site).await;
            let mut parallel = client.clone();
            let slow = format!("/slow/{how}");
            let (answer, _) = join(parallel.get(&site, &slow), client.get(&site, end)).await;
            assert_eq!(answer.body, "slow");
            assert!(set_cookies(&answer.headers).is_empty(), "{how} {end}: {answer:?}");
        }
    }
}

/// A browser may send the cookies of two paths or domains. A logout ends the sessions of both.
#[actix_web::test]
async fn a_logout_ends_the_sessions_of_all_cookies() {
    let clock = TestClock::new();
    let (site, store) = site(Kind::Middleware, &clock, 10).await;
    let (one, other) =
        (ada(&site).await.session(Kind::Middleware), ada(&site).await.session(Kind::Middleware));
    let cookies = format!("__Host-session={one}; __Host-session={other}");
    let request = TestRequest::with_uri("/purge").insert_header((COOKIE, cookies));
    assert_eq!(site.send(request).await.body, "changed");
    assert_eq!(store.count(), 2);
    for value in [one, other] {
        assert_eq!(site.read(Kind::Middleware, &value).await.0, "");
    }
}

/// A middleware inside ends the session, and returns an error.
#[actix_web::test]
async fn a_purge_counts_although_the_request_fails() {
    let clock = TestClock::new();
    let store = Failing::new(&clock, 10);
    let session =
        session(LocalKey::generate(), &clock).revocation_store(store.clone()).build().unwrap();
    let guard = |req: ServiceRequest, service: &_| {
        let banned = req.path() == "/banned";
        if banned {
            req.get_session().purge();
        }
        let response = Service::call(service, req);
        async move { if banned { Err(ErrorForbidden("banned")) } else { response.await } }
    };
    let app = App::new().wrap_fn(guard).wrap(session).configure(routes);
    let site = Site::new(init_service(app).await, |request| request.to_request());
    let mut client = ada(&site).await;
    let copy = client.session(Kind::Middleware);
    let answer = client.get(&site, "/banned").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::FORBIDDEN, "banned"));
    assert_eq!(answer.headers.get("cache-control").unwrap(), "no-store");
    assert_eq!(client.cookie("__Host-session"), None, "the cookie is removed");
    assert_eq!(site.read(Kind::Middleware, &copy).await.0, "", "and a copy of it is rejected");

    let mut client = ada(&site).await;
    store.set_down(true);
    let answer = client.get(&site, "/banned").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

/// Nothing ends for a session that could not begin.
#[actix_web::test]
async fn renewing_to_a_session_that_is_too_large_ends_nothing() {
    let kind = Kind::Middleware;
    let (site, store) = site(kind, &TestClock::new(), 10).await;
    let mut client = ada(&site).await;
    assert_eq!(client.get(&site, "/grow").await.status, StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(store.count(), 0);
    assert_eq!(client.get(&site, "/").await.body, ADA, "{kind:?}");
}

#[actix_web::test]
async fn no_session_is_taken_unasked() {
    for kind in Kind::ALL {
        // Asked, and told that a session has ended where there is no room to keep it.
        for (capacity, down, paths) in [
            (10, true, ["/", "/set?user=eve", "/purge"]),
            (0, false, ["/purge", "/renew", "/purge"]),
        ] {
            let (site, store) = site(kind, &TestClock::new(), capacity).await;
            let mut client = ada(&site).await;
            let value = client.session(kind);
            store.set_down(down);
            for path in paths {
                let (answer, case) =
                    (client.get(&site, path).await, format!("{kind:?} {path}, down: {down}"));
                if kind == Kind::Store {
                    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{case}");
                    assert!(set_cookies(&answer.headers).is_empty(), "{case}");
                } else {
                    assert_unavailable(&answer, &case);
                }
                assert!(!answer.body.contains("ada"), "{case}");
            }
            assert_eq!(client.session(kind), value, "{kind:?}: the cookie stays");
            assert_eq!(
                Client::new().get(&site, "/").await.status,
                StatusCode::OK,
                "{kind:?}: without one, nobody asks"
            );
            store.set_down(false);
            assert_eq!(
                client.get(&site, "/").await.body,
                ADA,
                "{kind:?}: and is good once the store is back"
            );
        }
    }
}
