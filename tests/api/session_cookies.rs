//! Selection of the session cookie in a request, and removal of cookies.

use actix_web::http::header::{COOKIE, HeaderValue};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use paseto_actix::LocalKey;
use paseto_actix::session::SessionCookie;
use paseto_actix::testing::Browser;
use paseto_actix_tests::app::TestResponse;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::session::{ADA, Kind, Site, routes, session, set_cookie, set_cookies};
use time::Duration;

const NAME: &str = "__Host-session";

async fn site(clock: &TestClock) -> Site {
    Kind::Middleware.site(LocalKey::generate(), clock).await
}

async fn session_of(site: &Site, user: &str) -> String {
    let mut browser = Browser::new();
    browser.get(site, &format!("/set?user={user}")).await;
    Kind::Middleware.value(&browser)
}

async fn get(site: &Site, path: &str, cookies: impl AsRef<[u8]>) -> TestResponse {
    let header = HeaderValue::from_bytes(cookies.as_ref()).expect("a valid header value");
    site.send(TestRequest::with_uri(path).insert_header((COOKIE, header))).await
}

/// Browsers also send the cookie of another path or domain, often before the current cookie.
#[actix_web::test]
async fn first_valid_cookie_of_the_name_is_the_session() {
    let clock = TestClock::new();
    let site = site(&clock).await;
    let expired = session_of(&site, "eve").await;
    clock.advance(Duration::minutes(30));
    let (ada, bob) = (session_of(&site, "ada").await, session_of(&site, "bob").await);
    for invalid in [expired.as_str(), "garbage", "", "v4.local.AAAA"] {
        for cookies in [
            format!("{NAME}={invalid}; {NAME}={ada}"),
            format!("{NAME}={invalid}; theme=dark; {NAME}={ada}; {NAME}={bob}"),
            format!("{NAME}={invalid}; {NAME}={invalid}; {NAME}={invalid}; {NAME}={ada}"),
            format!("{NAME}={ada}; {NAME}={invalid}"),
        ] {
            // The second request uses the worker's cached session.
            for _ in 0..2 {
                let response = get(&site, "/", &cookies).await;
                assert_eq!(response.body, ADA, "{cookies}");
                assert!(set_cookies(&response.headers).is_empty(), "{cookies}");
            }
        }
        let fifth = format!("{}{NAME}={ada}", format!("{NAME}={invalid}; ").repeat(4));
        assert_eq!(get(&site, "/", &fifth).await.body, "", "the fifth cookie is not decrypted");
    }
}

#[actix_web::test]
async fn invalid_cookies_are_not_removed_if_several_have_the_name() {
    let clock = TestClock::new();
    let site = site(&clock).await;
    let ada = session_of(&site, "ada").await;
    clock.advance(Duration::minutes(30));
    for (cookies, removed) in [
        (format!("{NAME}={ada}"), true),
        (format!("{NAME}={ada}; {NAME}=garbage"), false),
        (format!("{NAME}={ada}; {NAME}={ada}"), false),
        ("theme=dark".to_owned(), false),
    ] {
        let response = get(&site, "/", &cookies).await;
        assert_eq!(response.body, "", "{cookies}");
        let set = set_cookies(&response.headers);
        assert_eq!(set.len(), usize::from(removed), "{cookies}: {set:?}");
        assert!(set.iter().all(|cookie| cookie.contains("; Max-Age=0;")), "{set:?}");
    }
    // A logout always removes the cookie.
    for cookies in [
        format!("{NAME}=garbage; {NAME}={}", session_of(&site, "bob").await),
        format!("{NAME}=; {NAME}="),
    ] {
        assert_eq!(
            set_cookies(&get(&site, "/purge", &cookies).await.headers).len(),
            1,
            "{cookies}"
        );
    }
}

#[actix_web::test]
async fn other_cookie_that_is_not_utf8_does_not_hide_the_session() {
    let clock = TestClock::new();
    let site = site(&clock).await;
    let ada = session_of(&site, "ada").await;
    for other in [&b"name=M\xfcller"[..], b"k\xe4se=1", b"nonsense", b"", b"=", b"k\xc3\xa4se=1"] {
        for cookies in [
            [other, b"; ", NAME.as_bytes(), b"=", ada.as_bytes()].concat(),
            [NAME.as_bytes(), b"=", ada.as_bytes(), b";", other].concat(),
        ] {
            let response = get(&site, "/", &cookies).await;
            assert_eq!(response.body, ADA, "{}", cookies.escape_ascii());
            assert!(set_cookies(&response.headers).is_empty());
        }
    }
}

/// A proxy may quote the value ([RFC 6265, section
/// 4.1.1](https://www.rfc-editor.org/rfc/rfc6265#section-4.1.1)).
#[actix_web::test]
async fn one_pair_of_quotes_around_the_cookie_value_is_ignored() {
    let clock = TestClock::new();
    let site = site(&clock).await;
    let ada = session_of(&site, "ada").await;
    for (value, expected) in [
        (format!("\"{ada}\""), ADA),
        (format!("\"\"{ada}\"\""), ""),
        (format!("\"{ada}"), ""),
        (format!("{ada}\""), ""),
        (format!("'{ada}'"), ""),
    ] {
        assert_eq!(get(&site, "/", format!("{NAME}={value}")).await.body, expected, "{value}");
    }
}

/// Browsers enforce the `__Host-` prefix only for the literal name. So a sibling subdomain can set
/// a cookie whose decoded name equals the name of the session cookie.
#[actix_web::test]
async fn cookie_whose_decoded_name_is_the_session_name_is_ignored() {
    let clock = TestClock::new();
    for site in [site(&clock).await, Site::behind_a_reader(&clock).await] {
        let (ada, bob) = (session_of(&site, "ada").await, session_of(&site, "bob").await);
        for alias in [
            "%5F%5FHost-session",
            "__Host%2Dsession",
            "__Host-%73ession",
            "__Host-session%20",
            "\u{a0}__Host-session",
            "\u{2000}__Host-session",
            "\u{3000}%5F%5FHost-session",
            "__host-session",
        ] {
            for _ in 0..2 {
                let alone = get(&site, "/", format!("{alias}={bob}")).await;
                assert_eq!(alone.body, "", "{alias} alone");
                assert!(set_cookies(&alone.headers).is_empty(), "{alias} alone");
                for cookies in [
                    format!("{alias}={bob}; {NAME}={ada}"),
                    format!("{NAME}={ada}; {alias}=garbage"),
                ] {
                    let response = get(&site, "/", &cookies).await;
                    assert_eq!(response.body, ADA, "{alias} beside the session");
                    assert!(
                        set_cookies(&response.headers).is_empty(),
                        "{alias} beside the session"
                    );
                }
            }
        }
    }
}

#[actix_web::test]
async fn cookie_becomes_persistent_without_a_renewal() {
    let clock = TestClock::new();
    let persist = async |cookie: SessionCookie| {
        cookie.set_persistent(true);
        "persistent"
    };
    let session = session(LocalKey::generate(), &clock).build().unwrap();
    let app = App::new().wrap(session).configure(routes).route("/persist", web::get().to(persist));
    let site = Site::new(init_service(app).await);
    let mut browser = Browser::new();
    let first = browser.get(&site, "/set?user=ada").await;
    assert_eq!(set_cookie(&first.headers).max_age(), None);
    let persistent = browser.get(&site, "/persist").await;
    assert!(set_cookie(&persistent.headers).max_age().is_some());
    clock.advance(Duration::minutes(16));
    let slid = browser.get(&site, "/").await;
    assert!(set_cookie(&slid.headers).max_age().is_some());
}
