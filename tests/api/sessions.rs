//! Sessions in cookies: authenticity, timeouts and key rotation.

use actix_session::SessionMiddleware;
use actix_session::config::BrowserSession;
use actix_web::cookie::Key;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::http::header::CACHE_CONTROL;
use paseto_actix::cookie::CookieConfig;
use paseto_actix::keys::KeyRing;
use paseto_actix::testing::Browser;
use paseto_actix::{LocalKey, PasetoSessionStore};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::session::{ADA, Kind, Site, ada, routes, session, set_cookie, set_cookies};
use time::Duration;

/// Asserts that this cookie results in an empty session, and that the response removes it. A store
/// without `PasetoSession` cannot remove a cookie.
async fn assert_no_session(site: &Site, kind: Kind, value: &str, case: &str) {
    let (body, headers) = site.read(kind, value).await;
    assert_eq!(body, "", "{kind:?}: {case}");
    if kind == Kind::Store {
        assert!(set_cookies(&headers).is_empty(), "{case}");
        return;
    }
    let removal = set_cookie(&headers);
    assert_eq!((removal.name(), removal.value()), (kind.cookie(), ""), "{kind:?}: {case}");
    assert_eq!(removal.max_age(), Some(CookieDuration::ZERO));
    assert_eq!((removal.path(), removal.secure(), removal.domain()), (Some("/"), Some(true), None));
    assert_eq!(headers.get(CACHE_CONTROL).unwrap(), "no-store");
}

async fn assert_session(site: &Site, kind: Kind, value: &str) {
    let (body, headers) = site.read(kind, value).await;
    assert_eq!(body, ADA, "{kind:?}");
    assert!(set_cookies(&headers).is_empty(), "{kind:?}: a valid cookie is not replaced");
}

/// Returns the text with a different character at this index.
fn with_another(text: &str, index: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}

#[actix_web::test]
async fn forged_and_changed_cookies_are_rejected() {
    let (key, clock) = (LocalKey::generate(), TestClock::new());
    for kind in Kind::ALL {
        let site = kind.site(key.clone(), &clock).await;
        let good = kind.value(&ada(&site).await);
        let token = kind.token(&good).unwrap();
        assert!(token.starts_with("v4.local."), "{token}");
        assert_session(&site, kind, &good).await;
        assert_session(&site, kind, &kind.wrap(&token)).await;

        let stranger = kind.site(LocalKey::generate(), &clock).await;
        let foreign = kind.value(&ada(&stranger).await);
        for (case, value) in [
            ("no value", String::new()),
            ("garbage", "garbage".to_owned()),
            ("a value without a token", kind.wrap("ada")),
            ("an empty token", kind.wrap("v4.local.")),
            ("a header only", kind.wrap("v4.public.")),
            ("the token cut", kind.wrap(&token[..token.len() - 1])),
            ("the token in another case", kind.wrap(&token.replacen('v', "V", 1))),
            ("a footer", kind.wrap(&format!("{token}.Zm9v"))),
            ("an empty footer", kind.wrap(&format!("{token}."))),
            ("another key", foreign),
        ] {
            assert_no_session(&site, kind, &value, case).await;
        }
        for index in "v4.local.".len()..token.len() {
            assert_no_session(
                &site,
                kind,
                &kind.wrap(&with_another(&token, index)),
                "a character changed",
            )
            .await;
        }
    }
}

#[actix_web::test]
async fn invalid_cookie_is_replaced_by_a_new_session() {
    let clock = TestClock::new();
    for kind in Kind::ALL {
        let site = kind.site(LocalKey::generate(), &clock).await;
        let mut browser = Browser::new();
        browser.set_cookie(kind.cookie(), "garbage");
        let response = browser.get(&site, "/set?user=ada").await;
        assert_eq!(
            set_cookie(&response.headers).name(),
            kind.cookie(),
            "one cookie and no removal"
        );
        assert_session(&site, kind, &kind.value(&browser)).await;

        browser.set_cookie(kind.cookie(), "garbage");
        browser.get(&site, "/purge").await;
        assert_eq!(
            browser.cookie(kind.cookie()).is_none(),
            kind != Kind::Store,
            "{kind:?}: `purge` removes the cookie"
        );
    }
}

#[actix_web::test]
async fn session_of_another_application_or_cookie_name_is_rejected() {
    let (key, clock) = (LocalKey::generate(), TestClock::new());
    let kind = Kind::Middleware;
    let named = async |application: &str, cookie: &str| {
        let session = session(key.clone(), &clock)
            .application(application)
            .cookie(CookieConfig::new().name(cookie))
            .build();
        Site::of(session.unwrap(), routes).await
    };
    let (shop, name) = (named("shop", kind.cookie()).await, kind.cookie());
    let value = kind.value(&ada(&shop).await);
    assert_session(&named("shop", name).await, kind, &value).await;
    for other in ["", "forum", "SHOP", "shop\0"] {
        assert_no_session(&named(other, name).await, kind, &value, other).await;
    }

    let mut browser = Browser::new();
    browser.get(&named("shop", "__Host-other").await, "/set?user=ada").await;
    let token = browser.cookie("__Host-other").unwrap();
    assert_no_session(&shop, kind, token, "the token of another cookie").await;

    let store = |application: &str| {
        PasetoSessionStore::new(key.clone()).clock(clock.clone()).application(application)
    };
    let alone = async |application| {
        Site::alone(SessionMiddleware::new(store(application), Key::from(&[b'x'; 64])), routes)
            .await
    };
    let value = Kind::Store.value(&ada(&alone("shop").await).await);
    assert_session(&alone("shop").await, Kind::Store, &value).await;
    assert_no_session(&alone("forum").await, Kind::Store, &value, "another application").await;
}

#[actix_web::test]
async fn session_expires_by_the_time_in_its_token() {
    let clock = TestClock::new();
    for (kind, life) in [
        (Kind::Middleware, Duration::minutes(30)),
        // The default of `SessionMiddleware` is one day. The absolute timeout of the store is
        // shorter.
        (Kind::Store, Duration::hours(12)),
    ] {
        let site = kind.site(LocalKey::generate(), &clock).await;
        let value = kind.value(&ada(&site).await);
        clock.advance(life - Duration::NANOSECOND);
        assert_eq!(site.read(kind, &value).await.0, ADA, "{kind:?}: until the last nanosecond");
        clock.advance(Duration::NANOSECOND);
        assert_no_session(&site, kind, &value, "expired").await;
    }
}

#[actix_web::test]
async fn state_ttl_of_session_middleware_limits_the_session() {
    let clock = TestClock::new();
    let store = PasetoSessionStore::new(LocalKey::generate()).clock(clock.clone());
    let lifecycle = BrowserSession::default().state_ttl(CookieDuration::minutes(10));
    let builder =
        SessionMiddleware::builder(store, Key::from(&[b'x'; 64])).session_lifecycle(lifecycle);
    let site = Site::alone(builder.build(), routes).await;
    let value = Kind::Store.value(&ada(&site).await);
    clock.advance(Duration::minutes(10) - Duration::NANOSECOND);
    assert_session(&site, Kind::Store, &value).await;
    clock.advance(Duration::NANOSECOND);
    assert_no_session(&site, Kind::Store, &value, "expired").await;
}

#[actix_web::test]
async fn idle_timeout_slides_with_each_request() {
    let clock = TestClock::new();
    let (idle, step) = (Duration::minutes(30), Duration::minutes(20));
    let kind = Kind::Middleware;
    for path in ["/", "/idle"] {
        let site = kind.site(LocalKey::generate(), &clock).await;
        let mut browser = ada(&site).await;
        for _ in 0..15 {
            clock.advance(step);
            let response = browser.get(&site, path).await;
            assert_eq!(
                set_cookies(&response.headers).len(),
                1,
                "{kind:?}: the session is re-encrypted"
            );
        }
        let value = kind.value(&browser);
        clock.advance(idle - Duration::SECOND);
        assert_eq!(site.read(kind, &value).await.0, ADA, "{kind:?}: ten idle timeouts later");
        clock.advance(Duration::SECOND);
        assert_no_session(&site, kind, &value, "an idle timeout after the last request").await;
    }
}

#[actix_web::test]
async fn session_is_renewed_after_half_of_the_idle_timeout() {
    let clock = TestClock::new();
    let kind = Kind::Middleware;
    let site = kind.site(LocalKey::generate(), &clock).await;
    let value = kind.value(&ada(&site).await);
    clock.advance(Duration::minutes(15) - Duration::SECOND);
    assert_session(&site, kind, &value).await;
    clock.advance(Duration::SECOND);
    let (body, headers) = site.read(kind, &value).await;
    assert_eq!((body.as_str(), set_cookies(&headers).len()), (ADA, 1), "{kind:?}");
}

#[actix_web::test]
async fn absolute_timeout_does_not_slide() {
    let (clock, day) = (TestClock::new(), Duration::hours(12));
    for kind in Kind::ALL {
        for path in ["/", "/set?user=ada"] {
            let site = kind.site(LocalKey::generate(), &clock).await;
            let mut browser = ada(&site).await;
            let mut age = Duration::ZERO;
            while age < day - Duration::minutes(10) {
                clock.advance(Duration::minutes(10));
                age += Duration::minutes(10);
                browser.get(&site, path).await;
            }
            let value = kind.value(&browser);
            clock.advance(Duration::minutes(10) - Duration::SECOND);
            assert_eq!(site.read(kind, &value).await.0, ADA, "{kind:?}: until the last second");
            clock.advance(Duration::SECOND);
            assert_no_session(&site, kind, &value, "twelve hours old").await;
        }
    }
}

/// The state includes an entry with an empty name, which a re-encryption must keep.
#[actix_web::test]
async fn sliding_keeps_the_whole_state() {
    let clock = TestClock::new();
    let kind = Kind::Middleware;
    let site = kind.site(LocalKey::generate(), &clock).await;
    let mut browser = ada(&site).await;
    browser.get(&site, "/set?=nameless").await;
    let before = browser.get(&site, "/").await.body;
    assert_eq!(before, r#"="nameless" user="ada""#);
    clock.advance(Duration::minutes(20));
    assert_eq!(set_cookies(&browser.get(&site, "/idle").await.headers).len(), 1);
    assert_eq!(browser.get(&site, "/").await.body, before, "{kind:?}");
}

#[actix_web::test]
async fn session_of_a_retired_key_is_reencrypted() {
    let clock = TestClock::new();
    for kind in Kind::ALL {
        let (old, new) = (LocalKey::generate(), LocalKey::generate());
        let value = kind.value(&ada(&kind.site(old.clone(), &clock).await).await);
        let ring = KeyRing::new(new.clone(), [LocalKey::generate(), old.clone()]).unwrap();
        let (both, new_only) = (kind.site(ring, &clock).await, kind.site(new, &clock).await);
        assert_no_session(&new_only, kind, &value, "no retired key").await;

        let mut browser = Browser::new();
        browser.set_cookie(kind.cookie(), &value);
        // A store without `PasetoSession` encrypts only changed sessions.
        let path = if kind == Kind::Store { "/set?user=ada" } else { "/idle" };
        assert_eq!(browser.get(&both, "/").await.body, ADA, "{kind:?}");
        browser.get(&both, path).await;
        assert_ne!(kind.value(&browser), value);
        assert_session(&both, kind, &kind.value(&browser)).await;
        assert_session(&new_only, kind, &kind.value(&browser)).await;
        assert_no_session(
            &kind.site(old, &clock).await,
            kind,
            &kind.value(&browser),
            "a session of the new key",
        )
        .await;
    }
}

#[actix_web::test]
async fn key_rotation_does_not_extend_the_absolute_timeout() {
    let clock = TestClock::new();
    let kind = Kind::Middleware;
    let (old, new) = (LocalKey::generate(), LocalKey::generate());
    let session =
        session(old.clone(), &clock).idle_timeout(std::time::Duration::from_secs(12 * 60 * 60));
    let value = kind.value(&ada(&Site::of(session.build().unwrap(), routes).await).await);
    let site = kind.site(KeyRing::new(new, [old]).unwrap(), &clock).await;
    let mut browser = Browser::new();
    browser.set_cookie(kind.cookie(), &value);
    clock.advance(Duration::hours(12) - Duration::minutes(1));
    assert_eq!(browser.get(&site, "/").await.body, ADA);
    assert_ne!(kind.value(&browser), value, "the session is re-encrypted");
    clock.advance(Duration::minutes(1));
    assert_no_session(&site, kind, &kind.value(&browser), "twelve hours old").await;
}
