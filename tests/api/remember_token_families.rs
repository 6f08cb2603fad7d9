//! Token families: each token of a remembered login is good for one use.

use actix_identity::config::LogoutBehavior;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use futures_util::future::join_all;
use paseto_actix::clock::Clock;
use paseto_actix::token_family::{MemoryTokenFamilyStore, RandomId};
use paseto_actix_tests::remember::{
    House, REMEMBER, SESSION, ada, site_with_token_family as site, state, use_up, with_cookie,
};
use paseto_actix_tests::session::{Client, set_cookies};
use time::Duration;

#[actix_web::test]
async fn each_use_rotates() {
    let house = House::new();
    let (site, reuses) = site(&house).await;
    let mut value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    for _ in 0..5 {
        house.clock.advance(Duration::days(1));
        let (state, next) = use_up(&site, &value).await;
        let next = next.expect("another cookie");
        assert_eq!(state, "Remembered");
        assert_ne!(next, value);
        value = next;
    }
    house.clock.advance(Duration::days(25));
    assert_eq!(
        use_up(&site, &value).await,
        ("Anonymous".to_owned(), None),
        "30 days after the login"
    );
    assert!(reuses.lock().unwrap().is_empty());
}

/// While a session is there, the cookie is not looked at.
#[actix_web::test]
async fn a_session_uses_no_token_up() {
    let (site, _) = site(&House::new()).await;
    let mut client = ada(&site).await;
    let answer = client.get(&site, "/me").await;
    assert!(set_cookies(&answer.headers).is_empty(), "{:?}", answer.headers);
}

#[actix_web::test]
async fn the_token_before_is_taken_for_a_minute() {
    let house = House::new();
    let (site, reuses) = site(&house).await;
    let other = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let old = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let (_, current) = use_up(&site, &old).await;
    let current = current.unwrap();
    for seconds in [0, 30, 30] {
        house.clock.advance(Duration::seconds(seconds));
        let (state, copy) = use_up(&site, &old).await;
        assert_eq!(state, "Remembered", "after {seconds} s more");
        // The response with the current one may have been lost: here is another with the same.
        assert!(copy.is_some());
    }
    assert!(reuses.lock().unwrap().is_empty());
    house.clock.advance(Duration::nanoseconds(1));
    assert_eq!(use_up(&site, &old).await, ("Anonymous".to_owned(), None));
    assert_eq!(*reuses.lock().unwrap(), ["ada"]);
    assert_eq!(use_up(&site, &current).await, ("Anonymous".to_owned(), None), "for whoever has it");
    assert_eq!(reuses.lock().unwrap().len(), 1, "told once");
    assert_eq!(
        use_up(&site, &other).await.0,
        "Remembered",
        "a family of another login is untouched"
    );
}

#[actix_web::test]
async fn a_token_two_uses_old_is_reuse_at_once() {
    let house = House::new();
    let (site, reuses) = site(&house).await;
    let first = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let (_, second) = use_up(&site, &first).await;
    let (_, third) = use_up(&site, &second.unwrap()).await;
    assert_eq!(use_up(&site, &first).await.0, "Anonymous");
    assert_eq!(use_up(&site, &third.unwrap()).await.0, "Anonymous");
    assert_eq!(reuses.lock().unwrap().len(), 1);
}

/// The copy that the grace hands out is the current token, not one of its own.
#[actix_web::test]
async fn a_copy_from_the_grace_is_the_current_token() {
    let house = House::new();
    let (site, reuses) = site(&house).await;
    let old = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    use_up(&site, &old).await;
    let (_, copy) = use_up(&site, &old).await;
    house.clock.advance(Duration::minutes(10));
    assert_eq!(use_up(&site, &copy.unwrap()).await.0, "Remembered");
    assert!(reuses.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn parallel_requests_rotate_once() {
    let house = House::new();
    let (site, reuses) = site(&house).await;
    let value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let requests = (0..64).map(|_| async {
        let mut client = with_cookie(&value);
        let answer = client.get(&site, "/me").await;
        (answer.body, client)
    });
    let answers = join_all(requests).await;
    assert!(answers.iter().all(|(body, _)| body == "ada"), "all are served");
    house.clock.advance(Duration::hours(1));
    // One rotation: they all have the same current token, so the first of them to come back is the one that may.
    let mut clients = answers.into_iter().map(|(_, client)| client);
    let mut first = clients.next().unwrap();
    assert_eq!(
        state(&site, &mut first).await,
        "Remembered",
        "the session of the first has ended, the cookie has not"
    );
    let mut last = clients.next_back().unwrap();
    assert_eq!(state(&site, &mut last).await, "Remembered", "within the grace of that one");
    assert!(reuses.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn logout_ends_every_copy() {
    for way_out in ["/logout", "/identity-logout", "/purge"] {
        let (site, reuses) = site(&House::new()).await;
        let mut client = ada(&site).await;
        let copy = client.cookie(REMEMBER).unwrap().to_owned();
        client.get(&site, way_out).await;
        assert_eq!(use_up(&site, &copy).await, ("Anonymous".to_owned(), None), "{way_out}");

        let mut client = ada(&site).await;
        client.drop_cookie(SESSION);
        let old = client.cookie(REMEMBER).unwrap().to_owned();
        client.get(&site, way_out).await;
        assert_eq!(
            use_up(&site, &old).await.0,
            "Anonymous",
            "{way_out}: in the request that the cookie logged in"
        );
        assert!(reuses.lock().unwrap().is_empty());
    }
}

#[actix_web::test]
async fn a_login_ends_the_token_family_before() {
    for login in
        ["/login?user=bob&remember=no", "/login?user=ada&remember=yes", "/identity-login?user=bob"]
    {
        let (site, _) = site(&House::new()).await;
        let mut client = ada(&site).await;
        let copy = client.cookie(REMEMBER).unwrap().to_owned();
        client.get(&site, login).await;
        assert_eq!(use_up(&site, &copy).await.0, "Anonymous", "{login}");
    }
}

#[actix_web::test]
async fn all_logins_of_a_user_end() {
    let house = House::new();
    let store = MemoryTokenFamilyStore::new(1000).clock(house.clock.clone());
    let site = house.site_with(|remember| remember.token_family_store(store.clone())).await;
    let copies = [ada(&site).await, ada(&site).await]
        .map(|client| client.cookie(REMEMBER).unwrap().to_owned());
    let mut bob = Client::new();
    bob.get(&site, "/login?user=bob&remember=yes").await;
    let remember = house.remember().token_family_store(store.clone()).build().unwrap();
    remember.logout_all("ada").await.unwrap();
    for copy in copies {
        assert_eq!(use_up(&site, &copy).await.0, "Anonymous");
    }
    assert_eq!(use_up(&site, bob.cookie(REMEMBER).unwrap()).await.0, "Remembered");
    assert!(
        house.remember().build().unwrap().logout_all("ada").await.is_err(),
        "there is nothing to ask"
    );
}

/// Cookies from before there was a store belong to no token family.
#[actix_web::test]
async fn a_cookie_of_no_token_family_is_refused_where_token_family_are_kept() {
    let house = House::new();
    let value = ada(&house.site().await).await.cookie(REMEMBER).unwrap().to_owned();
    let (site, _) = site(&house).await;
    assert_eq!(use_up(&site, &value).await, ("Anonymous".to_owned(), None));
}

#[actix_web::test]
async fn a_full_store_is_an_error_and_forgets_nobody() {
    let house = House::new();
    let store = MemoryTokenFamilyStore::new(2).clock(house.clock.clone());
    let site = house.site_with(|remember| remember.token_family_store(store.clone())).await;
    let mut first = Client::new();
    first.get(&site, "/login?user=ada&remember=60").await;
    let second = ada(&site).await;
    let mut third = Client::new();
    let answer = third.get(&site, "/login?user=ada&remember=yes").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.contains_key(RETRY_AFTER));
    assert!(set_cookies(&answer.headers).is_empty(), "no login by halves: {:?}", answer.headers);
    assert_eq!(store.len(), 2);
    assert_eq!(third.get(&site, "/login?user=ada").await.body, "in", "without being remembered");

    house.clock.advance(Duration::MINUTE);
    assert_eq!(ada(&site).await.get(&site, "/me").await.body, "ada", "what has expired makes room");
    assert_eq!(store.len(), 2);
    assert_eq!(use_up(&site, second.cookie(REMEMBER).unwrap()).await.0, "Remembered");
    assert_eq!(use_up(&site, first.cookie(REMEMBER).unwrap()).await.0, "Anonymous");
}

#[actix_web::test]
async fn names_of_token_families() {
    let id = RandomId::generate().unwrap();
    assert_eq!(id.to_string().len(), 22);
    assert_eq!(id.to_string().parse::<RandomId>().unwrap(), id);
    assert_eq!(serde_json::from_value::<RandomId>(id.to_string().into()).unwrap(), id);
    assert_ne!(RandomId::generate().unwrap(), id);
    for bad in
        ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAB"]
    {
        assert!(bad.parse::<RandomId>().is_err(), "{bad}");
        assert!(serde_json::from_value::<RandomId>(bad.into()).is_err(), "{bad}");
    }
}

/// Servers of one site differ in their clocks. Only the clock of the store decides about the grace.
#[actix_web::test]
async fn the_grace_is_judged_by_the_clock_of_the_store() {
    let house = House::new();
    let store = MemoryTokenFamilyStore::new(10).clock(house.clock.clone());
    let server = async |ahead: Duration| {
        let clock = house.clock.clone();
        let remember =
            house.remember().clock(move || clock.now() + ahead).token_family_store(store.clone());
        house.site_of(remember, LogoutBehavior::PurgeSession).await
    };
    let (exact, ahead, behind) = (
        server(Duration::ZERO).await,
        server(Duration::minutes(2)).await,
        server(-Duration::HOUR).await,
    );
    let first = ada(&exact).await.cookie(REMEMBER).unwrap().to_owned();
    let (_, second) = use_up(&exact, &first).await;
    house.clock.advance(Duration::seconds(59));
    assert_eq!(use_up(&ahead, &first).await.0, "Remembered", "a retry is no theft");
    house.clock.advance(Duration::seconds(2));
    assert_eq!(use_up(&behind, &first).await.0, "Anonymous", "the grace is over");
    assert_eq!(
        use_up(&exact, &second.unwrap()).await.0,
        "Anonymous",
        "the reuse has ended the login"
    );
}

/// One account must not keep other users from logging in.
#[actix_web::test]
async fn the_oldest_login_of_a_user_gives_way() {
    let house = House::new();
    let store = MemoryTokenFamilyStore::new(150).clock(house.clock.clone());
    let site = house.site_with(|remember| remember.token_family_store(store.clone())).await;
    let mut cookies = Vec::new();
    for _ in 0..101 {
        cookies.push(ada(&site).await.cookie(REMEMBER).unwrap().to_owned());
    }
    assert_eq!(store.len(), 100);
    assert_eq!(use_up(&site, &cookies[0]).await.0, "Anonymous");
    for kept in &cookies[1..] {
        assert_eq!(use_up(&site, kept).await.0, "Remembered");
    }
    let mut bob = Client::new();
    assert_eq!(bob.get(&site, "/login?user=bob&remember=yes").await.body, "in");
}
