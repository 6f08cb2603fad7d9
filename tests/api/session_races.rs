//! `logout_all` during a request of the user or between the steps of a login.

use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::test::init_service;
use actix_web::{App, web};
use paseto_actix::PasetoSessionStore;
use paseto_actix::session::SessionCookie;
use paseto_actix::testing::Browser;
use paseto_actix_tests::session::{Kind, Site, session};

use crate::session_subjects::{Application, handlers, logged_in, user};

/// A request has a session from before the store was added. During the request, `logout_all`
/// revokes the sessions of the user.
#[actix_web::test]
async fn change_during_logout_all_does_not_add_a_generation() {
    for kind in Kind::ALL {
        let application = web::Data::new(Application::new(kind));
        let app = || {
            App::new()
                .app_data(application.clone())
                .configure(handlers)
                .route("/wrong-password", web::get().to(wrong_password_during_logout_all))
        };
        let (before, site) = match kind {
            Kind::Middleware => {
                let without = session(application.key.clone(), &application.clock)
                    .subject_key("user")
                    .build()
                    .unwrap();
                let with = init_service(app().wrap(application.session())).await;
                (Site::of(without, handlers).await, Site::new(with))
            }
            Kind::Store => {
                let without = PasetoSessionStore::new(application.key.clone())
                    .clock(application.clock.clone());
                let wrap = |store| SessionMiddleware::new(store, Key::from(&[b'x'; 64]));
                let with = init_service(app().wrap(wrap(application.plain()))).await;
                (Site::alone(wrap(without), handlers).await, Site::new(with))
            }
        };
        let mut browser = logged_in(&before, "ada").await;
        browser.get(&site, "/wrong-password").await;
        assert_eq!(user(&site, &mut browser).await, "", "{kind:?}");
    }
}

async fn wrong_password_during_logout_all(
    session: Session,
    application: web::Data<Application>,
) -> actix_web::Result<&'static str> {
    application.logout_all("ada").await?;
    session.insert("failures", "1")?;
    Ok("wrong password")
}

/// Starts a login of Ada, revokes all her sessions, and then completes the login.
async fn overtaken(
    cookie: SessionCookie,
    session: Session,
    application: web::Data<Application>,
) -> actix_web::Result<&'static str> {
    cookie.start_login("ada").await?;
    application.logout_all("ada").await?;
    session.renew();
    session.insert("user", "ada")?;
    Ok("in")
}

/// Starts a login of Ada and rejects her password.
async fn wrong_password(
    cookie: SessionCookie,
    session: Session,
    application: web::Data<Application>,
) -> actix_web::Result<&'static str> {
    application.logout_all("ada").await?;
    cookie.start_login("ada").await?;
    session.insert("failures", "1")?;
    Ok("wrong password")
}

/// Removes the user from a session that is revoked during the request.
async fn leave(
    session: Session,
    application: web::Data<Application>,
) -> actix_web::Result<&'static str> {
    application.logout_all("ada").await?;
    session.remove("user");
    session.renew();
    Ok("left")
}

/// Logs in again, after a parallel request has revoked all sessions of Ada.
async fn log_in_again(
    cookie: SessionCookie,
    session: Session,
    application: web::Data<Application>,
) -> actix_web::Result<&'static str> {
    application.logout_all("ada").await?;
    cookie.start_login("ada").await?;
    session.renew();
    session.insert("user", "ada")?;
    Ok("in")
}

/// Logs in as Bob with a session of Ada that is revoked during the request.
async fn log_in_as_bob(
    session: Session,
    application: web::Data<Application>,
) -> actix_web::Result<&'static str> {
    application.logout_all("ada").await?;
    session.renew();
    session.insert("user", "bob")?;
    Ok("in")
}

#[actix_web::test]
async fn new_login_does_not_depend_on_the_revoked_session() {
    let application = web::Data::new(Application::new(Kind::Middleware));
    let app = App::new()
        .app_data(application.clone())
        .wrap(application.session())
        .configure(handlers)
        .route("/again", web::get().to(log_in_again))
        .route("/bob", web::get().to(log_in_as_bob));
    let site = Site::new(init_service(app).await);
    for (path, expected) in [("/again", r#""ada""#), ("/bob", r#""bob""#)] {
        let mut browser = logged_in(&site, "ada").await;
        assert_eq!(browser.get(&site, path).await.body, "in");
        assert_eq!(user(&site, &mut browser).await, expected, "{path}");
    }
}

#[actix_web::test]
async fn revoked_session_does_not_continue_without_its_user() {
    let application = web::Data::new(Application::new(Kind::Middleware));
    let app = App::new()
        .app_data(application.clone())
        .wrap(application.session())
        .configure(handlers)
        .route("/leave-slowly", web::get().to(leave));
    let site = Site::new(init_service(app).await);
    let mut browser = logged_in(&site, "ada").await;
    assert_eq!(browser.get(&site, "/leave-slowly").await.body, "left");
    assert_eq!(browser.get(&site, "/").await.body, "");
}

#[actix_web::test]
async fn login_started_before_logout_all_is_revoked() {
    let application = web::Data::new(Application::new(Kind::Middleware));
    let app = App::new()
        .app_data(application.clone())
        .wrap(application.session())
        .configure(handlers)
        .route("/overtaken", web::get().to(overtaken))
        .route("/wrong-password", web::get().to(wrong_password));
    let site = Site::new(init_service(app).await);
    for logged_in_before in [false, true] {
        let mut browser =
            if logged_in_before { logged_in(&site, "ada").await } else { Browser::new() };
        assert_eq!(browser.get(&site, "/overtaken").await.body, "in");
        assert_eq!(user(&site, &mut browser).await, "", "{logged_in_before}");
    }
    let mut browser = logged_in(&site, "ada").await;
    browser.get(&site, "/wrong-password").await;
    assert_eq!(
        user(&site, &mut browser).await,
        "",
        "a started login without a renewal does not revive a revoked session"
    );
}
