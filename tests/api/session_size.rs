//! Sessions that are too large for a cookie. Browsers silently discard oversized cookies.

use std::collections::BTreeMap;

use actix_session::Session;
use actix_session::storage::{SaveError, SessionStore};
use actix_web::http::StatusCode;
use actix_web::rt::System;
use actix_web::test::TestRequest;
use actix_web::{HttpResponse, web};
use paseto_actix::cookie::CookieConfig;
use paseto_actix::session::{SessionCookie, SessionTooLarge};
use paseto_actix::testing::Browser;
use paseto_actix::{LocalKey, PasetoSession, PasetoSessionStore};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::session::{Kind, MAX_COOKIE_LEN, Site, session, set_cookies};
use proptest::prelude::*;
use serde_json::{Value, json};
use time::Duration;

type State = BTreeMap<String, Value>;

fn pages(config: &mut web::ServiceConfig) {
    config.route("/state", web::get().to(read)).route("/state", web::put().to(replace));
    config.route("/size", web::put().to(report_size)).route("/renew", web::put().to(renew));
}

async fn read(session: Session) -> actix_web::Result<HttpResponse> {
    let mut state = State::new();
    for (name, value) in session.entries().iter() {
        state.insert(name.clone(), serde_json::from_str(value)?);
    }
    Ok(HttpResponse::Ok().json(state))
}

async fn replace(session: Session, state: web::Json<State>) -> actix_web::Result<&'static str> {
    session.clear();
    for (name, value) in state.into_inner() {
        session.insert(name, value)?;
    }
    Ok("replaced")
}

async fn renew(session: Session, state: web::Json<State>) -> actix_web::Result<&'static str> {
    session.renew();
    replace(session, state).await
}

/// Returns whether this state would fit into the cookie, its size, and the limit. Does not change
/// the session.
async fn report_size(
    session: Session,
    cookie: SessionCookie,
    state: web::Json<State>,
) -> actix_web::Result<String> {
    let before = session.entries().clone();
    replace(session.clone(), state).await?;
    let response = format!("{} {} {}", cookie.fits(), cookie.size(), cookie.limit());
    session.clear();
    for (name, value) in before {
        session.insert(name, serde_json::from_str::<Value>(&value)?)?;
    }
    Ok(response)
}

async fn site() -> Site {
    site_of(session(LocalKey::generate(), &TestClock::new()).build().unwrap()).await
}

async fn site_of(session: PasetoSession) -> Site {
    Site::of(session, pages).await
}

fn put(path: &str, state: &State) -> TestRequest {
    TestRequest::put().uri(path).set_json(state)
}

fn filler(length: usize) -> State {
    [("filler".to_owned(), json!("x".repeat(length)))].into()
}

async fn state(site: &Site, browser: &mut Browser) -> State {
    serde_json::from_str(&browser.get(site, "/state").await.body).unwrap()
}

async fn size_of(site: &Site, browser: &mut Browser, state: &State) -> (bool, usize, usize) {
    let response = browser.send(site, put("/size", state)).await.body;
    match response.split(' ').collect::<Vec<_>>()[..] {
        [fits, used, limit] => {
            (fits.parse().unwrap(), used.parse().unwrap(), limit.parse().unwrap())
        }
        _ => panic!("{response}"),
    }
}

/// Returns the length of the longest filler that fits, and the limit.
async fn longest_filler(site: &Site) -> (usize, usize) {
    let (mut fits, mut too_long) = (0, MAX_COOKIE_LEN);
    while too_long - fits > 1 {
        let middle = fits.midpoint(too_long);
        let known = size_of(site, &mut Browser::new(), &filler(middle)).await;
        if known.0 { fits = middle } else { too_long = middle }
    }
    (fits, size_of(site, &mut Browser::new(), &filler(fits)).await.2)
}

#[actix_web::test]
async fn session_too_large_error_is_507() {
    let kind = Kind::Middleware;
    let site = site().await;
    let (fits, limit) = longest_filler(&site).await;
    let mut browser = Browser::new();
    for path in ["/state", "/renew"] {
        assert_eq!(browser.send(&site, put(path, &filler(fits))).await.status, StatusCode::OK);
        let (kept, logs) = (kind.value(&browser), Logs::capture());
        for length in [fits + 1, 5000, 100_000] {
            let response = browser.send(&site, put(path, &filler(length))).await;
            assert_eq!(
                response.status,
                StatusCode::INSUFFICIENT_STORAGE,
                "{kind:?} {path} {length}"
            );
            assert_eq!(response.headers.get("content-type").unwrap(), "application/problem+json");
            let problem: Value = serde_json::from_str(&response.body).unwrap();
            assert_eq!(problem["status"], 507);
            assert!(
                set_cookies(&response.headers).is_empty(),
                "{kind:?} {path}: no cookie and no part of a cookie"
            );
        }
        assert_eq!(kind.value(&browser), kept);
        assert_eq!(state(&site, &mut browser).await, filler(fits), "the previous state");
        let size = size_of(&site, &mut Browser::new(), &filler(fits + 1)).await.1;
        assert_eq!(
            logs.count(&format!("{size} bytes, but the limit of its cookie is {limit}")),
            1,
            "{kind:?} {path}: {logs:?}"
        );
        assert_eq!(logs.count("ERROR"), 3, "{logs:?}");
    }
}

/// A store without `PasetoSession` cannot return its own response, so actix-session returns `500`.
/// The response does not contain an oversized cookie.
#[actix_web::test]
async fn session_too_large_error_of_a_bare_store_is_500() {
    use actix_session::SessionMiddleware;
    use actix_web::cookie::Key;
    use paseto_actix::PasetoSessionStore;

    let store = PasetoSessionStore::new(LocalKey::generate());
    let site = Site::alone(SessionMiddleware::new(store, Key::generate()), pages).await;
    let mut browser = Browser::new();
    let (mut kept, mut rejected) = (State::new(), 0);
    for length in (0..4000).step_by(50) {
        let response = browser.send(&site, put("/state", &filler(length))).await;
        if response.status == StatusCode::OK {
            assert!(set_cookies(&response.headers)[0].len() <= MAX_COOKIE_LEN);
            kept = filler(length);
        } else {
            assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
            assert!(set_cookies(&response.headers).is_empty());
            rejected += 1;
        }
        assert_eq!(state(&site, &mut browser).await, kept, "{length}");
    }
    assert!(rejected > 0 && kept != filler(0), "some states fit and some do not");
}

#[actix_web::test]
async fn cookie_name_and_attributes_reduce_the_limit() {
    let clock = TestClock::new();
    let limit = async |session: PasetoSession| longest_filler(&site_of(session).await).await.1;
    let signed = || session(LocalKey::generate(), &clock);
    let default = limit(signed().build().unwrap()).await;
    let named = limit(
        signed().cookie(CookieConfig::new().name("__Host-session-of-the-shop")).build().unwrap(),
    )
    .await;
    assert_eq!(default - named, "-of-the-shop".len());
    let plain = |builder: paseto_actix::session::PasetoSessionBuilder, cookie: CookieConfig| {
        builder.cookie(cookie.name("id")).build().unwrap()
    };
    let short = limit(plain(signed(), CookieConfig::new())).await;
    let domain = limit(plain(signed(), CookieConfig::new().domain("shop.example"))).await;
    assert_eq!(short - domain, "; Domain=shop.example".len());
    let persistent = limit(plain(signed().persistent(true), CookieConfig::new())).await;
    assert_eq!(
        short, persistent,
        "the limit includes `Max-Age`, because a login can choose a persistent cookie"
    );
    let vast = signed().cookie(CookieConfig::new().name("x".repeat(5000))).build().unwrap();
    assert_eq!(limit(vast).await, 0, "a name that fills the cookie leaves no space");
}

#[actix_web::test]
async fn session_above_80_percent_of_the_limit_logs_a_warning() {
    let site = site().await;
    let (fits, limit) = longest_filler(&site).await;
    let (mut warned, mut quiet) = (0, 0);
    for length in (fits * 7 / 10..=fits).rev().step_by(5) {
        let used = size_of(&site, &mut Browser::new(), &filler(length)).await.1;
        let logs = Logs::capture();
        assert_eq!(
            Browser::new().send(&site, put("/state", &filler(length))).await.status,
            StatusCode::OK
        );
        let full = used * 5 >= limit * 4;
        assert_eq!(
            logs.count(&format!("nearly too large for a cookie size={used} limit={limit}")),
            usize::from(full)
        );
        assert_eq!(logs.count("WARN"), usize::from(full), "{used} of {limit}: {logs:?}");
        if full { warned += 1 } else { quiet += 1 }
    }
    assert!(warned > 20 && quiet > 4, "{warned} and {quiet}");
}

#[actix_web::test]
async fn session_cookie_extractor_without_the_middleware_is_500() {
    let app = actix_web::App::new()
        .wrap(actix_session::SessionMiddleware::new(
            paseto_actix::PasetoSessionStore::new(LocalKey::generate()),
            actix_web::cookie::Key::generate(),
        ))
        .configure(pages);
    let site = Site::new(actix_web::test::init_service(app).await);
    let logs = Logs::capture();
    let response = Browser::new().send(&site, put("/size", &filler(1))).await;
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(logs.count("App::wrap"), 1, "the log names the fix: {logs:?}");
    assert!(
        !response.body.contains("wrap"),
        "the response does not contain the reason: {}",
        response.body
    );
}

#[test]
fn session_too_large_is_a_response_error() {
    fn is_error<E: std::error::Error + actix_web::ResponseError + Copy + Send + Sync>() {}
    is_error::<SessionTooLarge>();
}

#[actix_web::test]
async fn longest_persistent_cookie_has_4096_bytes() {
    let session = session(LocalKey::generate(), &TestClock::new()).persistent(true);
    let site = site_of(session.build().unwrap()).await;
    let (fits, _) = longest_filler(&site).await;
    let response = Browser::new().send(&site, put("/state", &filler(fits))).await;
    let [cookie] = set_cookies(&response.headers)[..] else { panic!("one cookie: {response:?}") };
    assert!((MAX_COOKIE_LEN - 2..=MAX_COOKIE_LEN).contains(&cookie.len()), "{}", cookie.len());
}

/// The error of the store is the public type, so an application can read the size and the limit.
#[actix_web::test]
async fn store_returns_the_size_and_the_limit() {
    let store = PasetoSessionStore::new(LocalKey::generate());
    let state = async |length: usize| {
        let state = [("filler".to_owned(), json!("x".repeat(length)).to_string())].into();
        store.save(state, &Duration::HOUR).await
    };
    let SaveError::Other(error) = state(5000).await.unwrap_err() else { panic!("another error") };
    let error = error.downcast_ref::<SessionTooLarge>().unwrap();
    assert!(error.size() > 5000 * 4 / 3 && error.size() < 5000 * 4 / 3 + 500, "{error:?}");
    assert!(error.limit() > 2000 && error.limit() < MAX_COOKIE_LEN, "{error:?}");
    let longest = error.limit() * 3 / 4 - (error.size() * 3 / 4 - 5000) - 1;
    assert!(state(longest).await.is_ok());
    assert!(state(longest + 3).await.is_err());
}

fn any_state() -> impl Strategy<Value = State> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| json!(f64::from(number) / 16.0)),
        ".{0,30}".prop_map(Value::from),
        r#"["\\/\n<=]{0,30}"#.prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    // Most states are near the limit, where errors are likely.
    let length = prop_oneof![1 => 0..1000usize, 4 => 1500..2100usize, 4 => 2600..3000usize, 1 => 3000..6000usize];
    (prop::collection::btree_map(".{0,8}", value, 0..8), prop::option::weighted(0.9, length))
        .prop_map(|(mut state, length)| {
            state.extend(length.map(filler).unwrap_or_default());
            state
        })
}

/// A state that fits survives a round trip, a slide and a renewal. A state that does not fit sets
/// no cookie and keeps the old cookie.
#[test]
fn every_state_fits_or_is_rejected_with_507() {
    let system = System::new();
    let clock = TestClock::new();
    let site = system
        .block_on(async { site_of(session(LocalKey::generate(), &clock).build().unwrap()).await });
    let (mut fitting, mut too_large) = (0, 0);
    let config =
        ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let counts = std::cell::RefCell::new((&mut fitting, &mut too_large));
    let result = runner.run(&(any_state(), any::<bool>()), |(new, renewed)| {
        system.block_on(async {
            let (mut browser, old) = (Browser::new(), State::from([("old".to_owned(), json!(1))]));
            browser.send(&site, put("/state", &old)).await;
            let (fits, used, limit) = size_of(&site, &mut browser, &new).await;
            prop_assert_eq!(fits, used <= limit);
            let response =
                browser.send(&site, put(if renewed { "/renew" } else { "/state" }, &new)).await;
            for cookie in set_cookies(&response.headers) {
                prop_assert!(cookie.len() <= MAX_COOKIE_LEN, "{} bytes", cookie.len());
            }
            if fits {
                *counts.borrow_mut().0 += 1;
                prop_assert_eq!(response.status, StatusCode::OK);
                prop_assert_eq!(&state(&site, &mut browser).await, &new);
                clock.advance(Duration::minutes(20));
                let slid = browser.get(&site, "/state").await;
                prop_assert_eq!(set_cookies(&slid.headers).len(), 1);
                prop_assert_eq!(&state(&site, &mut browser).await, &new, "after a slide");
            } else {
                *counts.borrow_mut().1 += 1;
                prop_assert_eq!(response.status, StatusCode::INSUFFICIENT_STORAGE);
                prop_assert!(set_cookies(&response.headers).is_empty());
                prop_assert_eq!(state(&site, &mut browser).await, old);
            }
            Ok(())
        })
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(fitting > 50 && too_large > 50, "{fitting} fit, {too_large} do not");
}
