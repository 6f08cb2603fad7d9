//! Series: each token of a remembered login is good for one use.

use std::{
    future::ready,
    sync::{Arc, Mutex},
    time::Duration as StdDuration,
};

use actix_web::{
    App, HttpResponse,
    error::ErrorImATeapot,
    http::{StatusCode, header::RETRY_AFTER},
    test::{TestRequest, init_service},
};
use futures_util::future::join_all;
use paseto_actix::{MemorySeries, RandomId, Rotation, SeriesError, SeriesStore, TokenUse};
use paseto_actix_tests::{
    clock::START,
    remember::{House, REMEMBER, SESSION, ada, state, with_cookie},
    session::{Client, Site, set_cookies},
};
use time::{Duration, OffsetDateTime};

/// A site that keeps series, and whose they were when a reuse was found.
async fn site(house: &House) -> (Site, Arc<Mutex<Vec<String>>>) {
    let reuses = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&reuses);
    let site = house.site_with(|remember| {
        let remember = remember.series_store(MemorySeries::new(1000));
        remember.on_reuse(move |reuse| noted.lock().unwrap().push(reuse.user_id.clone()))
    });
    (site.await, reuses)
}

/// Comes back without a session: the cookie afterwards.
async fn use_up(site: &Site, value: &str) -> (String, Option<String>) {
    let mut client = with_cookie(value);
    let state = state(site, &mut client).await;
    (state, client.cookie(REMEMBER).map(str::to_owned))
}

#[actix_web::test]
async fn b45_each_use_rotates() {
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
    assert_eq!(use_up(&site, &value).await, ("Anonymous".to_owned(), None), "30 days after the login");
    assert!(reuses.lock().unwrap().is_empty());
}

/// While a session is there, the cookie is not looked at.
#[actix_web::test]
async fn b45_a_session_uses_no_token_up() {
    let (site, _) = site(&House::new()).await;
    let mut client = ada(&site).await;
    let answer = client.get(&site, "/me").await;
    assert!(set_cookies(&answer.headers).is_empty(), "{:?}", answer.headers);
}

#[actix_web::test]
async fn b45_the_token_before_is_taken_for_a_minute() {
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
    assert_eq!(use_up(&site, &other).await.0, "Remembered", "a series of another login is untouched");
}

#[actix_web::test]
async fn b45_a_token_two_uses_old_is_reuse_at_once() {
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
async fn b45_a_copy_from_the_grace_is_the_current_token() {
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
async fn b45_64_requests_at_once() {
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
    assert_eq!(state(&site, &mut first).await, "Remembered", "the session of the first has ended, the cookie has not");
    let mut last = clients.next_back().unwrap();
    assert_eq!(state(&site, &mut last).await, "Remembered", "within the grace of that one");
    assert!(reuses.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn b44_logout_ends_every_copy() {
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
        assert_eq!(use_up(&site, &old).await.0, "Anonymous", "{way_out}: in the request that the cookie logged in");
        assert!(reuses.lock().unwrap().is_empty());
    }
}

#[actix_web::test]
async fn b44_a_login_ends_the_series_before() {
    for login in ["/login?user=bob&remember=no", "/login?user=ada&remember=yes", "/identity-login?user=bob"] {
        let (site, _) = site(&House::new()).await;
        let mut client = ada(&site).await;
        let copy = client.cookie(REMEMBER).unwrap().to_owned();
        client.get(&site, login).await;
        assert_eq!(use_up(&site, &copy).await.0, "Anonymous", "{login}");
    }
}

#[actix_web::test]
async fn b44_all_logins_of_a_user_end() {
    let house = House::new();
    let store = MemorySeries::new(1000);
    let site = house.site_with(|remember| remember.series_store(store.clone())).await;
    let copies = [ada(&site).await, ada(&site).await].map(|client| client.cookie(REMEMBER).unwrap().to_owned());
    let mut bob = Client::new();
    bob.get(&site, "/login?user=bob&remember=yes").await;
    let remember = house.remember().series_store(store.clone()).build().unwrap();
    remember.revoke_all("ada").await.unwrap();
    for copy in copies {
        assert_eq!(use_up(&site, &copy).await.0, "Anonymous");
    }
    assert_eq!(use_up(&site, bob.cookie(REMEMBER).unwrap()).await.0, "Remembered");
    assert!(house.remember().build().unwrap().revoke_all("ada").await.is_err(), "there is nothing to ask");
}

/// Cookies from before there was a store belong to no series.
#[actix_web::test]
async fn b45_a_cookie_of_no_series_is_refused_where_series_are_kept() {
    let house = House::new();
    let value = ada(&house.site().await).await.cookie(REMEMBER).unwrap().to_owned();
    let (site, _) = site(&house).await;
    assert_eq!(use_up(&site, &value).await, ("Anonymous".to_owned(), None));
}

#[actix_web::test]
async fn b45_a_full_store_is_an_error_and_forgets_nobody() {
    let house = House::new();
    let store = MemorySeries::new(2);
    let site = house.site_with(|remember| remember.series_store(store.clone())).await;
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

/// A store that answers nothing, as one on a server that is down.
struct Down;

impl SeriesStore for Down {
    async fn begin(
        &self,
        _: RandomId,
        _: RandomId,
        _: &str,
        _: OffsetDateTime,
        _: OffsetDateTime,
    ) -> Result<(), SeriesError> {
        Err(SeriesError::Other("down".into()))
    }

    async fn rotate(&self, _: TokenUse) -> Result<Rotation, SeriesError> {
        Err(SeriesError::Other("down".into()))
    }

    async fn revoke(&self, _: RandomId) -> Result<(), SeriesError> {
        Err(SeriesError::Other("down".into()))
    }

    async fn revoke_all(&self, _: &str) -> Result<(), SeriesError> {
        Err(SeriesError::Other("down".into()))
    }
}

#[actix_web::test]
async fn b45_a_store_that_is_down_logs_nobody_in_and_ends_nothing() {
    let house = House::new();
    let (up, _) = site(&house).await;
    let down = house.site_with(|remember| remember.series_store(Down)).await;
    let mut client = ada(&up).await;
    let mut fresh = client.clone();
    client.drop_cookie(SESSION);
    let value = client.cookie(REMEMBER).unwrap().to_owned();
    let answer = client.get(&down, "/me").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.contains_key(RETRY_AFTER));
    assert_eq!(client.cookie(REMEMBER), Some(value.as_str()), "the cookie stays");
    assert_eq!(client.get(&up, "/me").await.body, "ada", "and is good once the store is back");

    // A logout that could not end every copy does not look like one that has, but this browser is logged out.
    assert_eq!(fresh.get(&down, "/logout").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((fresh.cookie(SESSION), fresh.cookie(REMEMBER)), (None, None));
    assert_eq!(Client::new().get(&down, "/login?user=ada&remember=yes").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[actix_web::test]
async fn b45_a_login_that_fails_ends_nothing() {
    let house = House::new();
    let store = MemorySeries::new(1);
    let site = house.site_with(|remember| remember.series_store(store.clone())).await;
    let mut client = ada(&site).await;
    let value = client.cookie(REMEMBER).unwrap().to_owned();
    assert_eq!(client.get(&site, "/login?user=ada&remember=yes").await.status, StatusCode::SERVICE_UNAVAILABLE, "full");
    assert_eq!(use_up(&site, &value).await.0, "Remembered");
}

/// What a middleware further in refuses is no login, and does not undo a logout.
#[actix_web::test]
async fn b44_an_error_after_the_handler() {
    let house = House::new();
    let store = MemorySeries::new(1000);
    let site = house.site_with(|remember| remember.series_store(store.clone())).await;
    let refusing = App::new()
        .wrap_fn(|req, service| {
            let response = actix_web::dev::Service::call(service, req);
            async { response.await.and_then(|_| Err::<actix_web::dev::ServiceResponse, _>(ErrorImATeapot("no"))) }
        })
        .wrap(house.remember().series_store(store.clone()).build().unwrap())
        .wrap(actix_identity::IdentityMiddleware::default())
        .wrap(
            paseto_actix::PasetoSession::builder(house.session_key.clone()).clock(house.clock.clone()).build().unwrap(),
        )
        .configure(paseto_actix_tests::remember::routes);
    let refusing = Site::new(init_service(refusing).await, |request| request.to_request());
    let mut client = Client::new();
    let answer = client.get(&refusing, "/login?user=ada&remember=yes").await;
    assert_eq!((answer.status, set_cookies(&answer.headers).len()), (StatusCode::IM_A_TEAPOT, 0));
    assert!(store.is_empty(), "no login, no series");

    for way_out in ["/logout", "/identity-logout", "/purge"] {
        let mut client = ada(&site).await;
        let copy = client.cookie(REMEMBER).unwrap().to_owned();
        client.drop_cookie(SESSION);
        assert_eq!(client.get(&refusing, way_out).await.status, StatusCode::IM_A_TEAPOT);
        assert!(client.cookie(REMEMBER).is_none(), "{way_out}");
        assert_eq!(use_up(&site, &copy).await.0, "Anonymous", "{way_out}");
    }
}

/// A token that is used up must not get lost because something inside fails.
#[actix_web::test]
async fn b45_an_error_further_in_brings_the_next_token() {
    let house = House::new();
    let store = MemorySeries::new(1000);
    let site = house.site_with(|remember| remember.series_store(store.clone())).await;
    let value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let failing = App::new()
        .wrap_fn(|_, _| ready(Err::<actix_web::dev::ServiceResponse, _>(ErrorImATeapot("short and stout"))))
        .wrap(house.remember().series_store(store.clone()).build().unwrap())
        .wrap(actix_identity::IdentityMiddleware::default())
        .wrap(paseto_actix::PasetoSession::builder(house.session_key.clone()).build().unwrap())
        .default_service(actix_web::web::to(HttpResponse::Ok));
    let failing = Site::new(init_service(failing).await, |request| request.to_request());
    let mut client = with_cookie(&value);
    let answer = client.send(&failing, TestRequest::get()).await;
    assert_eq!(answer.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(answer.body, "short and stout");
    house.clock.advance(Duration::hours(1));
    assert_eq!(use_up(&site, client.cookie(REMEMBER).unwrap()).await.0, "Remembered");
}

#[actix_web::test]
async fn names_of_series() {
    let id = RandomId::generate().unwrap();
    assert_eq!(id.to_string().len(), 22);
    assert_eq!(id.to_string().parse::<RandomId>().unwrap(), id);
    assert_ne!(RandomId::generate().unwrap(), id);
    for bad in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAB"] {
        assert!(bad.parse::<RandomId>().is_err(), "{bad}");
    }
    let store = MemorySeries::new(1);
    store.begin(id, id, "ada", START + Duration::HOUR, START).await.unwrap();
    let token = TokenUse::new(id, id, id, START + Duration::HOUR, StdDuration::from_secs(60));
    assert_eq!(store.rotate(token).await.unwrap(), Rotation::Unknown, "expired");
    assert!(store.is_empty());
}

#[actix_web::test]
async fn b45_reuse_ends_the_series_in_the_store() {
    let ids = [(); 4].map(|()| RandomId::generate().unwrap());
    let store = MemorySeries::new(1);
    store.begin(ids[0], ids[1], "ada", START + Duration::HOUR, START).await.unwrap();
    let used = async |presented, next| {
        store.rotate(TokenUse::new(ids[0], presented, next, START, StdDuration::from_secs(60))).await.unwrap()
    };
    assert_eq!(used(ids[1], ids[2]).await, Rotation::Rotated);
    assert_eq!(used(ids[1], ids[3]).await, Rotation::Superseded { current: ids[2] });
    assert_eq!(used(ids[2], ids[3]).await, Rotation::Rotated);
    assert_eq!(used(ids[1], ids[2]).await, Rotation::Reused);
    assert_eq!(used(ids[3], ids[2]).await, Rotation::Unknown);
    store.revoke(ids[0]).await.unwrap();
}
