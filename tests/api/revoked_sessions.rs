//! Sessions and remembered logins with a revocation store: no copy outlives them, and a store that is down lets nobody pass.

use actix_session::Session;
use actix_web::{
    http::{StatusCode, header::RETRY_AFTER},
    rt::task::yield_now,
    test::TestRequest,
    web,
};
use futures_util::future::join;
use paseto_actix::{KeyRing, LocalKey, MemorySeries, SessionProtection};
use paseto_actix_tests::{
    app::Answer,
    clock::TestClock,
    remember::{House, REMEMBER, SESSION, ada as remembered, state, with_cookie},
    revocation::Failing,
    session::{Client, Kind, Site, routes, set_cookie, set_cookies},
};
use time::Duration;

/// How long a record outlives its session or login: the longest leeway, and 5 seconds for clocks that differ.
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
            session.insert("user", "ada")?;
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
async fn b40_a_copy_from_before_purge_or_renew_is_no_session() {
    for kind in Kind::ALL {
        for way_out in ["/purge", "/renew"] {
            let clock = TestClock::new();
            let (site, store) = site(kind, &clock, 10).await;
            let (mut client, mut other) = (ada(&site).await, ada(&site).await);
            let first = client.session(kind);
            // The same session in another cookie.
            client.get(&site, "/set?user=ada").await;
            let copies = [first, client.session(kind)];
            client.get(&site, way_out).await;
            for copy in &copies {
                let (body, headers) = site.read(kind, copy).await;
                assert_eq!(body, "", "{kind:?} {way_out}");
                if kind != Kind::Alone {
                    assert_eq!(set_cookie(&headers).value(), "", "{kind:?} {way_out}: removed");
                }
            }
            let kept = if way_out == "/renew" { ADA } else { "" };
            assert_eq!(client.get(&site, "/").await.body, kept, "{kind:?} {way_out}");
            assert_eq!(other.get(&site, "/").await.body, ADA, "{kind:?} {way_out}: another session of hers");

            assert_eq!(store.count(), 1);
            clock.advance(Duration::hours(12) + SLACK);
            assert_eq!(store.count(), 1, "until no copy is alive by any clock");
            clock.advance(Duration::SECOND);
            assert_eq!(store.count(), 0, "{kind:?}: and no longer");
        }
    }
}

/// What a worker knows of a cookie says nothing of whether its session is alive.
#[actix_web::test]
async fn b36_a_known_cookie_is_revoked() {
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
async fn b40_a_cookie_that_a_request_under_way_sets_is_useless() {
    for kind in Kind::ALL {
        let (site, _) = site(kind, &TestClock::new(), 10).await;
        let mut client = ada(&site).await;
        let mut slow = client.clone();
        let (answer, out) = join(slow.get(&site, "/slow"), client.get(&site, "/purge")).await;
        assert_eq!((answer.body.as_str(), out.body.as_str()), ("set", "changed"));
        assert_ne!(set_cookie(&answer.headers).value(), "", "{kind:?}: it sets the cookie again");
        assert_eq!(slow.get(&site, "/").await.body, "", "{kind:?}");
    }
}

/// Nothing ends for a session that could not begin.
#[actix_web::test]
async fn b40_renewing_to_a_session_that_is_too_large_ends_nothing() {
    for kind in Kind::READY_MADE {
        let (site, store) = site(kind, &TestClock::new(), 10).await;
        let mut client = ada(&site).await;
        assert_eq!(client.get(&site, "/grow").await.status, StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(store.count(), 0);
        assert_eq!(client.get(&site, "/").await.body, ADA, "{kind:?}");
    }
}

#[track_caller]
fn assert_unavailable(answer: &Answer, case: &str) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{case}");
    assert_eq!(answer.headers.get(RETRY_AFTER).unwrap(), "1", "{case}");
    assert!(set_cookies(&answer.headers).is_empty(), "{case}: {:?}", answer.headers);
}

#[actix_web::test]
async fn b50_no_session_is_taken_unasked() {
    for kind in Kind::ALL {
        // Asked, and told that a session has ended where there is no room to keep it.
        for (capacity, down, paths) in
            [(10, true, ["/", "/set?user=eve", "/purge"]), (0, false, ["/purge", "/renew", "/purge"])]
        {
            let (site, store) = site(kind, &TestClock::new(), capacity).await;
            let mut client = ada(&site).await;
            let value = client.session(kind);
            store.set_down(down);
            for path in paths {
                let (answer, case) = (client.get(&site, path).await, format!("{kind:?} {path}, down: {down}"));
                if kind == Kind::Alone {
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
            assert_eq!(client.get(&site, "/").await.body, ADA, "{kind:?}: and is good once the store is back");
        }
    }
}

/// A site that remembers logins, with a revocation store.
async fn remembering(house: &House, series: bool, capacity: usize) -> (Site, Failing) {
    let store = Failing::new(&house.clock, capacity);
    let site = house.site_with(|remember| {
        let remember = remember.revocations(store.clone());
        if series { remember.series_store(MemorySeries::new(10)) } else { remember }
    });
    (site.await, store)
}

/// Asserts that this cookie logs nobody in, and that it is removed.
async fn assert_ended(site: &Site, value: &str, case: &str) {
    let mut client = with_cookie(value);
    assert_eq!(state(site, &mut client).await, "Anonymous", "{case}");
    assert!(client.cookie(REMEMBER).is_none(), "{case}: removed");
}

#[actix_web::test]
async fn b44_logout_ends_every_copy() {
    for series in [false, true] {
        for way_out in ["/logout", "/identity-logout", "/purge", "/login?user=bob", "/login?user=ada&remember=yes"] {
            for session in [true, false] {
                let (case, house) = (format!("{way_out}, series: {series}, session: {session}"), House::new());
                let (site, store) = remembering(&house, series, 10).await;
                let mut client = remembered(&site).await;
                let copy = client.cookie(REMEMBER).unwrap().to_owned();
                let other = remembered(&site).await.cookie(REMEMBER).unwrap().to_owned();
                if !session {
                    client.drop_cookie(SESSION);
                }
                assert_eq!(client.get(&site, way_out).await.status, StatusCode::OK, "{case}");
                assert_ended(&site, &copy, &case).await;
                assert_eq!(state(&site, &mut with_cookie(&other)).await, "Remembered", "{case}: another login of hers");
                assert_eq!(store.count(), 1, "{case}");
                house.clock.advance(Duration::days(30) + SLACK);
                assert_eq!(store.count(), 1, "{case}: until no copy is alive by any clock");
                house.clock.advance(Duration::SECOND);
                assert_eq!(store.count(), 0, "{case}: and no longer");
            }
        }
    }
}

/// The id is the login's, not the token's: another token of it, rotated or sealed anew, is as good to end it by.
#[actix_web::test]
async fn b44_every_token_of_the_login_ends() {
    let house = House::new();
    let store = Failing::new(&house.clock, 10);
    let old = house.site_with(|remember| remember.revocations(store.clone()).series_store(MemorySeries::new(10))).await;
    let new = House { remember_key: LocalKey::generate(), ..house.clone() };
    let keys = KeyRing::new(new.remember_key.clone(), [house.remember_key.clone()]).unwrap();
    let users = house.users.clone();
    let resealing = paseto_actix::RememberMe::builder(keys).clock(house.clock.clone()).revocations(store.clone());
    let resealing = resealing.try_user_loader(move |id| std::future::ready(users.stamp(&id)));
    let resealing = house.site_of(resealing, actix_identity::config::LogoutBehavior::PurgeSession).await;

    let mut client = remembered(&old).await;
    let mut copies = vec![client.cookie(REMEMBER).unwrap().to_owned()];
    for site in [&old, &resealing] {
        client.drop_cookie(SESSION);
        assert_eq!(state(site, &mut client).await, "Remembered");
        copies.push(client.cookie(REMEMBER).unwrap().to_owned());
    }
    assert!(copies[0] != copies[1] && copies[1] != copies[2], "three tokens");
    client.get(&resealing, "/logout").await;
    for copy in &copies {
        assert_ended(&resealing, copy, "after the logout").await;
    }
}

#[actix_web::test]
async fn b44_protection_and_an_unknown_user_end_it() {
    let house = House::new();
    let store = Failing::new(&house.clock, 10);
    let strong = |remember: paseto_actix::RememberMeBuilder| {
        remember.revocations(store.clone()).session_protection(SessionProtection::Strong)
    };
    let site = house.site_with(strong).await;
    let as_other = || TestRequest::with_uri("/state").insert_header(("user-agent", "another"));
    for session in [true, false] {
        let mut thief = remembered(&site).await;
        let copy = thief.cookie(REMEMBER).unwrap().to_owned();
        if !session {
            thief.drop_cookie(SESSION);
        }
        assert_eq!(thief.send(&site, as_other()).await.body, "Anonymous");
        assert_ended(&site, &copy, "of another client").await;
    }
    let copy = remembered(&site).await.cookie(REMEMBER).unwrap().to_owned();
    house.users.set("ada", None);
    assert_ended(&site, &copy, "unknown").await;
    house.users.set("ada", Some("analytical"));
    assert_ended(&site, &copy, "unknown once").await;
}

/// A logout elsewhere, while the user loader is at work, counts.
#[actix_web::test]
async fn b44_a_logout_during_the_user_loader() {
    for overtaken in [false, true] {
        let house = House::new();
        let store = Failing::new(&house.clock, 10);
        let elsewhere = house.site_with(|remember| remember.revocations(store.clone())).await;
        let mut other = remembered(&elsewhere).await;
        let copy = other.cookie(REMEMBER).unwrap().to_owned();
        let users = house.users.clone();
        let slow = paseto_actix::RememberMe::builder(house.remember_key.clone())
            .clock(house.clock.clone())
            .revocations(store.clone())
            .try_user_loader(move |id| {
                let stamp = users.stamp(&id);
                async move {
                    // The logout comes while this waits.
                    yield_now().await;
                    stamp
                }
            });
        let site = house.site_of(slow, actix_identity::config::LogoutBehavior::PurgeSession).await;
        let mut client = with_cookie(&copy);
        let logout = async {
            if overtaken {
                other.get(&elsewhere, "/logout").await;
            }
        };
        let (state, ()) = join(state(&site, &mut client), logout).await;
        assert_eq!(state, if overtaken { "Anonymous" } else { "Remembered" });
    }
}

#[actix_web::test]
async fn b50_nobody_is_logged_in_unasked() {
    for series in [false, true] {
        let (site, store) = remembering(&House::new(), series, 10).await;
        let value = remembered(&site).await.cookie(REMEMBER).unwrap().to_owned();
        store.set_down(true);
        for path in ["/me", "/state", "/logout", "/login?user=bob"] {
            let mut client = with_cookie(&value);
            assert_unavailable(&client.get(&site, path).await, path);
            assert_eq!(client.cookie(REMEMBER), Some(value.as_str()), "the cookie stays");
        }
        store.set_down(false);
        assert_eq!(state(&site, &mut with_cookie(&value)).await, "Remembered", "and is good once the store is back");
    }
}

/// A store that can keep no more says so, and is still good to ask.
#[actix_web::test]
async fn b50_a_logout_that_cannot_be_kept_is_told() {
    let (site, _) = remembering(&House::new(), false, 0).await;
    for path in ["/logout", "/identity-logout", "/purge", "/login?user=bob", "/login?user=ada&remember=yes"] {
        let mut client = remembered(&site).await;
        let value = client.cookie(REMEMBER).unwrap().to_owned();
        let answer = client.get(&site, path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        if path.starts_with("/login") {
            assert_eq!(client.cookie(REMEMBER), Some(value.as_str()), "{path}");
            assert_eq!(state(&site, &mut client).await, "Fresh", "{path}: still logged in as before");
        } else {
            // Copies stay good, which the answer tells; this browser is logged out.
            assert_eq!((client.cookie(REMEMBER), client.cookie(SESSION)), (None, None), "{path}");
        }
    }
}
