//! Requests of a login that ends while they are under way, and answers of a cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration as StdDuration;

use actix_identity::IdentityMiddleware;
use actix_web::http::StatusCode;
use actix_web::rt::task::yield_now;
use actix_web::test::init_service;
use actix_web::{App, HttpRequest, web};
use futures_util::future::join;
use paseto_actix::remember::Remember;
use paseto_actix::revocation::{CachedRevocationStore, MemoryRevocationStore, RevocationStore};
use paseto_actix::session::SessionCookie;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LoginLayer, PasetoSession, RememberMe};
use paseto_actix_tests::remember::{House, REMEMBER, SESSION, ada, routes, state, with_cookie};
use paseto_actix_tests::session::{Client, Site};
use time::Duration;

/// Lets a slow request go on.
#[derive(Clone, Default)]
struct Gate(Arc<AtomicBool>);

impl Gate {
    fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    async fn wait(&self) {
        while !self.0.load(Ordering::SeqCst) {
            yield_now().await;
        }
    }
}

async fn end_others_slowly(
    req: HttpRequest,
    logins: LoginLayer,
    gate: web::Data<Gate>,
) -> actix_web::Result<&'static str> {
    gate.wait().await;
    logins.logout_others(&req).await?;
    Ok("ended")
}

fn layer(house: &House, revocations: impl RevocationStore + Clone, family: bool) -> LoginLayer {
    let session = PasetoSession::builder(house.session_key.clone()).clock(house.clock.clone());
    let mut remember = house.remember().revocation_store(revocations.clone());
    if family {
        remember = remember
            .token_family_store(MemoryTokenFamilyStore::new(100).clock(house.clock.clone()));
    }
    LoginLayer::new(
        session.revocation_store(revocations).build().unwrap(),
        remember.build().unwrap(),
    )
}

async fn site(layer: &LoginLayer, gate: &Gate) -> Site {
    let app = App::new()
        .app_data(web::Data::new(gate.clone()))
        .wrap(layer.clone())
        .configure(routes)
        .route("/end-others", web::get().to(end_others_slowly));
    Site::new(init_service(app).await, |request| request.to_request())
}

/// A thief's request that began before the end of all logins must not end the login after it.
#[actix_web::test]
async fn a_login_that_has_ended_does_not_end_others() {
    for family in [false, true] {
        for only_this_one in [false, true] {
            let (house, gate) = (House::new(), Gate::default());
            let layer =
                layer(&house, MemoryRevocationStore::new(100).clock(house.clock.clone()), family);
            let site = site(&layer, &gate).await;
            let mut thief = ada(&site).await;
            let copy = thief.clone();
            let parallel = async {
                if only_this_one {
                    copy.clone().get(&site, "/logout").await;
                } else {
                    layer.logout_all("ada").await.unwrap();
                }
                let owner = ada(&site).await;
                gate.open();
                owner
            };
            let (answer, mut owner) = join(thief.get(&site, "/end-others"), parallel).await;
            let case = format!("family: {family}, {only_this_one}");
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{case}");
            assert_eq!(owner.get(&site, "/me").await.body, "ada", "{case}");
            owner.drop_cookie(SESSION);
            assert_eq!(state(&site, &mut owner).await, "Remembered", "{case}");
            for mut ended in [thief, copy] {
                assert_eq!(
                    ended.get(&site, "/me").await.status,
                    StatusCode::UNAUTHORIZED,
                    "{case}"
                );
            }
        }
    }
}

/// A cookie must not turn the lag of a cache into a whole session.
#[actix_web::test]
async fn a_cached_answer_begins_no_session() {
    let (house, gate) = (House::new(), Gate::default());
    let store = MemoryRevocationStore::new(100).clock(house.clock.clone());
    let elsewhere = layer(&house, store.clone(), false);
    let cached =
        CachedRevocationStore::new(store, StdDuration::from_secs(60)).clock(house.clock.clone());
    let site = site(&layer(&house, cached, false), &gate).await;
    let remembered = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    assert_eq!(state(&site, &mut with_cookie(&remembered)).await, "Remembered");
    elsewhere.logout_all("ada").await.unwrap();
    assert_eq!(state(&site, &mut with_cookie(&remembered)).await, "Anonymous");
}

/// A record lives as long as its login, and not as long as the longest login that there can be.
#[actix_web::test]
async fn the_record_of_a_logout_ends_with_its_login() {
    let (house, gate) = (House::new(), Gate::default());
    let store = MemoryRevocationStore::new(100).clock(house.clock.clone());
    let layer = layer(&house, store.clone(), true);
    let site = site(&layer, &gate).await;
    let mut client = Client::new();
    client.get(&site, "/login?user=ada&remember=100000").await;
    client.drop_cookie(REMEMBER);
    client.get(&site, "/logout").await;
    let mut listed = ada(&site).await;
    let id = layer.logins("ada").await.unwrap()[0].id;
    layer.logout_by_id("ada", id).await.unwrap();
    assert_eq!(listed.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
    assert!(!store.is_empty());
    house.clock.advance(Duration::seconds(100_000 + 306));
    assert_eq!(store.len(), 1, "the record of the login of 30 days");
    house.clock.advance(Duration::days(29));
    assert!(store.is_empty());
}

/// Without its user, a session would outlive all that should end it.
#[actix_web::test]
async fn a_session_whose_user_has_another_key_is_an_error() {
    for (subject_key, status) in [(None, 500), (Some("uid"), 200)] {
        let house = House::new();
        let store = MemoryRevocationStore::new(100).clock(house.clock.clone());
        let mut session = PasetoSession::builder(house.session_key.clone())
            .clock(house.clock.clone())
            .revocation_store(store);
        if let Some(key) = subject_key {
            session = session.subject_key(key);
        }
        let remember =
            house.remember().identity(|| IdentityMiddleware::builder().id_key("uid").build());
        let layer = LoginLayer::new(session.build().unwrap(), remember.build().unwrap());
        let site = site(&layer, &Gate::default()).await;
        let mut client = Client::new();
        assert_eq!(client.get(&site, "/login?user=ada").await.status.as_u16(), status);
        assert_eq!(client.cookie(SESSION).is_some(), status == 200);
        layer.logout_all("ada").await.unwrap();
        assert_eq!(client.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
    }
}

async fn login_noted_late(
    req: HttpRequest,
    cookie: SessionCookie,
) -> actix_web::Result<&'static str> {
    RememberMe::login(&req, "ada", Remember::Default).await?;
    cookie.start_login("ada").await?;
    Ok("in")
}

#[actix_web::test]
async fn a_noted_login_keeps_its_id() {
    let house = House::new();
    let layer = layer(&house, MemoryRevocationStore::new(100).clock(house.clock.clone()), true);
    let app = App::new()
        .wrap(layer.clone())
        .configure(routes)
        .route("/noted-late", web::get().to(login_noted_late));
    let site = Site::new(init_service(app).await, |request| request.to_request());
    let mut client = Client::new();
    assert_eq!(client.get(&site, "/noted-late").await.body, "in");
    layer.logout_by_id("ada", layer.logins("ada").await.unwrap()[0].id).await.unwrap();
    assert_eq!(client.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
}

/// A parallel request may have rotated the token, so the response has the current one.
#[actix_web::test]
async fn the_end_of_others_rotates_the_token() {
    let (house, gate) = (House::new(), Gate::default());
    let layer = layer(&house, MemoryRevocationStore::new(100).clock(house.clock.clone()), true);
    let site = site(&layer, &gate).await;
    gate.open();
    let mut client = ada(&site).await;
    let old = client.cookie(REMEMBER).unwrap().to_owned();
    assert_eq!(client.get(&site, "/end-others").await.body, "ended");
    assert_ne!(client.cookie(REMEMBER), Some(&*old));
    house.clock.advance(Duration::minutes(2));
    client.drop_cookie(SESSION);
    assert_eq!(state(&site, &mut client).await, "Remembered");
    assert_eq!(state(&site, &mut with_cookie(&old)).await, "Anonymous", "a copy of the old cookie");
}
