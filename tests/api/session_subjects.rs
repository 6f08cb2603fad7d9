//! Sessions that end with their user: after a password change, or when the account closes.

use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::http::StatusCode;
use actix_web::test::init_service;
use actix_web::{App, web};
use paseto_actix::revocation::RevocationError;
use paseto_actix::session::SessionCookie;
use paseto_actix::{LocalKey, PasetoSession, PasetoSessionStore};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::revocation::{Failing, assert_unavailable};
use paseto_actix_tests::session::{Client, Kind, Site, routes, session, set_cookies};
use time::Duration;

/// The time after which a record of a user ends: the absolute limit, the longest leeway of a
/// verifier, and 5 seconds for clocks that differ.
const RECORD: Duration = Duration::hours(12).saturating_add(Duration::seconds(305));

/// A site whose sessions have their user under `user`, and a closure that ends all sessions of one.
struct House {
    clock: TestClock,
    store: Failing,
    key: LocalKey,
    kind: Kind,
}

impl House {
    fn new(kind: Kind) -> Self {
        let clock = TestClock::new();
        Self { store: Failing::new(&clock, 100), key: LocalKey::generate(), clock, kind }
    }

    fn session(&self) -> PasetoSession {
        let session = session(self.key.clone(), &self.clock).subject_key("user");
        session.revocation_store(self.store.clone()).build().unwrap()
    }

    fn plain(&self) -> PasetoSessionStore {
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

    async fn logout_all(&self, user: &str) -> Result<(), RevocationError> {
        match self.kind {
            Kind::Middleware => self.session().logout_all(user).await,
            Kind::Store => self.plain().logout_all(user).await,
        }
    }
}

fn handlers(config: &mut web::ServiceConfig) {
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
            "/user",
            web::get().to(async |session: Session| {
                session.entries().get("user").cloned().unwrap_or_default()
            }),
        );
    routes(config);
}

async fn logged_in(site: &Site, user: &str) -> Client {
    let mut client = Client::new();
    client.get(site, &format!("/set?user={user}&cart=tea")).await;
    client
}

async fn user(site: &Site, client: &mut Client) -> String {
    client.get(site, "/user").await.body
}

#[actix_web::test]
async fn all_sessions_of_a_user_end_and_no_others() {
    for kind in Kind::ALL {
        let house = House::new(kind);
        let site = house.site().await;
        let (mut ada, mut elsewhere, mut bob) = (
            logged_in(&site, "ada").await,
            logged_in(&site, "ada").await,
            logged_in(&site, "bob").await,
        );
        let mut anonymous = Client::new();
        anonymous.get(&site, "/set?cart=tea").await;
        house.logout_all("ada").await.unwrap();
        for client in [&mut ada, &mut elsewhere] {
            assert_eq!(user(&site, client).await, "", "{kind:?}");
        }
        assert_eq!(user(&site, &mut bob).await, r#""bob""#, "{kind:?}");
        assert!(anonymous.get(&site, "/").await.body.contains("tea"), "{kind:?}");
        let mut again = logged_in(&site, "ada").await;
        assert_eq!(user(&site, &mut again).await, r#""ada""#, "{kind:?}: a login after it");
        assert_eq!(house.store.count(), 1, "{kind:?}");
        house.clock.advance(RECORD);
        assert_eq!(
            house.store.count(),
            1,
            "{kind:?}: the record lives until the last session has expired by any clock"
        );
        house.clock.advance(Duration::SECOND);
        assert_eq!(house.store.count(), 0, "{kind:?}");
    }
}

/// A session gets the generation of its user when the user appears in it, and loses it with the user.
#[actix_web::test]
async fn a_session_belongs_to_the_user_who_is_in_it() {
    for kind in Kind::ALL {
        let house = House::new(kind);
        let site = house.site().await;
        house.logout_all("bob").await.unwrap();
        let mut client = logged_in(&site, "ada").await;
        client.get(&site, "/set?user=bob").await;
        house.logout_all("ada").await.unwrap();
        assert_eq!(user(&site, &mut client).await, r#""bob""#, "{kind:?}: it is Bob's session now");
        client.get(&site, "/leave").await;
        house.logout_all("bob").await.unwrap();
        assert_eq!(
            client.get(&site, "/").await.body,
            r#"cart="tea""#,
            "{kind:?}: it has no user and no entry of one"
        );

        // A user of this name is not the JSON value.
        let mut null = logged_in(&site, "null").await;
        house.logout_all("null").await.unwrap();
        assert_eq!(user(&site, &mut null).await, "", "{kind:?}");

        let mut number = Client::new();
        number.get(&site, "/login-by-number").await;
        assert_eq!(user(&site, &mut number).await, "7", "{kind:?}");
        house.logout_all("7").await.unwrap();
        assert_eq!(user(&site, &mut number).await, "", "{kind:?}: a number is the text of it");
    }
}

/// A session keeps its generation when it is renewed, so a renewal does not outlive the end of all.
#[actix_web::test]
async fn a_change_does_not_renew_the_generation() {
    for kind in Kind::ALL {
        let house = House::new(kind);
        let site = house.site().await;
        let mut client = logged_in(&site, "ada").await;
        client.get(&site, "/renew").await;
        client.get(&site, "/set?cart=coffee").await;
        let copy = client.clone();
        house.logout_all("ada").await.unwrap();
        for uri in ["/", "/set?cart=milk", "/renew"] {
            let mut client = copy.clone();
            client.get(&site, uri).await;
            assert_eq!(user(&site, &mut client).await, "", "{kind:?} {uri}");
        }
    }
}

/// A site that stored no revocations before has sessions without a generation.
#[actix_web::test]
async fn a_session_from_before_the_store_ends_too() {
    let house = House::new(Kind::Middleware);
    let before = session(house.key.clone(), &house.clock).subject_key("user").build().unwrap();
    let before = Site::of(before, handlers).await;
    let mut client = logged_in(&before, "ada").await;
    assert!(!client.get(&before, "/").await.body.contains("paseto_actix"), "no store, no entry");
    let site = house.site().await;
    assert_eq!(user(&site, &mut client).await, r#""ada""#);
    house.logout_all("ada").await.unwrap();
    assert_eq!(user(&site, &mut client).await, "");
    let without_store = session(house.key.clone(), &house.clock).build().unwrap();
    assert!(matches!(without_store.logout_all("ada").await, Err(RevocationError::NoStore)));
}

/// The session of a user, from before the store, in a request that all sessions of the user overtake.
#[actix_web::test]
async fn a_change_does_not_give_a_session_from_before_the_store_a_generation() {
    for kind in Kind::ALL {
        let house = web::Data::new(House::new(kind));
        let app = || {
            App::new()
                .app_data(house.clone())
                .configure(handlers)
                .route("/refused", web::get().to(refused_in_any))
        };
        let (before, site) = match kind {
            Kind::Middleware => {
                let without =
                    session(house.key.clone(), &house.clock).subject_key("user").build().unwrap();
                let with = init_service(app().wrap(house.session())).await;
                (Site::of(without, handlers).await, Site::new(with, |request| request.to_request()))
            }
            Kind::Store => {
                let without = PasetoSessionStore::new(house.key.clone()).clock(house.clock.clone());
                let wrap = |store| SessionMiddleware::new(store, Key::from(&[b'x'; 64]));
                let with = init_service(app().wrap(wrap(house.plain()))).await;
                (
                    Site::alone(wrap(without), handlers).await,
                    Site::new(with, |request| request.to_request()),
                )
            }
        };
        let mut client = logged_in(&before, "ada").await;
        client.get(&site, "/refused").await;
        assert_eq!(user(&site, &mut client).await, "", "{kind:?}");
    }
}

async fn refused_in_any(
    session: Session,
    house: web::Data<House>,
) -> actix_web::Result<&'static str> {
    house.logout_all("ada").await?;
    session.insert("failures", "1")?;
    Ok("wrong password")
}

#[actix_web::test]
async fn a_login_whose_generation_is_unknown_gets_no_session() {
    let house = House::new(Kind::Middleware);
    let site = house.site().await;
    house.store.set_down(true);
    assert_unavailable(&Client::new().get(&site, "/set?user=ada").await, "a login");
    assert_eq!(
        Client::new().get(&site, "/set?cart=tea").await.status,
        StatusCode::OK,
        "no user, no question"
    );
    assert!(house.logout_all("ada").await.is_err());
}

async fn logout_others(
    cookie: SessionCookie,
    session: Session,
) -> Result<&'static str, actix_web::Error> {
    cookie.logout_others().await?;
    session.renew();
    Ok("ended")
}

/// A handler that notes the login of Ada, and ends all her sessions before it logs her in.
async fn overtaken(
    cookie: SessionCookie,
    session: Session,
    house: web::Data<House>,
) -> actix_web::Result<&'static str> {
    cookie.start_login("ada").await?;
    house.logout_all("ada").await?;
    session.renew();
    session.insert("user", "ada")?;
    Ok("in")
}

/// A handler that notes the login of Ada, and rejects her password.
async fn refused(
    cookie: SessionCookie,
    session: Session,
    house: web::Data<House>,
) -> actix_web::Result<&'static str> {
    house.logout_all("ada").await?;
    cookie.start_login("ada").await?;
    session.insert("failures", "1")?;
    Ok("wrong password")
}

/// A handler that removes the user from the session, which ends meanwhile.
async fn leave(session: Session, house: web::Data<House>) -> actix_web::Result<&'static str> {
    house.logout_all("ada").await?;
    session.remove("user");
    session.renew();
    Ok("left")
}

#[actix_web::test]
async fn a_session_that_has_ended_does_not_go_on_without_its_user() {
    let house = web::Data::new(House::new(Kind::Middleware));
    let app = App::new()
        .app_data(house.clone())
        .wrap(house.session())
        .configure(handlers)
        .route("/leave-slowly", web::get().to(leave));
    let site = Site::new(init_service(app).await, |request| request.to_request());
    let mut client = logged_in(&site, "ada").await;
    assert_eq!(client.get(&site, "/leave-slowly").await.body, "left");
    assert_eq!(client.get(&site, "/").await.body, "");
}

#[actix_web::test]
async fn a_login_that_was_noted_before_the_end_of_all_sessions_is_one_of_them() {
    let house = web::Data::new(House::new(Kind::Middleware));
    let app = App::new()
        .app_data(house.clone())
        .wrap(house.session())
        .configure(handlers)
        .route("/overtaken", web::get().to(overtaken))
        .route("/refused", web::get().to(refused));
    let site = Site::new(init_service(app).await, |request| request.to_request());
    for logged_in_before in [false, true] {
        let mut client =
            if logged_in_before { logged_in(&site, "ada").await } else { Client::new() };
        assert_eq!(client.get(&site, "/overtaken").await.body, "in");
        assert_eq!(user(&site, &mut client).await, "", "{logged_in_before}");
    }
    let mut client = logged_in(&site, "ada").await;
    client.get(&site, "/refused").await;
    assert_eq!(
        user(&site, &mut client).await,
        "",
        "a noted login without a renewal does not revive a session"
    );
}

#[actix_web::test]
async fn a_session_ends_all_others_and_goes_on() {
    let house = House::new(Kind::Middleware);
    let app = App::new()
        .wrap(house.session())
        .configure(handlers)
        .route("/end-others", web::get().to(logout_others));
    let site = Site::new(init_service(app).await, |request| request.to_request());
    let (mut client, mut other) = (logged_in(&site, "ada").await, logged_in(&site, "ada").await);
    assert_eq!(client.get(&site, "/end-others").await.body, "ended");
    assert_eq!(user(&site, &mut client).await, r#""ada""#, "also under a new id");
    assert_eq!(user(&site, &mut other).await, "");
    let anonymous = Client::new().get(&site, "/end-others").await;
    assert_eq!(anonymous.status, StatusCode::INTERNAL_SERVER_ERROR, "a session without a user");
    assert!(set_cookies(&anonymous.headers).is_empty());
}
