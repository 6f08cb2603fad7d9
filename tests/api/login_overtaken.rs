//! Requests of a login that is revoked during the request, and cached results of the revocation
//! store.

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
use paseto_actix::testing::Browser;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LoginLayer, PasetoSession, RememberMe};
use paseto_actix_tests::remember::{
    Application, REMEMBER, SESSION, ada, routes, state, with_cookie,
};
use paseto_actix_tests::session::Site;
use time::Duration;

/// Delays a slow request until the test continues it.
#[derive(Clone, Default)]
struct Latch(Arc<AtomicBool>);

impl Latch {
    fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    async fn wait(&self) {
        while !self.0.load(Ordering::SeqCst) {
            yield_now().await;
        }
    }
}

async fn logout_others_slowly(
    req: HttpRequest,
    logins: LoginLayer,
    latch: web::Data<Latch>,
) -> actix_web::Result<&'static str> {
    latch.wait().await;
    logins.logout_others(&req).await?;
    Ok("ended")
}

fn layer(
    application: &Application,
    revocations: impl RevocationStore + Clone,
    family: bool,
) -> LoginLayer {
    let session =
        PasetoSession::builder(application.session_key.clone()).clock(application.clock.clone());
    let mut remember = application.remember().revocation_store(revocations.clone());
    if family {
        remember = remember
            .token_family_store(MemoryTokenFamilyStore::new(100).clock(application.clock.clone()));
    }
    LoginLayer::new(
        session.revocation_store(revocations).build().unwrap(),
        remember.build().unwrap(),
    )
}

async fn site(layer: &LoginLayer, latch: &Latch) -> Site {
    let app = App::new()
        .app_data(web::Data::new(latch.clone()))
        .wrap(layer.clone())
        .configure(routes)
        .route("/end-others", web::get().to(logout_others_slowly));
    Site::new(init_service(app).await)
}

/// A request of a thief that started before a logout must not revoke the login that the owner
/// starts after it.
#[actix_web::test]
async fn revoked_login_cannot_log_out_others() {
    for family in [false, true] {
        for only_this_one in [false, true] {
            let (application, latch) = (Application::new(), Latch::default());
            let layer = layer(
                &application,
                MemoryRevocationStore::new(100).clock(application.clock.clone()),
                family,
            );
            let site = site(&layer, &latch).await;
            let mut thief = ada(&site).await;
            let copy = thief.clone();
            let parallel = async {
                if only_this_one {
                    copy.clone().get(&site, "/logout").await;
                } else {
                    layer.logout_all("ada").await.unwrap();
                }
                let owner = ada(&site).await;
                latch.open();
                owner
            };
            let (response, mut owner) = join(thief.get(&site, "/end-others"), parallel).await;
            let case = format!("family: {family}, {only_this_one}");
            assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{case}");
            assert_eq!(owner.get(&site, "/me").await.body, "ada", "{case}");
            owner.remove_cookie(SESSION);
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

/// A remember-me cookie must not start a session on the basis of a cached result.
#[actix_web::test]
async fn cached_result_does_not_start_a_session() {
    let (application, latch) = (Application::new(), Latch::default());
    let store = MemoryRevocationStore::new(100).clock(application.clock.clone());
    let elsewhere = layer(&application, store.clone(), false);
    let cached = CachedRevocationStore::new(store, StdDuration::from_secs(60))
        .clock(application.clock.clone());
    let site = site(&layer(&application, cached, false), &latch).await;
    let remembered = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    assert_eq!(state(&site, &mut with_cookie(&remembered)).await, "Remembered");
    elsewhere.logout_all("ada").await.unwrap();
    assert_eq!(state(&site, &mut with_cookie(&remembered)).await, "Anonymous");
}

/// A revocation record is stored until its login expires, not until the longest possible login
/// expires.
#[actix_web::test]
async fn record_of_a_logout_expires_with_its_login() {
    let (application, latch) = (Application::new(), Latch::default());
    let store = MemoryRevocationStore::new(100).clock(application.clock.clone());
    let layer = layer(&application, store.clone(), true);
    let site = site(&layer, &latch).await;
    let mut browser = Browser::new();
    browser.get(&site, "/login?user=ada&remember=100000").await;
    browser.remove_cookie(REMEMBER);
    browser.get(&site, "/logout").await;
    let mut listed = ada(&site).await;
    let id = layer.logins("ada").await.unwrap()[0].id;
    layer.logout_by_id("ada", id).await.unwrap();
    assert_eq!(listed.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
    assert!(!store.is_empty());
    application.clock.advance(Duration::seconds(100_000 + 306));
    assert_eq!(store.len(), 1, "only the record of the login of 30 days remains");
    application.clock.advance(Duration::days(29));
    assert!(store.is_empty());
}

/// Without the ID of its user, a session could not be revoked with the logins of the user.
#[actix_web::test]
async fn session_without_the_subject_key_is_a_500() {
    for (subject_key, status) in [(None, 500), (Some("uid"), 200)] {
        let application = Application::new();
        let store = MemoryRevocationStore::new(100).clock(application.clock.clone());
        let mut session = PasetoSession::builder(application.session_key.clone())
            .clock(application.clock.clone())
            .revocation_store(store);
        if let Some(key) = subject_key {
            session = session.subject_key(key);
        }
        let remember =
            application.remember().identity(|| IdentityMiddleware::builder().id_key("uid").build());
        let layer = LoginLayer::new(session.build().unwrap(), remember.build().unwrap());
        let site = site(&layer, &Latch::default()).await;
        let mut browser = Browser::new();
        assert_eq!(browser.get(&site, "/login?user=ada").await.status.as_u16(), status);
        assert_eq!(browser.cookie(SESSION).is_some(), status == 200);
        layer.logout_all("ada").await.unwrap();
        assert_eq!(browser.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
    }
}

async fn login_with_late_start(
    req: HttpRequest,
    cookie: SessionCookie,
) -> actix_web::Result<&'static str> {
    RememberMe::login(&req, "ada", Remember::Default).await?;
    cookie.start_login("ada").await?;
    Ok("in")
}

#[actix_web::test]
async fn login_keeps_its_id_after_a_second_start() {
    let application = Application::new();
    let layer =
        layer(&application, MemoryRevocationStore::new(100).clock(application.clock.clone()), true);
    let app = App::new()
        .wrap(layer.clone())
        .configure(routes)
        .route("/late-start", web::get().to(login_with_late_start));
    let site = Site::new(init_service(app).await);
    let mut browser = Browser::new();
    assert_eq!(browser.get(&site, "/late-start").await.body, "in");
    layer.logout_by_id("ada", layer.logins("ada").await.unwrap()[0].id).await.unwrap();
    assert_eq!(browser.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
}

/// A parallel request can have rotated the token, so the response sets the current token.
#[actix_web::test]
async fn logout_of_others_rotates_the_token() {
    let (application, latch) = (Application::new(), Latch::default());
    let layer =
        layer(&application, MemoryRevocationStore::new(100).clock(application.clock.clone()), true);
    let site = site(&layer, &latch).await;
    latch.open();
    let mut browser = ada(&site).await;
    let old = browser.cookie(REMEMBER).unwrap().to_owned();
    assert_eq!(browser.get(&site, "/end-others").await.body, "ended");
    assert_ne!(browser.cookie(REMEMBER), Some(&*old));
    application.clock.advance(Duration::minutes(2));
    browser.remove_cookie(SESSION);
    assert_eq!(state(&site, &mut browser).await, "Remembered");
    assert_eq!(
        state(&site, &mut with_cookie(&old)).await,
        "Anonymous",
        "the used remember-me cookie"
    );
}
