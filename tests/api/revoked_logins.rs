//! Remembered logins with a revocation store: a request fails if the store is down.

use actix_web::http::StatusCode;
use actix_web::rt::task::yield_now;
use actix_web::test::TestRequest;
use futures_util::future::join;
use paseto_actix::LocalKey;
use paseto_actix::keys::KeyRing;
use paseto_actix::remember::SessionProtection;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix_tests::remember::{
    House, REMEMBER, SESSION, ada as remembered, state, with_cookie,
};
use paseto_actix_tests::revocation::{Failing, assert_unavailable};
use paseto_actix_tests::session::Site;
use time::Duration;

/// How long a record outlives its login: the longest leeway, and 5 seconds for clocks that differ.
const SLACK: Duration = Duration::seconds(305);

/// A site that remembers logins, with a revocation store.
async fn remembering(house: &House, family: bool, capacity: usize) -> (Site, Failing) {
    let store = Failing::new(&house.clock, capacity);
    let site = house.site_with(|remember| {
        let remember = remember.revocation_store(store.clone());
        if family {
            remember.token_family_store(MemoryTokenFamilyStore::new(10).clock(house.clock.clone()))
        } else {
            remember
        }
    });
    (site.await, store)
}

/// Asserts that this cookie logs no user in, and that it is removed.
async fn assert_ended(site: &Site, value: &str, case: &str) {
    let mut client = with_cookie(value);
    assert_eq!(state(site, &mut client).await, "Anonymous", "{case}");
    assert!(client.cookie(REMEMBER).is_none(), "{case}: removed");
}

#[actix_web::test]
async fn logout_ends_every_copy() {
    for family in [false, true] {
        for way_out in [
            "/logout",
            "/identity-logout",
            "/purge",
            "/login?user=bob",
            "/login?user=ada&remember=yes",
        ] {
            for session in [true, false] {
                let (case, house) =
                    (format!("{way_out}, family: {family}, session: {session}"), House::new());
                let (site, store) = remembering(&house, family, 10).await;
                let mut client = remembered(&site).await;
                let copy = client.cookie(REMEMBER).unwrap().to_owned();
                let other = remembered(&site).await.cookie(REMEMBER).unwrap().to_owned();
                if !session {
                    client.drop_cookie(SESSION);
                }
                assert_eq!(client.get(&site, way_out).await.status, StatusCode::OK, "{case}");
                assert_ended(&site, &copy, &case).await;
                assert_eq!(
                    state(&site, &mut with_cookie(&other)).await,
                    "Remembered",
                    "{case}: another login of hers"
                );
                assert_eq!(store.count(), 1, "{case}");
                house.clock.advance(Duration::days(30) + SLACK);
                assert_eq!(store.count(), 1, "{case}: until no copy is alive by any clock");
                house.clock.advance(Duration::SECOND);
                assert_eq!(store.count(), 0, "{case}: and no longer");
            }
        }
    }
}

/// The id is the login's, not the token's: another token of it, rotated or sealed anew, is as good
/// to end it by.
#[actix_web::test]
async fn every_token_of_the_login_ends() {
    let house = House::new();
    let store = Failing::new(&house.clock, 10);
    let old = house
        .site_with(|remember| {
            remember
                .revocation_store(store.clone())
                .token_family_store(MemoryTokenFamilyStore::new(10).clock(house.clock.clone()))
        })
        .await;
    let new = House { remember_key: LocalKey::generate(), ..house.clone() };
    let keys = KeyRing::new(new.remember_key.clone(), [house.remember_key.clone()]).unwrap();
    let users = house.users.clone();
    let resealing = paseto_actix::RememberMe::builder(keys)
        .clock(house.clock.clone())
        .revocation_store(store.clone());
    let resealing = resealing.try_user_loader(move |id| std::future::ready(users.stamp(&id)));
    let resealing =
        house.site_of(resealing, actix_identity::config::LogoutBehavior::PurgeSession).await;

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
async fn protection_and_an_unknown_user_end_it() {
    let house = House::new();
    let store = Failing::new(&house.clock, 10);
    let strong = |remember: paseto_actix::remember::RememberMeBuilder| {
        remember.revocation_store(store.clone()).session_protection(SessionProtection::Strong)
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
async fn a_logout_during_the_user_loader() {
    for overtaken in [false, true] {
        let house = House::new();
        let store = Failing::new(&house.clock, 10);
        let elsewhere = house.site_with(|remember| remember.revocation_store(store.clone())).await;
        let mut other = remembered(&elsewhere).await;
        let copy = other.cookie(REMEMBER).unwrap().to_owned();
        let users = house.users.clone();
        let slow = paseto_actix::RememberMe::builder(house.remember_key.clone())
            .clock(house.clock.clone())
            .revocation_store(store.clone())
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
async fn nobody_is_logged_in_unasked() {
    for family in [false, true] {
        let (site, store) = remembering(&House::new(), family, 10).await;
        let value = remembered(&site).await.cookie(REMEMBER).unwrap().to_owned();
        store.set_down(true);
        for path in ["/me", "/state", "/logout", "/login?user=bob"] {
            let mut client = with_cookie(&value);
            assert_unavailable(&client.get(&site, path).await, path);
            assert_eq!(client.cookie(REMEMBER), Some(value.as_str()), "the cookie stays");
        }
        store.set_down(false);
        assert_eq!(
            state(&site, &mut with_cookie(&value)).await,
            "Remembered",
            "and is good once the store is back"
        );
    }
}

/// A store that can keep no more says so, and is still good to ask.
#[actix_web::test]
async fn a_logout_that_cannot_be_kept_is_told() {
    let (site, _) = remembering(&House::new(), false, 0).await;
    for path in
        ["/logout", "/identity-logout", "/purge", "/login?user=bob", "/login?user=ada&remember=yes"]
    {
        let mut client = remembered(&site).await;
        let value = client.cookie(REMEMBER).unwrap().to_owned();
        let answer = client.get(&site, path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        if path.starts_with("/login") {
            assert_eq!(client.cookie(REMEMBER), Some(value.as_str()), "{path}");
            assert_eq!(
                state(&site, &mut client).await,
                "Fresh",
                "{path}: still logged in as before"
            );
        } else {
            // Copies stay good, which the answer tells; this browser is logged out.
            assert_eq!((client.cookie(REMEMBER), client.cookie(SESSION)), (None, None), "{path}");
        }
    }
}
