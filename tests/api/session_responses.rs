//! Responses that the session middleware returns instead of the application, and headers that it
//! adds to the application's responses.

use actix_session::Session;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{Service, ServiceRequest};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, COOKIE, HeaderName, HeaderValue, ORIGIN, UPGRADE};
use actix_web::middleware::ErrorHandlers;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, HttpResponse, web};
use paseto_actix::LocalKey;
use paseto_actix::cookie::CookieConfig;
use paseto_actix::session::{PasetoSessionBuilder, SessionCookie};
use paseto_actix::testing::{Browser, Page};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::revocation::failing_revocations;
use paseto_actix_tests::session::{ADA, Kind, Site, routes, session, set_cookie, set_cookies};
use time::Duration;

const NAME: &str = "__Host-session";

/// Sets its own cookie, and makes the session too large or purges it.
async fn own_cookie(session: Session, how: web::Path<String>) -> actix_web::Result<HttpResponse> {
    match how.as_str() {
        "large" => session.insert("load", "x".repeat(5000))?,
        _ => session.purge(),
    }
    Ok(HttpResponse::Ok().cookie(Cookie::new("theme", "dark")).finish())
}

/// Returns a site whose outer middlewares mark each response that they process.
async fn observed(builder: PasetoSessionBuilder) -> Site {
    let see = |req: ServiceRequest, service: &_| {
        let response = Service::call(service, req);
        async move {
            let mut response: actix_web::dev::ServiceResponse<_> = response.await?;
            let status = HeaderValue::from_str(response.status().as_str()).unwrap();
            response.headers_mut().insert(HeaderName::from_static("x-seen"), status);
            Ok(response)
        }
    };
    let mark = |mut response: actix_web::dev::ServiceResponse<_>| {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-handled"), HeaderValue::from_static("1"));
        Ok(actix_web::middleware::ErrorHandlerResponse::Response(response.map_into_left_body()))
    };
    let handlers = ErrorHandlers::new()
        .handler(StatusCode::INSUFFICIENT_STORAGE, mark)
        .handler(StatusCode::SERVICE_UNAVAILABLE, mark)
        .handler(StatusCode::FORBIDDEN, mark);
    let app = App::new()
        .wrap(builder.build().unwrap())
        .wrap(handlers)
        .wrap_fn(see)
        .configure(routes)
        .route("/set", web::post().to(HttpResponse::Ok))
        .route("/own/{how}", web::get().to(own_cookie));
    Site::new(init_service(app).await)
}

#[track_caller]
fn assert_seen(response: &Page, status: u16) {
    assert_eq!(response.status.as_u16(), status, "{response:?}");
    for (name, value) in [("x-seen", status.to_string()), ("x-handled", "1".to_owned())] {
        let seen = response.headers.get(name).map(|seen| seen.to_str().unwrap().to_owned());
        assert_eq!(
            seen.as_deref(),
            Some(value.as_str()),
            "the outer middlewares process a response: {response:?}"
        );
    }
    assert_eq!(response.headers.get("vary").unwrap(), "Cookie");
}

#[actix_web::test]
async fn failures_are_responses_that_keep_cookies_of_the_handler() {
    let clock = TestClock::new();
    let store = failing_revocations(&clock, 10);
    let site =
        observed(session(LocalKey::generate(), &clock).revocation_store(store.clone())).await;
    let mut browser = Browser::new();
    browser.get(&site, "/set?user=ada").await;
    let before = Kind::Middleware.value(&browser);

    let response = browser.get(&site, "/own/large").await;
    assert_seen(&response, 507);
    assert_eq!(set_cookie(&response.headers).name(), "theme");
    assert_eq!(response.headers.get(CACHE_CONTROL).unwrap(), "no-store");

    store.set_failing(true);
    let response = browser.get(&site, "/").await;
    assert_seen(&response, 503);
    assert!(set_cookies(&response.headers).is_empty());
    store.set_failing(false);

    // Fill the store, so that it cannot record the purge of the session.
    for _ in 0..10 {
        let mut other = Browser::new();
        other.get(&site, "/set?user=bob").await;
        assert_eq!(other.get(&site, "/purge").await.status, StatusCode::OK);
    }
    let response = browser.get(&site, "/own/purge").await;
    assert_seen(&response, 503);
    assert_eq!(
        set_cookie(&response.headers).name(),
        "theme",
        "the session's cookie is not removed"
    );
    assert_eq!(Kind::Middleware.value(&browser), before);
    assert_eq!(browser.get(&site, "/").await.body, ADA, "the session stays valid");
}

/// An anonymous client must not be able to fill the store with records of unused sessions.
#[actix_web::test]
async fn session_that_was_never_sent_leaves_no_record() {
    async fn all_at_once(session: Session) -> actix_web::Result<&'static str> {
        session.insert("user", "ada")?;
        session.renew();
        session.purge();
        Ok("purged")
    }
    let clock = TestClock::new();
    let store = failing_revocations(&clock, 10);
    let session =
        session(LocalKey::generate(), &clock).revocation_store(store.clone()).build().unwrap();
    let app = App::new().wrap(session).configure(routes).route("/all", web::get().to(all_at_once));
    let site = Site::new(init_service(app).await);
    for path in ["/purge", "/renew", "/all"] {
        for cookie in [None, Some("garbage")] {
            let mut browser = Browser::new();
            if let Some(cookie) = cookie {
                browser.set_cookie(NAME, cookie);
            }
            assert_eq!(browser.get(&site, path).await.status, StatusCode::OK);
            assert_eq!(store.get_ref().len(), 0, "{path} {cookie:?}");
        }
    }
}

/// A record expires with the last copy of the cookie, so it does not outlive the absolute timeout.
#[actix_web::test]
async fn revocation_record_lives_until_the_last_copy_has_expired() {
    for (age, rest) in [(0, 30 * 60), (11 * 60 * 60 + 45 * 60, 15 * 60)] {
        let clock = TestClock::new();
        let store = failing_revocations(&clock, 10);
        let site =
            observed(session(LocalKey::generate(), &clock).revocation_store(store.clone())).await;
        let mut browser = Browser::new();
        browser.get(&site, "/set?user=ada").await;
        for _ in 0..age / 60 / 15 {
            clock.advance(Duration::minutes(15));
            assert_eq!(browser.get(&site, "/").await.body, ADA);
        }
        browser.get(&site, "/purge").await;
        // The longest leeway of 5 minutes, and 5 seconds for differing clocks.
        clock.advance(Duration::seconds(rest + 305));
        assert_eq!(store.get_ref().len(), 1, "after {age} s");
        clock.advance(Duration::SECOND);
        assert_eq!(store.get_ref().len(), 0, "after {age} s");
    }
}

fn post(cookies: &str) -> TestRequest {
    TestRequest::post().uri("/set").insert_header((COOKIE, cookies.to_owned()))
}

#[actix_web::test]
async fn cross_origin_requests_with_a_session_are_rejected() {
    let clock = TestClock::new();
    let key = LocalKey::generate();
    let builder = || session(key.clone(), &clock);
    let (default, trusting, off) = (
        observed(builder()).await,
        observed(builder().trusted_origin("https://app.example")).await,
        observed(builder().dangerously_allow_cross_origin_requests()).await,
    );
    let mut browser = Browser::new();
    browser.get(&default, "/set?user=ada").await;
    let cookie = format!("{NAME}={}", Kind::Middleware.value(&browser));
    // The browser adds neither `Origin` nor `Sec-Fetch-…`, because each request has one of them.
    let send = async |site: &Site, request| Browser::new().send(site, request).await;
    let site_header = HeaderName::from_static("sec-fetch-site");

    for headers in [
        vec![(site_header.clone(), "cross-site")],
        vec![(site_header.clone(), "same-site")],
        vec![(ORIGIN, "https://evil.example")],
        vec![(ORIGIN, "null")],
        vec![(site_header.clone(), "cross-site"), (ORIGIN, "https://app.example")],
    ] {
        let is_trusted = headers.iter().any(|(_, value)| value.contains("app.example"));
        let with = |mut request: TestRequest| {
            for header in &headers {
                request = request.append_header(header.clone());
            }
            request
        };
        assert_seen(&send(&default, with(post(&cookie))).await, 403);
        let response = send(&trusting, with(post(&cookie))).await;
        assert_eq!(response.status.as_u16(), if is_trusted { 200 } else { 403 }, "{headers:?}");
        assert_eq!(send(&off, with(post(&cookie))).await.status, StatusCode::OK, "{headers:?}");
        // Requests without the cookie and requests with a safe method are accepted.
        assert_eq!(
            send(&default, with(post("theme=dark"))).await.status,
            StatusCode::OK,
            "{headers:?}"
        );
        let get = || TestRequest::get().insert_header((COOKIE, cookie.clone()));
        assert_eq!(send(&default, with(get())).await.body, ADA, "{headers:?}");
        // A page of another site can open a WebSocket with a `GET` request (RFC 6455, section
        // 10.2).
        let handshake = get().insert_header((UPGRADE, "websocket"));
        assert_seen(&send(&default, with(handshake)).await, 403);
    }
    for (name, value) in [(site_header, "same-origin"), (ORIGIN, "http://localhost:8080")] {
        let request = post(&cookie).insert_header((name, value));
        let request = request.insert_header(("host", "localhost:8080"));
        assert_eq!(default.send(request).await.status, StatusCode::OK, "{value}");
    }
}

/// After a logout, the browser's Back button shows a page that the browser has stored.
#[actix_web::test]
async fn no_store_if_disables_caching_for_logged_in_users() {
    async fn page(session: Session, req: HttpRequest) -> HttpResponse {
        let _ = (session, req);
        HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "private, max-age=600"))
            .insert_header(("cdn-cache-control", "max-age=600"))
            .body("page")
    }
    let clock = TestClock::new();
    let session =
        session(LocalKey::generate(), &clock).no_store_if(|session| session.contains_key("user"));
    let app = App::new()
        .wrap(session.build().unwrap())
        .configure(routes)
        .route("/page", web::get().to(page));
    let site = Site::new(init_service(app).await);
    let cache_control =
        |response: &Page| response.headers.get(CACHE_CONTROL).unwrap().to_str().unwrap().to_owned();
    let mut browser = Browser::new();
    browser.get(&site, "/set?cart=tea").await;
    assert_eq!(cache_control(&browser.get(&site, "/page").await), "private, max-age=600");
    browser.get(&site, "/set?user=ada").await;
    let response = browser.get(&site, "/page").await;
    assert_eq!(cache_control(&response), "no-store");
    assert!(!response.headers.contains_key("cdn-cache-control"), "{response:?}");
    assert_eq!(cache_control(&browser.get(&site, "/purge").await), "no-store");
    assert_eq!(cache_control(&browser.get(&site, "/page").await), "private, max-age=600");
}

async fn keep(
    session: Session,
    cookie: SessionCookie,
    choice: web::Path<bool>,
) -> actix_web::Result<&'static str> {
    session.insert("user", "ada")?;
    session.renew();
    cookie.set_persistent(choice.into_inner());
    Ok("welcome")
}

#[actix_web::test]
async fn login_can_choose_whether_its_cookie_is_persistent() {
    for default in [false, true] {
        let clock = TestClock::new();
        let session = session(LocalKey::generate(), &clock).persistent(default).build().unwrap();
        let app =
            App::new().wrap(session).configure(routes).route("/keep/{choice}", web::get().to(keep));
        let site = Site::new(init_service(app).await);
        let max_age = |response: &Page| {
            set_cookie(&response.headers).max_age().map(|age| age.whole_seconds())
        };
        let mut browser = Browser::new();
        let usual = default.then_some(1800);
        assert_eq!(max_age(&browser.get(&site, "/set?cart=tea").await), usual);
        for choice in [true, false] {
            let chosen = choice.then_some(1800);
            assert_eq!(
                max_age(&browser.get(&site, &format!("/keep/{choice}")).await),
                chosen,
                "{default} {choice}"
            );
            assert_eq!(
                max_age(&browser.get(&site, &format!("/set?a={choice}")).await),
                chosen,
                "changed"
            );
            clock.advance(Duration::minutes(16));
            assert_eq!(max_age(&browser.get(&site, "/").await), chosen, "slid");
            assert_eq!(max_age(&browser.get(&site, "/renew").await), chosen, "renewed");
        }
        browser.get(&site, "/purge").await;
        assert_eq!(max_age(&browser.get(&site, "/set?cart=tea").await), usual, "purged");
    }
}

/// `Max-Age` must not exceed the rest of the absolute timeout.
#[actix_web::test]
async fn max_age_is_limited_by_the_absolute_timeout() {
    let clock = TestClock::new();
    let builder = session(LocalKey::generate(), &clock).persistent(true);
    let site = Site::of(
        builder.absolute_timeout(std::time::Duration::from_secs(40 * 60)).build().unwrap(),
        routes,
    )
    .await;
    let mut browser = Browser::new();
    browser.get(&site, "/set?user=ada").await;
    clock.advance(Duration::minutes(20));
    let response = browser.get(&site, "/").await;
    assert_eq!(
        set_cookie(&response.headers).max_age(),
        Some(actix_web::cookie::time::Duration::minutes(20))
    );
}

#[actix_web::test]
async fn partitioned_attribute_is_set_on_cookies_and_on_removals() {
    let clock = TestClock::new();
    let builder = || {
        session(LocalKey::generate(), &clock)
            .cookie(CookieConfig::new().partitioned(true).same_site(SameSite::None))
    };
    let site = Site::of(builder().build().unwrap(), routes).await;
    let mut browser = Browser::new();
    for path in ["/set?user=ada", "/purge"] {
        let response = browser.get(&site, path).await;
        let [cookie] = set_cookies(&response.headers)[..] else {
            panic!("one cookie: {response:?}")
        };
        assert!(cookie.contains("; Partitioned") && cookie.contains("; Secure"), "{cookie}");
    }
    assert!(
        builder().development_over_plain_http().build().is_err(),
        "`Partitioned` requires `Secure`"
    );
    assert!(
        builder().cookie(CookieConfig::new().partitioned(true)).build().is_err(),
        "`Partitioned` requires `SameSite=None`"
    );
}
