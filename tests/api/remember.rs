//! Remembered logins: who is logged in by a cookie, who is not, and what ends it.

use actix_identity::config::LogoutBehavior;
use actix_web::cookie::SameSite;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, COOKIE, VARY};
use actix_web::test::TestRequest;
use paseto_actix::keys::KeyRing;
use paseto_actix::{LocalKey, PasetoSession, RememberMe};
use paseto_actix_tests::remember::{
    House, REMEMBER, SESSION, ada, remember_cookie, state, with_cookie,
};
use paseto_actix_tests::session::{Client, Site, routes, set_cookies};
use time::Duration;

/// Asserts that this cookie logs nobody in, and that it is removed.
async fn assert_removed(site: &Site, value: &str, case: &str) {
    let mut client = with_cookie(value);
    let answer = client.get(site, "/state").await;
    assert_eq!(answer.body, "Anonymous", "{case}");
    let removal = remember_cookie(&answer.headers).unwrap_or_else(|| panic!("{case}: no removal"));
    assert_eq!((removal.value(), removal.max_age()), ("", Some(CookieDuration::ZERO)), "{case}");
    assert_eq!((removal.path(), removal.secure()), (Some("/"), Some(true)), "{case}");
    assert!(client.cookie(SESSION).is_none(), "{case}: no session is begun for it");
}

#[actix_web::test]
async fn the_cookie_of_a_login_that_is_remembered() {
    let house = House::new();
    let site = house.site().await;
    let answer = Client::new().get(&site, "/login?user=ada&remember=yes").await;
    let cookie = remember_cookie(&answer.headers).expect("a cookie");
    assert!(cookie.value().starts_with("v4.local."), "{cookie}");
    assert_eq!(
        (cookie.secure(), cookie.http_only(), cookie.domain()),
        (Some(true), Some(true), None)
    );
    assert_eq!((cookie.same_site(), cookie.path()), (Some(SameSite::Lax), Some("/")));
    assert_eq!(cookie.max_age(), Some(CookieDuration::days(30)));
    assert_eq!(answer.headers.get(CACHE_CONTROL).unwrap(), "no-store");
    assert!(answer.headers.contains_key(VARY));

    let answer = Client::new().get(&site, "/login?user=ada&remember=3600").await;
    assert_eq!(remember_cookie(&answer.headers).unwrap().max_age(), Some(CookieDuration::hours(1)));
    let answer = Client::new().get(&site, "/login?user=ada&remember=no").await;
    assert_eq!(
        remember_cookie(&answer.headers).unwrap().value(),
        "",
        "none, and an older one is removed"
    );
}

#[actix_web::test]
async fn after_the_session_the_cookie_logs_in_as_not_fresh() {
    let house = House::new();
    let site = house.site().await;
    let mut client = ada(&site).await;
    assert_eq!(state(&site, &mut client).await, "Fresh");
    for _ in 0..3 {
        client.drop_cookie(SESSION);
        let answer = client.get(&site, "/me").await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "ada"));
        assert_eq!(state(&site, &mut client).await, "Remembered");
        assert_eq!(client.get(&site, "/fresh").await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(state(&site, &mut Client::new()).await, "Anonymous");

    // Sessions of a key that is gone are none; the other key is still there.
    let restarted = House { session_key: LocalKey::generate(), ..house }.site().await;
    assert_eq!(state(&restarted, &mut client).await, "Remembered");
}

#[actix_web::test]
async fn it_expires_that_long_after_the_login() {
    let house = House::new();
    let site = house.site().await;
    for (remember, lifetime) in [("yes", Duration::days(30)), ("100", Duration::seconds(100))] {
        let mut client = Client::new();
        client.get(&site, &format!("/login?user=ada&remember={remember}")).await;
        let value = client.cookie(REMEMBER).unwrap().to_owned();
        house.clock.advance(lifetime / 2);
        assert_eq!(state(&site, &mut with_cookie(&value)).await, "Remembered");
        house.clock.advance(lifetime / 2 - Duration::SECOND);
        assert_eq!(
            state(&site, &mut with_cookie(&value)).await,
            "Remembered",
            "use does not matter"
        );
        house.clock.advance(Duration::SECOND);
        assert_removed(&site, &value, remember).await;
    }
}

#[actix_web::test]
async fn what_is_no_such_cookie_is_removed() {
    let house = House::new();
    let site = house.site().await;
    let good = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let foreign = House { remember_key: LocalKey::generate(), ..house.clone() }.site().await;
    let foreign = ada(&foreign).await.cookie(REMEMBER).unwrap().to_owned();
    let other = ada(&house.site_with(|remember| remember.application("forum")).await).await;
    let long = format!("v4.local.{}", "A".repeat(4096));
    for (case, value) in [
        ("no value", String::new()),
        ("a user's id, as the original has it", "ada".to_owned()),
        ("no token", "v4.local.".to_owned()),
        ("a footer", format!("{good}.Zm9v")),
        ("an empty footer", format!("{good}.")),
        ("padding", format!("{good}=")),
        ("cut", good[..good.len() - 1].to_owned()),
        ("too long", long),
        ("another key", foreign),
        ("another application", other.cookie(REMEMBER).unwrap().to_owned()),
    ] {
        assert_removed(&site, &value, case).await;
    }
    for index in "v4.local.".len()..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        assert_removed(&site, &String::from_utf8(bytes).unwrap(), "a character changed").await;
    }
    assert_eq!(state(&site, &mut with_cookie(&good)).await, "Remembered");
}

/// What another site of the domain can set, where a browser keeps no promise of a prefix.
#[actix_web::test]
async fn an_encoded_name_is_another_name() {
    let site = House::new().site().await;
    let good = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let alias = REMEMBER.replacen('_', "%5F", 1);
    let answer = site
        .send(TestRequest::with_uri("/state").insert_header((COOKIE, format!("{alias}={good}"))))
        .await;
    assert_eq!(answer.body, "Anonymous");
    assert!(set_cookies(&answer.headers).is_empty());
}

#[actix_web::test]
async fn the_user_loader_decides() {
    let house = House::new();
    let site = house.site().await;
    let value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    house.users.set("ada", None);
    assert_removed(&site, &value, "an unknown user").await;
    assert_eq!(
        Client::new().get(&site, "/login?user=ada&remember=yes").await.status,
        403,
        "an unknown user"
    );
    house.users.set("ada", Some("analytical"));
    assert_eq!(state(&site, &mut with_cookie(&value)).await, "Remembered", "as before");

    house.users.set("down", Some("the database"));
    let mut client = with_cookie(&value);
    let answer = client.get(&site, "/state").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(client.cookie(REMEMBER).is_some(), "who is not known to be gone loses nothing");
    let answer = Client::new().get(&site, "/login?user=ada&remember=yes").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(set_cookies(&answer.headers).is_empty(), "no login by halves");
}

#[actix_web::test]
async fn every_way_out_removes_the_cookie() {
    for way_out in ["/logout", "/identity-logout", "/purge"] {
        for behavior in [LogoutBehavior::PurgeSession, LogoutBehavior::DeleteIdentityKeys] {
            let house = House::new();
            let site = house.site_of(house.remember(), behavior).await;
            for remembered in [false, true] {
                let mut client = ada(&site).await;
                if remembered {
                    client.drop_cookie(SESSION);
                }
                assert_eq!(client.get(&site, way_out).await.body, "out");
                assert!(client.cookie(REMEMBER).is_none(), "{way_out} {remembered}");
                assert_eq!(state(&site, &mut client).await, "Anonymous", "{way_out} {remembered}");
            }
        }
    }
}

/// Without a store there is nothing on the server that could know of a logout.
#[actix_web::test]
async fn without_a_store_a_copy_stays_good_until_the_credentials_change() {
    let house = House::new();
    let site = house.site().await;
    let mut client = ada(&site).await;
    let copy = client.cookie(REMEMBER).unwrap().to_owned();
    client.get(&site, "/logout").await;
    assert_eq!(state(&site, &mut with_cookie(&copy)).await, "Remembered");

    house.users.set("ada", Some("another"));
    assert_removed(&site, &copy, "other credentials").await;
    house.users.set("bob", Some("another too"));
    let later = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    assert_eq!(state(&site, &mut with_cookie(&later)).await, "Remembered");
}

/// A cookie of the user before must not log that one in again, after the session of the next has ended.
#[actix_web::test]
async fn another_login_ends_the_one_before() {
    let site = House::new().site().await;
    for login in ["/login?user=bob&remember=no", "/identity-login?user=bob"] {
        let mut client = ada(&site).await;
        client.get(&site, login).await;
        assert_eq!(client.get(&site, "/me").await.body, "bob");
        client.drop_cookie(SESSION);
        assert_eq!(state(&site, &mut client).await, "Anonymous", "{login}");
    }
    let mut client = ada(&site).await;
    client.get(&site, "/login?user=bob&remember=yes").await;
    client.drop_cookie(SESSION);
    assert_eq!(client.get(&site, "/me").await.body, "bob");
}

#[actix_web::test]
async fn nobody_logs_in_into_a_session_that_was_purged() {
    let site = House::new().site().await;
    let mut client = ada(&site).await;
    assert_eq!(
        client.get(&site, "/purge-and-login?user=bob").await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

/// A cache that others share must keep nobody's login, whatever the handler says of the page.
#[actix_web::test]
async fn a_page_that_may_be_cached() {
    let site = House::new().site().await;
    let mut client = ada(&site).await;
    client.drop_cookie(SESSION);
    for (asked, expected) in
        [("public, max-age=3600", "no-store"), ("private, max-age=60", "private, max-age=60")]
    {
        let answer = client
            .get(&site, &format!("/login?user=ada&remember=yes&cache={asked}").replace(' ', "%20"))
            .await;
        assert!(remember_cookie(&answer.headers).is_some());
        assert_eq!(answer.headers.get(CACHE_CONTROL).unwrap(), expected);
        let vary: Vec<_> = answer.headers.get_all(VARY).collect();
        assert_eq!(vary, ["Origin, Cookie"]);
    }
}

#[actix_web::test]
async fn session_and_remembered_login_under_one_key() {
    let house = House::new();
    let house = House { remember_key: house.session_key.clone(), ..house };
    let site = house.site().await;
    let client = ada(&site).await;
    let (session, remember) = (client.cookie(SESSION).unwrap(), client.cookie(REMEMBER).unwrap());
    let token =
        session.rsplit_once("v4.local.").map(|(_, token)| format!("v4.local.{token}")).unwrap();
    assert_removed(&site, &token, "a session's token").await;
    assert_removed(&site, session, "a session's cookie").await;
    let alone = PasetoSession::builder(house.session_key.clone())
        .clock(house.clock.clone())
        .build()
        .unwrap();
    let alone = Site::of(alone, routes).await;
    let mut thief = Client::new();
    thief.keep(SESSION, &paseto_actix_tests::session::Kind::Middleware.wrap(remember));
    assert_eq!(thief.get(&alone, "/").await.body, "");
    assert!(thief.cookie(SESSION).is_none(), "and removed");
}

#[actix_web::test]
async fn keys_are_rotated() {
    let (house, new) = (House::new(), LocalKey::generate());
    let value = ada(&house.site().await).await.cookie(REMEMBER).unwrap().to_owned();
    let users = house.users.clone();
    let both = KeyRing::new(new.clone(), [house.remember_key.clone()]).unwrap();
    let remember =
        RememberMe::builder(both).clock(house.clock.clone()).try_user_loader(move |id| {
            let stamp = users.stamp(&id);
            async { stamp }
        });
    let site = house.site_of(remember, LogoutBehavior::PurgeSession).await;
    let mut client = with_cookie(&value);
    assert_eq!(state(&site, &mut client).await, "Remembered");
    let resealed = client.cookie(REMEMBER).unwrap().to_owned();
    assert_ne!(resealed, value);
    let site = House { remember_key: new, ..house }.site().await;
    assert_eq!(state(&site, &mut with_cookie(&resealed)).await, "Remembered");
    assert_removed(&site, &value, "no retired key").await;
}

/// The record of a login that has ended outlives the cookie, so a slow user loader changes nothing.
#[actix_web::test]
async fn a_cookie_that_expires_while_the_user_is_loaded_stays_revoked() {
    let house = House::new();
    let store = paseto_actix::revocation::MemoryRevocationStore::new(10).clock(house.clock.clone());
    let (clock, users) = (house.clock.clone(), house.users.clone());
    let site = house.site_with(|remember| {
        remember.revocation_store(store).try_user_loader(move |id| {
            let stamp = users.stamp(&id);
            clock.advance(Duration::seconds(2));
            async { stamp }
        })
    });
    let site = site.await;
    let mut client = ada(&site).await;
    let copy = client.cookie(REMEMBER).unwrap().to_owned();
    client.get(&site, "/logout").await;
    house.clock.advance(Duration::days(30) - Duration::SECOND);
    assert_eq!(state(&site, &mut with_cookie(&copy)).await, "Anonymous");
}
