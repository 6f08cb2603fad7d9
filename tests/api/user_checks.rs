//! The user loader, asked for each request of a logged-in user.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration as StdDuration;

use actix_web::http::StatusCode;
use actix_web::test::init_service;
use actix_web::{App, HttpRequest, web};
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LoginLayer, PasetoSession, RememberMe};
use paseto_actix_tests::remember::{House, REMEMBER, SESSION, ada, routes, state};
use paseto_actix_tests::session::{Client, Site};
use time::Duration;

async fn logout_others(logins: LoginLayer, req: HttpRequest) -> actix_web::Result<&'static str> {
    logins.logout_others(&req).await?;
    Ok("ended")
}

/// A site that checks each user, and the number of calls of the user loader.
async fn site(house: &House, max_age: u64) -> (Site, Arc<AtomicUsize>) {
    let (users, calls) = (house.users.clone(), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&calls);
    let remember = RememberMe::builder(house.remember_key.clone())
        .clock(house.clock.clone())
        .token_family_store(MemoryTokenFamilyStore::new(100).clock(house.clock.clone()))
        .check_user(StdDuration::from_secs(max_age))
        .try_user_loader(move |id| {
            counted.fetch_add(1, Ordering::SeqCst);
            let stamp = users.stamp(&id);
            async { stamp }
        });
    let session = PasetoSession::builder(house.session_key.clone()).clock(house.clock.clone());
    let app = App::new()
        .wrap(LoginLayer::new(session.build().unwrap(), remember.build().unwrap()))
        .configure(routes);
    (Site::new(init_service(app).await, |request| request.to_request()), calls)
}

#[actix_web::test]
async fn a_deleted_user_is_logged_out_at_the_next_request() {
    let house = House::new();
    let (site, _) = site(&house, 0).await;
    let (mut client, mut only_session) = (ada(&site).await, ada(&site).await);
    only_session.drop_cookie(REMEMBER);
    assert_eq!(client.get(&site, "/me").await.body, "ada");
    house.users.set("ada", None);
    for client in [&mut client, &mut only_session] {
        assert_eq!(client.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!((client.cookie(SESSION), client.cookie(REMEMBER)), (None, None));
    }
}

#[actix_web::test]
async fn other_credentials_end_the_sessions_of_other_browsers() {
    let house = House::new();
    let (site, _) = site(&house, 0).await;
    let (mut fresh, mut restored) = (ada(&site).await, ada(&site).await);
    restored.drop_cookie(SESSION);
    assert_eq!(state(&site, &mut restored).await, "Remembered");
    house.users.set("ada", Some("another password"));
    for client in [&mut fresh, &mut restored] {
        assert_eq!(client.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!((client.cookie(SESSION), client.cookie(REMEMBER)), (None, None));
    }
}

/// Another server, or this one before a login, has cached the old credentials.
#[actix_web::test]
async fn a_login_with_new_credentials_is_good_while_the_old_ones_are_cached() {
    let house = House::new();
    let ((one, _), (other, _)) = (site(&house, 60).await, site(&house, 60).await);
    let mut old = ada(&one).await;
    for site in [&one, &other] {
        assert_eq!(old.get(site, "/me").await.body, "ada");
    }
    house.users.set("ada", Some("another password"));
    let mut new = ada(&one).await;
    for site in [&one, &other] {
        assert_eq!(new.get(site, "/me").await.body, "ada");
        assert_eq!(
            old.clone().get(site, "/me").await.status,
            StatusCode::UNAUTHORIZED,
            "now it is cached anew"
        );
    }
}

/// A handler that stores the new password and ends all other logins keeps its own login.
#[actix_web::test]
async fn the_session_that_changed_the_password_goes_on() {
    let house = House::new();
    let users = house.users.clone();
    let remember = house
        .remember()
        .token_family_store(MemoryTokenFamilyStore::new(100).clock(house.clock.clone()))
        .check_user(StdDuration::from_secs(5));
    let session = PasetoSession::builder(house.session_key.clone()).clock(house.clock.clone());
    let change = move |logins: LoginLayer, req: HttpRequest| {
        users.set("ada", Some("another password"));
        logout_others(logins, req)
    };
    let app = App::new()
        .wrap(LoginLayer::new(session.build().unwrap(), remember.build().unwrap()))
        .configure(routes)
        .route("/change", web::get().to(change));
    let site = Site::new(init_service(app).await, |request| request.to_request());
    let (mut own, mut other) = (ada(&site).await, ada(&site).await);
    assert_eq!(own.get(&site, "/change").await.body, "ended");
    assert_eq!(own.get(&site, "/me").await.body, "ada");
    own.drop_cookie(SESSION);
    assert_eq!(
        state(&site, &mut own).await,
        "Remembered",
        "the remembered login has the new credentials"
    );
    assert_eq!(other.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn a_user_is_cached_for_the_time_of_the_setting() {
    let house = House::new();
    let (site, calls) = site(&house, 5).await;
    let mut client = ada(&site).await;
    client.get(&site, "/me").await;
    let before = calls.load(Ordering::SeqCst);
    house.users.set("ada", None);
    house.clock.advance(Duration::milliseconds(4_999));
    for _ in 0..3 {
        assert_eq!(client.get(&site, "/me").await.body, "ada");
    }
    assert_eq!(calls.load(Ordering::SeqCst), before);
    house.clock.advance(Duration::milliseconds(1));
    assert_eq!(client.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(calls.load(Ordering::SeqCst), before + 1);
    // A clock that is set back makes no answer younger.
    house.users.set("bob", Some("builder"));
    let mut bob = Client::new();
    bob.get(&site, "/login?user=bob").await;
    bob.get(&site, "/me").await;
    house.users.set("bob", None);
    house.clock.advance(-Duration::SECOND);
    assert_eq!(bob.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn a_loader_that_fails_logs_no_user_out() {
    let house = House::new();
    let (site, _) = site(&house, 0).await;
    let mut client = ada(&site).await;
    let cookies =
        (client.cookie(SESSION).map(str::to_owned), client.cookie(REMEMBER).map(str::to_owned));
    house.users.set("down", Some("the database"));
    assert_eq!(client.get(&site, "/me").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (client.cookie(SESSION).map(str::to_owned), client.cookie(REMEMBER).map(str::to_owned)),
        cookies
    );
    house.users.set("down", None);
    assert_eq!(client.get(&site, "/me").await.body, "ada");
}

/// A session that began by `Identity::login` has no stamp, so only its user is checked.
#[actix_web::test]
async fn a_session_without_a_stamp_is_checked_for_its_user() {
    let house = House::new();
    let (site, _) = site(&house, 0).await;
    let mut client = Client::new();
    client.get(&site, "/identity-login?user=ada").await;
    house.users.set("ada", Some("another password"));
    assert_eq!(client.get(&site, "/me").await.body, "ada");
    house.users.set("ada", None);
    assert_eq!(client.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);

    // The stamp of another user, who was logged in before, does not count.
    house.users.set("ada", Some("analytical"));
    let mut client = ada(&site).await;
    client.get(&site, "/identity-login?user=bob").await;
    assert_eq!(client.get(&site, "/me").await.body, "bob");
}

#[test]
fn the_setting_is_at_most_a_minute() {
    let house = House::new();
    let built =
        |seconds| house.remember().check_user(StdDuration::from_secs(seconds)).build().map(|_| ());
    assert!(built(60).is_ok());
    let error = built(61).unwrap_err().to_string();
    assert!(error.contains("check_user") && error.contains("at most 60 seconds"), "{error}");
}
