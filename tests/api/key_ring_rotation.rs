//! Rotation of the keys of sessions, remembered logins and refresh tokens at run time.

use actix_identity::config::LogoutBehavior;
use paseto_actix::keys::{KeyRing, KeySchedule};
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LocalKey, RefreshTokens, RememberMe};
use paseto_actix_tests::app::issuer_builder;
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::remember::{
    Application, REMEMBER, ada as remembered_ada, state, with_cookie,
};
use paseto_actix_tests::session::{ADA, Kind, Site, ada, set_cookies};
use serde_json::json;
use time::Duration;

/// A site whose sessions have one key, and the session of Ada.
struct OneKey {
    ring: KeyRing,
    old: LocalKey,
    site: Site,
    session: String,
}

impl OneKey {
    async fn new(kind: Kind, clock: &TestClock) -> Self {
        let old = LocalKey::generate();
        let ring = KeyRing::from(old.clone());
        let site = kind.site(ring.clone(), clock).await;
        let session = kind.value(&ada(&site).await);
        Self { ring, old, site, session }
    }
}

#[actix_web::test]
async fn sessions_stay_valid_and_move_to_the_active_key() {
    for kind in Kind::ALL {
        let clock = TestClock::new();
        let new = LocalKey::generate();
        let OneKey { ring, site, session: value, .. } = OneKey::new(kind, &clock).await;
        ring.announce(new.clone()).unwrap();
        let (body, headers) = site.read(kind, &value).await;
        assert_eq!((body.as_str(), set_cookies(&headers).len()), (ADA, 0), "{kind:?}");

        ring.activate(new.kid()).unwrap();
        let (body, headers) = site.read(kind, &value).await;
        assert_eq!(body, ADA, "{kind:?}");
        if kind == Kind::Middleware {
            assert_eq!(set_cookies(&headers).len(), 1, "the cached session is encrypted again");
        }
        let only_new = kind.site(new, &clock).await;
        let fresh = kind.value(&ada(&site).await);
        assert_eq!(only_new.read(kind, &fresh).await.0, ADA, "{kind:?}");
    }
}

#[actix_web::test]
async fn cached_session_of_a_removed_key_is_rejected() {
    for kind in Kind::ALL {
        let clock = TestClock::new();
        let new = LocalKey::generate();
        let OneKey { ring, old, site, session: value } = OneKey::new(kind, &clock).await;
        assert_eq!(site.read(kind, &value).await.0, ADA);
        ring.announce(new.clone()).unwrap();
        ring.activate(new.kid()).unwrap();
        assert_eq!(site.read(kind, &value).await.0, ADA);
        ring.remove(old.kid()).unwrap();
        assert_eq!(site.read(kind, &value).await.0, "", "{kind:?}");
    }
}

#[test]
fn failed_change_is_not_logged_as_a_change() {
    let ring = KeyRing::from(LocalKey::generate());
    let logs = Logs::capture();
    assert!(ring.activate(LocalKey::generate().kid()).is_err());
    assert!(ring.announce(ring.active()).is_err());
    assert_eq!(logs.count("the keys of a ring have changed"), 0, "{logs:?}");
    ring.announce(LocalKey::generate()).unwrap();
    assert_eq!(logs.count("the keys of a ring have changed"), 1, "{logs:?}");
}

#[actix_web::test]
async fn cached_session_is_encrypted_again_when_the_next_key_becomes_active() {
    let clock = TestClock::new();
    let kind = Kind::Middleware;
    let mut schedule = KeySchedule::new(LocalKey::generate());
    let next = LocalKey::generate();
    schedule.announce(next.clone(), Some(START + Duration::MINUTE)).unwrap();
    let site = kind.site(schedule, &clock).await;
    let value = kind.value(&ada(&site).await);
    for expected in [0, 0, 1] {
        if expected == 1 {
            clock.advance(Duration::MINUTE);
        }
        let (body, headers) = site.read(kind, &value).await;
        assert_eq!((body.as_str(), set_cookies(&headers).len()), (ADA, expected));
    }
}

/// Another process may make the key active first.
#[actix_web::test]
async fn session_of_an_announced_key_is_not_encrypted_again() {
    let clock = TestClock::new();
    let kind = Kind::Middleware;
    let (old, new) = (LocalKey::generate(), LocalKey::generate());
    let value = kind.value(&ada(&kind.site(new.clone(), &clock).await).await);
    let ring = KeyRing::from(old);
    ring.announce(new).unwrap();
    let (body, headers) = kind.site(ring, &clock).await.read(kind, &value).await;
    assert_eq!((body.as_str(), set_cookies(&headers).len()), (ADA, 0));
}

#[actix_web::test]
async fn remembered_logins_move_to_the_active_key() {
    let application = Application::new();
    let ring = KeyRing::from(application.remember_key.clone());
    let users = application.users.clone();
    let remember = RememberMe::builder(ring.clone()).clock(application.clock.clone());
    let remember = remember.try_credential_loader(move |id| {
        let fingerprint = users.fingerprint(&id);
        async { fingerprint }
    });
    let site = application.site_of(remember, LogoutBehavior::PurgeSession).await;
    let value = remembered_ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let new = LocalKey::generate();
    ring.announce(new.clone()).unwrap();
    ring.activate(new.kid()).unwrap();

    let mut browser = with_cookie(&value);
    assert_eq!(state(&site, &mut browser).await, "Remembered");
    assert_ne!(browser.cookie(REMEMBER).unwrap(), value, "the cookie is encrypted again");
    ring.remove(application.remember_key.kid()).unwrap();
    assert_eq!(
        state(&site, &mut with_cookie(browser.cookie(REMEMBER).unwrap())).await,
        "Remembered"
    );
    assert_ne!(state(&site, &mut with_cookie(&value)).await, "Remembered");
}

#[actix_web::test]
async fn refresh_tokens_move_to_the_active_key() {
    let clock = TestClock::new();
    let (old, new) = (LocalKey::generate(), LocalKey::generate());
    let ring = KeyRing::from(old.clone());
    let issuer = issuer_builder(&clock).build().unwrap();
    let tokens = RefreshTokens::builder(issuer, ring.clone())
        .token_family_store(MemoryTokenFamilyStore::new(10).clock(clock.clone()))
        .revocation_store(MemoryRevocationStore::new(10).clock(clock.clone()))
        .clock(clock.clone())
        .build()
        .unwrap();
    let claims = json!({});
    let first = tokens.login("ada").await.unwrap().issue(&claims).unwrap();
    ring.announce(new.clone()).unwrap();
    ring.activate(new.kid()).unwrap();
    let second = tokens.refresh(&first.refresh_token).await.unwrap().issue(&claims).unwrap();
    ring.remove(old.kid()).unwrap();
    assert!(tokens.refresh(&second.refresh_token).await.is_ok());
    assert!(tokens.refresh(&first.refresh_token).await.is_err(), "the key is removed");
}

/// Sessions are valid for 12 hours and refresh tokens for 30 days by default.
#[actix_web::test]
async fn retired_key_decrypts_for_the_longest_lifetime_of_the_users_of_the_ring() {
    let (old, new) = (LocalKey::generate(), LocalKey::generate());
    for (has_refresh_tokens, seconds) in [(false, 12 * 3600), (true, 30 * 86400)] {
        let (clock, ring) = (TestClock::new(), KeyRing::from(old.clone()));
        if has_refresh_tokens {
            let issuer = issuer_builder(&clock).build().unwrap();
            RefreshTokens::builder(issuer, ring.clone())
                .token_family_store(MemoryTokenFamilyStore::new(10))
                .revocation_store(MemoryRevocationStore::new(10))
                .clock(clock.clone())
                .build()
                .unwrap();
        }
        let _site = Kind::Middleware.site(ring.clone(), &clock).await;
        ring.announce(new.clone()).unwrap();
        ring.activate(new.kid()).unwrap();
        clock.advance(Duration::seconds(seconds + 304));
        assert_eq!(ring.statuses().len(), 2);
        clock.advance(Duration::SECOND);
        assert_eq!(ring.statuses().len(), 1, "the key has expired");
    }
}

/// An attacker with an old key can choose all times of a session.
#[actix_web::test]
async fn session_of_an_expired_key_is_rejected_even_if_it_is_cached() {
    let (clock, later) = (TestClock::new(), TestClock::new());
    let kind = Kind::Middleware;
    let (old, new) = (LocalKey::generate(), LocalKey::generate());
    later.advance(Duration::hours(12) - Duration::MINUTE);
    let forged = kind.value(&ada(&kind.site(old.clone(), &later).await).await);

    let ring = KeyRing::from(old);
    let site = kind.site(ring.clone(), &clock).await;
    ring.announce(new.clone()).unwrap();
    ring.activate(new.kid()).unwrap();
    clock.advance(Duration::hours(12));
    assert_eq!(site.read(kind, &forged).await.0, ADA);
    clock.advance(Duration::seconds(304));
    assert_eq!(
        site.read(kind, &forged).await.0,
        ADA,
        "the key is accepted, and the session is new"
    );
    clock.advance(Duration::SECOND);
    assert_eq!(site.read(kind, &forged).await.0, "", "the key has expired");
}
