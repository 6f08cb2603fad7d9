//! `logout_all` revokes all sessions of a user, for example after a password change.

use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::http::StatusCode;
use actix_web::test::init_service;
use actix_web::{App, web};
use paseto_actix::revocation::RevocationError;
use paseto_actix::session::SessionCookie;
use paseto_actix::testing::Browser;
use paseto_actix::{LocalKey, PasetoSession, PasetoSessionStore};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::revocation::{FailingRevocations, assert_unavailable, failing_revocations};
use paseto_actix_tests::session::{Kind, Site, routes, session, set_cookies};
use time::Duration;

/// The lifetime of a user's record: the absolute timeout, the longest leeway of a verifier, and 5
/// seconds for differing clocks.
const RECORD: Duration = Duration::hours(12).saturating_add(Duration::seconds(305));

/// An application whose sessions store their user under the key `user`.
pub(crate) struct Application {
    pub(crate) clock: TestClock,
    store: FailingRevocations,
    pub(crate) key: LocalKey,
    kind: Kind,
}

impl Application {
    pub(crate) fn new(kind: Kind) -> Self {
        let clock = TestClock::new();
        Self { store: failing_revocations(&clock, 100), key: LocalKey::generate(), clock, kind }
    }

    pub(crate) fn session(&self) -> PasetoSession {
        let session = session(self.key.clone(), &self.clock).subject_key("user");
        session.revocation_store(self.store.clone()).build().unwrap()
    }

    pub(crate) fn plain(&self) -> PasetoSessionStore {
        let store =
            PasetoSessionStore::new(self.key.clone()).clock(self.clock.clone()).subject_key("user");
        store.revocation_store(self.store.clone())
    }

    async fn site(&self) -> Site {
        match self.kind {
            Kind::Middleware => Site::of(self.session(), handlers).await,
            Kind::Store => {
                Site::alone(SessionMiddleware::new(self.plain(), Key::from(&[b'x'; 64])), handlers)
                    .await
            }
        }
    }

    pub(crate) async fn logout_all(&self, user: &str) -> Result<(), RevocationError> {
        match self.kind {
            Kind::Middleware => self.session().logout_all(user).await,
            Kind::Store => self.plain().logout_all(user).await,
        }
    }
}

pub(crate) fn handlers(config: &mut web::ServiceConfig) {
    config
        .route(
            "/leave",
            web::get().to(async |session: Session| session.remove("user").unwrap_or_default()),
        )
        .route(
            "/login-by-number",
            web::get().to(async |session: Session| session.insert("user", 7).map(|()| "in")),
        )
        .route(
            "/login-by-null",
            web::get().to(async |session: Session| session.insert("user", ()).map(|()| "in")),
        )
        .route(
            "/user",
            web::get().to(async |session: Session| {
                session.entries().get("user").cloned().unwrap_or_default()
            }),
        );
    routes(config);
}

pub(crate) async fn logged_in(site: &Site, user: &str) -> Browser {
    let mut browser = Browser::new();
    browser.get(site, &format!("/set?user={user}&cart=tea")).await;
    browser
}

pub(crate) async fn user(site: &Site, browser: &mut Browser) -> String {
    browser.get(site, "/user").await.body
}

/// A revocation of a user with such a name does not affect the session.
#[actix_web::test]
async fn null_and_the_empty_string_are_no_subject() {
    for (path, subject, value) in [("/login-by-null", "null", "null"), ("/set?user=", "", "\"\"")] {
        let application = Application::new(Kind::Middleware);
        let site = application.site().await;
        let mut browser = Browser::new();
        browser.get(&site, path).await;
        _ = application.logout_all(subject).await;
        assert_eq!(user(&site, &mut browser).await, value, "{path}");
    }
}

#[actix_web::test]
async fn logout_all_revokes_all_sessions_of_one_user() {
    for kind in Kind::ALL {
        let application = Application::new(kind);
        let site = application.site().await;
        let (mut ada, mut elsewhere, mut bob) = (
            logged_in(&site, "ada").await,
            logged_in(&site, "ada").await,
            logged_in(&site, "bob").await,
        );
        let mut anonymous = Browser::new();
        anonymous.get(&site, "/set?cart=tea").await;
        application.logout_all("ada").await.unwrap();
        for browser in [&mut ada, &mut elsewhere] {
            assert_eq!(user(&site, browser).await, "", "{kind:?}");
        }
        assert_eq!(user(&site, &mut bob).await, r#""bob""#, "{kind:?}");
        assert!(anonymous.get(&site, "/").await.body.contains("tea"), "{kind:?}");
        let mut again = logged_in(&site, "ada").await;
        assert_eq!(
            user(&site, &mut again).await,
            r#""ada""#,
            "{kind:?}: a login after `logout_all`"
        );
        assert_eq!(application.store.get_ref().len(), 1, "{kind:?}");
        application.clock.advance(RECORD);
        assert_eq!(
            application.store.get_ref().len(),
            1,
            "{kind:?}: the record outlives the last session by any clock"
        );
        application.clock.advance(Duration::SECOND);
        assert_eq!(application.store.get_ref().len(), 0, "{kind:?}");
    }
}

/// A session receives the generation of its user with the user, and loses it with the user.
#[actix_web::test]
async fn session_belongs_to_its_current_user() {
    for kind in Kind::ALL {
        let application = Application::new(kind);
        let site = application.site().await;
        application.logout_all("bob").await.unwrap();
        let mut browser = logged_in(&site, "ada").await;
        browser.get(&site, "/set?user=bob").await;
        application.logout_all("ada").await.unwrap();
        assert_eq!(
            user(&site, &mut browser).await,
            r#""bob""#,
            "{kind:?}: the session belongs to Bob"
        );
        browser.get(&site, "/leave").await;
        application.logout_all("bob").await.unwrap();
        assert_eq!(
            browser.get(&site, "/").await.body,
            r#"cart="tea""#,
            "{kind:?}: the session has no user and no generation"
        );

        // A user named `null` is not the JSON value `null`.
        let mut null = logged_in(&site, "null").await;
        application.logout_all("null").await.unwrap();
        assert_eq!(user(&site, &mut null).await, "", "{kind:?}");

        let mut number = Browser::new();
        number.get(&site, "/login-by-number").await;
        assert_eq!(user(&site, &mut number).await, "7", "{kind:?}");
        application.logout_all("7").await.unwrap();
        assert_eq!(
            user(&site, &mut number).await,
            "",
            "{kind:?}: the subject is the number as a string"
        );
    }
}

/// A renewed session keeps its generation, so a renewal does not survive `logout_all`.
#[actix_web::test]
async fn renewal_and_change_do_not_renew_the_generation() {
    for kind in Kind::ALL {
        let application = Application::new(kind);
        let site = application.site().await;
        let mut browser = logged_in(&site, "ada").await;
        browser.get(&site, "/renew").await;
        browser.get(&site, "/set?cart=coffee").await;
        let copy = browser.clone();
        application.logout_all("ada").await.unwrap();
        for uri in ["/", "/set?cart=milk", "/renew"] {
            let mut browser = copy.clone();
            browser.get(&site, uri).await;
            assert_eq!(user(&site, &mut browser).await, "", "{kind:?} {uri}");
        }
    }
}

/// Sessions from before the revocation store was added do not have a generation.
#[actix_web::test]
async fn logout_all_revokes_sessions_from_before_the_store() {
    let application = Application::new(Kind::Middleware);
    let before =
        session(application.key.clone(), &application.clock).subject_key("user").build().unwrap();
    let before = Site::of(before, handlers).await;
    let mut browser = logged_in(&before, "ada").await;
    assert!(
        !browser.get(&before, "/").await.body.contains("paseto_actix"),
        "without a store, the session has no generation"
    );
    let site = application.site().await;
    assert_eq!(user(&site, &mut browser).await, r#""ada""#);
    application.logout_all("ada").await.unwrap();
    assert_eq!(user(&site, &mut browser).await, "");
    let without_store = session(application.key.clone(), &application.clock).build().unwrap();
    assert!(matches!(without_store.logout_all("ada").await, Err(RevocationError::NoStore)));
}

#[actix_web::test]
async fn login_is_503_while_the_generation_is_unavailable() {
    let application = Application::new(Kind::Middleware);
    let site = application.site().await;
    application.store.set_failing(true);
    assert_unavailable(&Browser::new().get(&site, "/set?user=ada").await, "a login");
    assert_eq!(
        Browser::new().get(&site, "/set?cart=tea").await.status,
        StatusCode::OK,
        "a session without a user does not query the store"
    );
    assert!(application.logout_all("ada").await.is_err());
}

async fn logout_others(
    cookie: SessionCookie,
    session: Session,
) -> Result<&'static str, actix_web::Error> {
    cookie.logout_others().await?;
    session.renew();
    Ok("logged out")
}

#[actix_web::test]
async fn logout_others_keeps_only_the_current_session() {
    let application = Application::new(Kind::Middleware);
    let app = App::new()
        .wrap(application.session())
        .configure(handlers)
        .route("/logout-others", web::get().to(logout_others));
    let site = Site::new(init_service(app).await);
    let (mut browser, mut other) = (logged_in(&site, "ada").await, logged_in(&site, "ada").await);
    assert_eq!(browser.get(&site, "/logout-others").await.body, "logged out");
    assert_eq!(user(&site, &mut browser).await, r#""ada""#, "also under a new session ID");
    assert_eq!(user(&site, &mut other).await, "");
    let anonymous = Browser::new().get(&site, "/logout-others").await;
    assert_eq!(anonymous.status, StatusCode::INTERNAL_SERVER_ERROR, "a session without a user");
    assert!(set_cookies(&anonymous.headers).is_empty());
}
