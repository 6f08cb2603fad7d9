//! Purging and renewal of sessions, caching headers, cookie attributes, and tokens of other
//! purposes.

use actix_session::Session;
use actix_web::cookie::SameSite;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, VARY};
use actix_web::{HttpResponse, web};
use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix::cookie::CookieConfig;
use paseto_actix::testing::Browser;
use paseto_actix::{LocalKey, PasetoSession};
use paseto_actix_tests::app::{assert_accepted, assert_rejected, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::session::{ADA, Kind, Site, ada, routes, session, set_cookie, set_cookies};
use paseto_actix_tests::{keys, parts};
use pasetors::keys::SymmetricKey;
use pasetors::version4::{LocalToken, V4};
use serde_json::json;
use time::Duration;

fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).map(|value| value.to_str().unwrap()).collect()
}

#[actix_web::test]
async fn without_a_store_purge_removes_the_cookie_and_a_copy_stays_valid() {
    let clock = TestClock::new();
    for kind in Kind::ALL {
        let site = kind.site(LocalKey::generate(), &clock).await;
        let mut browser = ada(&site).await;
        let copy = kind.value(&browser);
        let response = browser.get(&site, "/purge").await;
        let removal = set_cookie(&response.headers);
        assert_eq!(
            (removal.value(), removal.max_age()),
            ("", Some(CookieDuration::ZERO)),
            "{kind:?}"
        );
        assert_eq!(removal.path(), Some("/"));
        assert_eq!(browser.cookie(kind.cookie()), None);
        assert_eq!(browser.get(&site, "/").await.body, "", "{kind:?}: logged out");

        assert_eq!(
            site.read(kind, &copy).await.0,
            ADA,
            "{kind:?}: the server does not record the purge"
        );
        clock.advance(if kind == Kind::Store {
            Duration::hours(12)
        } else {
            Duration::minutes(30)
        });
        assert_eq!(site.read(kind, &copy).await.0, "", "{kind:?}: the copy has expired");
    }
}

#[actix_web::test]
async fn renew_restarts_the_absolute_timeout_and_keeps_the_state() {
    let clock = TestClock::new();
    for kind in Kind::ALL {
        let site = kind.site(LocalKey::generate(), &clock).await;
        let (mut renewed, mut kept) = (ada(&site).await, ada(&site).await);
        let copy = kind.value(&renewed);
        let mut age = Duration::ZERO;
        while age < Duration::hours(11) {
            clock.advance(Duration::minutes(10));
            age += Duration::minutes(10);
            for browser in [&mut renewed, &mut kept] {
                assert_eq!(browser.get(&site, "/").await.body, ADA);
            }
        }
        renewed.get(&site, "/renew").await;
        assert_ne!(kind.value(&renewed), copy);
        for _ in 0..6 {
            clock.advance(Duration::minutes(10));
            for browser in [&mut renewed, &mut kept] {
                browser.get(&site, "/").await;
            }
        }
        assert_eq!(
            renewed.get(&site, "/").await.body,
            ADA,
            "{kind:?}: the absolute timeout has restarted"
        );
        assert_eq!(kept.get(&site, "/").await.body, "", "{kind:?}: twelve hours old");
        assert_eq!(
            site.read(kind, &copy).await.0,
            "",
            "{kind:?}: the expiry of the old cookie is unchanged"
        );
    }
}

#[actix_web::test]
async fn without_a_store_the_cookie_before_renew_stays_valid() {
    let clock = TestClock::new();
    for kind in Kind::ALL {
        let site = kind.site(LocalKey::generate(), &clock).await;
        let mut browser = ada(&site).await;
        let copy = kind.value(&browser);
        browser.get(&site, "/renew").await;
        browser.get(&site, "/set?user=bob").await;
        assert_eq!(browser.get(&site, "/").await.body, r#"user="bob""#);
        assert_eq!(site.read(kind, &copy).await.0, ADA, "{kind:?}: with the state of its time");
    }
}

fn handlers(config: &mut web::ServiceConfig) {
    routes(config);
    config.route(
        "/own",
        web::get().to(async |session: Session| {
            session.insert("user", "ada")?;
            let response = HttpResponse::Ok()
                .insert_header((CACHE_CONTROL, "private"))
                .insert_header((VARY, "Accept"))
                .finish();
            Ok::<_, actix_web::Error>(response)
        }),
    );
}

/// RFC 9111, sections 4.1 and 5.2.2.5.
#[actix_web::test]
async fn responses_vary_by_cookie_and_are_no_store_if_they_set_a_cookie() {
    let clock = TestClock::new();
    let kind = Kind::Middleware;
    let site = Site::of(session(LocalKey::generate(), &clock).build().unwrap(), handlers).await;
    let mut browser = Browser::new();
    // The path, whether the response sets a cookie, `Vary`, and `Cache-Control`.
    let table: [(&str, bool, &[&str], &[&str]); 10] = [
        ("/", false, &["Cookie"], &[]),
        ("/set?user=ada", true, &["Cookie"], &["no-store"]),
        ("/", false, &["Cookie"], &[]),
        ("/nowhere", false, &["Cookie"], &[]),
        ("/set?user=bob", true, &["Cookie"], &["no-store"]),
        ("/own", true, &["Accept, Cookie"], &["private"]),
        ("/renew", true, &["Cookie"], &["no-store"]),
        ("/clear", true, &["Cookie"], &["no-store"]),
        ("/purge", true, &["Cookie"], &["no-store"]),
        ("/", false, &["Cookie"], &[]),
    ];
    for (path, sets, vary, cache_control) in table {
        let response = browser.get(&site, path).await;
        assert_eq!(set_cookies(&response.headers).len(), usize::from(sets), "{kind:?} {path}");
        assert_eq!(all(&response.headers, "vary"), vary, "{kind:?} {path}");
        assert_eq!(all(&response.headers, "cache-control"), cache_control, "{kind:?} {path}");
    }

    browser.get(&site, "/set?user=ada").await;
    clock.advance(Duration::minutes(20));
    assert_eq!(
        all(&browser.get(&site, "/").await.headers, "cache-control"),
        ["no-store"],
        "{kind:?}: the response renews the cookie"
    );
}

/// Each setting changes its attribute in `Set-Cookie`.
#[actix_web::test]
async fn cookie_attributes_follow_the_settings() {
    let clock = TestClock::new();
    let build = || session(LocalKey::generate(), &clock);
    let cookie = async |session: PasetoSession| {
        let site = Site::of(session, routes).await;
        let response = Browser::new().get(&site, "/set?user=ada").await;
        set_cookie(&response.headers).into_owned()
    };
    let default = cookie(build().build().unwrap()).await;
    assert_eq!(default.name(), "__Host-session");
    assert_eq!((default.secure(), default.http_only()), (Some(true), Some(true)));
    assert_eq!((default.path(), default.domain()), (Some("/"), None));
    assert_eq!(
        (default.same_site(), default.max_age(), default.expires()),
        (Some(SameSite::Lax), None, None)
    );

    let plain = cookie(build().development_over_plain_http().build().unwrap()).await;
    assert_eq!((plain.name(), plain.secure()), ("session", None));
    assert_eq!((plain.http_only(), plain.same_site()), (Some(true), Some(SameSite::Lax)));

    let set = build()
        .cookie(
            CookieConfig::new()
                .name("__Secure-id")
                .path("/shop")
                .domain("shop.example")
                .same_site(SameSite::Strict)
                .http_only(false),
        )
        .persistent(true);
    let set = cookie(set.build().unwrap()).await;
    assert_eq!(
        (set.name(), set.path(), set.domain()),
        ("__Secure-id", Some("/shop"), Some("shop.example"))
    );
    assert_eq!((set.same_site(), set.http_only()), (Some(SameSite::Strict), None));
    assert_eq!(set.max_age(), Some(CookieDuration::minutes(30)));
}

/// An application uses one 32-byte secret for all purposes, as seed of the secret key and as local
/// key.
#[actix_web::test]
async fn session_rejects_tokens_of_other_purposes_under_the_same_key() {
    let clock = TestClock::new();
    let seed = parts::signing_key(&keys::secret()).to_bytes();
    let key =
        LocalKey::from_paserk(&format!("k4.local.{}", Base64UrlUnpadded::encode_string(&seed)))
            .unwrap();
    let peer = SymmetricKey::<V4>::from(&seed).unwrap();

    let access =
        issuer_builder(&clock).build().unwrap().token(&json!({})).subject("ada").issue().unwrap();
    let verifier = verifier_builder(&clock).build().unwrap();
    assert_accepted(&verifier, &access).await;

    for kind in Kind::ALL {
        let site = kind.site(key.clone(), &clock).await;
        let value = kind.value(&ada(&site).await);
        let token = kind.token(&value).unwrap();
        assert_eq!(site.read(kind, &kind.wrap(&token)).await.0, ADA, "{kind:?}");
        assert_rejected(&verifier, &token).await;
        assert_rejected(&verifier, &token.replacen("local", "public", 1)).await;

        // The payload of a session, encrypted under the same key for other purposes.
        let assertion = |purpose: &str| assertion(purpose, kind);
        let payload = LocalToken::decrypt(
            &peer,
            &pasetors::token::UntrustedToken::try_from(token.as_str()).unwrap(),
            None,
            Some(&assertion("session")),
        );
        let payload =
            payload.expect("the assertion of a session decrypts the token").payload().to_owned();
        for (purpose, accepted) in
            [("session", true), ("remember-me", false), ("access", false), ("", false)]
        {
            let encrypted =
                LocalToken::encrypt(&peer, payload.as_bytes(), None, Some(&assertion(purpose)))
                    .unwrap();
            let body = site.read(kind, &kind.wrap(&encrypted)).await.0;
            assert_eq!(body == ADA, accepted, "{kind:?}: encrypted for {purpose:?}");
        }
        let bare = LocalToken::encrypt(&peer, payload.as_bytes(), None, None).unwrap();
        let signed = parts::sign(&keys::secret(), payload.as_bytes(), b"", &assertion("session"));
        for token in [bare, signed, access.clone(), access.replacen("public", "local", 1)] {
            assert_eq!(site.read(kind, &kind.wrap(&token)).await.0, "", "{kind:?}: {token}");
        }
    }
}

/// Returns the implicit assertion of a purpose, independent of the library's code. It contains four
/// strings, each after its length.
fn assertion(purpose: &str, kind: Kind) -> Vec<u8> {
    let cookie = if kind == Kind::Store { "" } else { kind.cookie() };
    let pieces = ["paseto-actix", purpose, "", cookie];
    pieces
        .iter()
        .flat_map(|piece| [&(piece.len() as u64).to_le_bytes(), piece.as_bytes()].concat())
        .collect()
}

/// Another program with the key can write any string as the ID of a session.
#[actix_web::test]
async fn session_whose_id_needs_escapes_stays_readable_after_a_change() {
    let clock = TestClock::new();
    let peer = SymmetricKey::<V4>::from(&[7; 32]).unwrap();
    let key = format!("k4.local.{}", Base64UrlUnpadded::encode_string(&[7; 32]));
    let now = START.unix_timestamp();
    let (created, expires) = (now, now + 60);
    let payload = json!({
        "v": 2, "id": "\"\\\u{0}", "created": created, "expires": expires, "state": { "user": "ada" }
    });
    for kind in Kind::ALL {
        let site = kind.site(LocalKey::from_paserk(&key).unwrap(), &clock).await;
        let assertion = assertion("session", kind);
        let payload = payload.to_string();
        let token = LocalToken::encrypt(&peer, payload.as_bytes(), None, Some(&assertion)).unwrap();
        let mut browser = Browser::new();
        browser.set_cookie(kind.cookie(), kind.wrap(&token));
        assert_eq!(browser.get(&site, "/set?cart=tea").await.body, "set");
        let body = browser.get(&site, "/").await.body;
        assert_eq!(body, r#"cart="tea" user="ada""#, "{kind:?}");
    }
}

/// An attacker with a stolen key could otherwise create a session without an absolute timeout.
#[actix_web::test]
async fn session_from_the_future_is_rejected() {
    for kind in Kind::ALL {
        for (seconds, expected) in [(305, ADA), (306, "")] {
            let (key, clock, ahead) = (LocalKey::generate(), TestClock::new(), TestClock::new());
            ahead.advance(Duration::seconds(seconds));
            let value = kind.value(&ada(&kind.site(key.clone(), &ahead).await).await);
            let (body, _) = kind.site(key, &clock).await.read(kind, &value).await;
            assert_eq!(body, expected, "{kind:?}: {seconds} seconds ahead");
        }
    }
}
