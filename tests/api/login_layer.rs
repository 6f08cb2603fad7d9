//! One middleware for sessions and remembered logins, and the wrong orders of several.

use std::sync::{Arc, Mutex};

use actix_identity::{Identity, IdentityMiddleware};
use actix_session::SessionMiddleware;
use actix_web::cookie::Key;
use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, Responder, web};
use paseto_actix::remember::{LoggedIn, Remember, RememberMeBuilder};
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::token_family::{LoginEntry, MemoryTokenFamilyStore, RandomId};
use paseto_actix::{LoginLayer, PasetoSession, PasetoSessionStore, RememberMe};
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::remember::{
    House, REMEMBER, SESSION, ada, routes, site_with_token_family, state, use_up,
};
use paseto_actix_tests::session::{Client, Site};
use time::Duration;

fn session_of(house: &House) -> PasetoSession {
    PasetoSession::builder(house.session_key.clone()).clock(house.clock.clone()).build().unwrap()
}

async fn assert_refused(site: &Site, logs: &Logs) {
    for uri in ["/login?user=ada&remember=yes", "/me", "/state"] {
        let answer = site.send(TestRequest::with_uri(uri)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{uri}");
        assert!(!answer.headers.contains_key("set-cookie"), "{uri}");
    }
    let lines = logs.lines().join("\n");
    assert!(lines.contains(
        "no PasetoSession around RememberMe: call `App::wrap(LoginLayer::new(session, remember))`"
    ));
}

#[actix_web::test]
async fn a_remember_me_without_a_session_or_outside_of_it_is_refused() {
    let house = House::new();
    let logs = Logs::capture();
    let app = App::new().wrap(house.remember().build().unwrap()).configure(routes);
    assert_refused(&Site::new(init_service(app).await, |request| request.to_request()), &logs)
        .await;
    let app = App::new()
        .wrap(session_of(&house))
        .wrap(house.remember().build().unwrap())
        .configure(routes);
    assert_refused(&Site::new(init_service(app).await, |request| request.to_request()), &logs)
        .await;
}

/// `RememberMe` contains the middleware of actix-identity, so a second one is harmless in any place.
#[actix_web::test]
async fn the_middleware_of_actix_identity_cannot_be_in_the_wrong_place() {
    let house = House::new();
    let remember = || house.remember().build().unwrap();
    let inside = App::new()
        .wrap(IdentityMiddleware::default())
        .wrap(remember())
        .wrap(session_of(&house))
        .configure(routes);
    let outside = App::new()
        .wrap(remember())
        .wrap(IdentityMiddleware::default())
        .wrap(session_of(&house))
        .configure(routes);
    let without = App::new().wrap(remember()).wrap(session_of(&house)).configure(routes);
    for site in [
        Site::new(init_service(inside).await, |request| request.to_request()),
        Site::new(init_service(outside).await, |request| request.to_request()),
        Site::new(init_service(without).await, |request| request.to_request()),
        house.site().await,
    ] {
        let mut client = ada(&site).await;
        assert_eq!(client.get(&site, "/me").await.body, "ada");
        client.drop_cookie(SESSION);
        assert_eq!(state(&site, &mut client).await, "Remembered");
        assert_eq!(client.get(&site, "/identity-logout").await.body, "out");
        assert_eq!((client.cookie(SESSION), client.cookie(REMEMBER)), (None, None));
    }
}

#[actix_web::test]
async fn another_session_middleware_has_to_be_declared() {
    let house = House::new();
    let store = || {
        let store = PasetoSessionStore::new(house.session_key.clone()).clock(house.clock.clone());
        SessionMiddleware::new(store, Key::from(&[7; 64]))
    };
    let app = App::new().wrap(house.remember().build().unwrap()).wrap(store()).configure(routes);
    let site = Site::new(init_service(app).await, |request| request.to_request());
    assert_eq!(
        site.send(TestRequest::with_uri("/state")).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );

    let declared = house.remember().other_session_middleware().build().unwrap();
    let app = App::new().wrap(declared).wrap(store()).configure(routes);
    let site = Site::new(init_service(app).await, |request| request.to_request());
    let mut client = ada(&site).await;
    assert_eq!(client.get(&site, "/me").await.body, "ada");
    client.drop_cookie("id");
    assert_eq!(state(&site, &mut client).await, "Remembered");
}

#[actix_web::test]
async fn handlers_without_their_layer_do_not_panic() {
    let logs = Logs::capture();
    let app = App::new()
        .route(
            "/logout",
            web::get().to(async |req: HttpRequest| {
                RememberMe::logout(&req);
                format!("{:?} {:?}", RememberMe::freshness(&req), RememberMe::current_login(&req))
            }),
        )
        .route("/layer", web::get().to(async |_: LoginLayer| "layer"))
        .route(
            "/attempt",
            web::get().to(async |req: HttpRequest| {
                RememberMe::start_login(&req, "ada").await.map(|_| "in")
            }),
        );
    let site = Site::new(init_service(app).await, |request| request.to_request());
    assert_eq!(site.send(TestRequest::with_uri("/logout")).await.body, "Anonymous None");
    for uri in ["/layer", "/attempt"] {
        assert_eq!(
            site.send(TestRequest::with_uri(uri)).await.status,
            StatusCode::INTERNAL_SERVER_ERROR,
            "{uri}"
        );
    }
    assert!(logs.lines().join("\n").contains("no LoginLayer around this handler"));
}

/// A site with all stores, the layer that it has, and the events of its logins.
async fn full_site(house: &House) -> (Site, LoginLayer, Arc<Mutex<Vec<String>>>) {
    let revocations = MemoryRevocationStore::new(100).clock(house.clock.clone());
    let events = Arc::<Mutex<Vec<String>>>::default();
    let noted = Arc::clone(&events);
    let remember: RememberMeBuilder = house
        .remember()
        .token_family_store(MemoryTokenFamilyStore::new(100).clock(house.clock.clone()))
        .revocation_store(revocations.clone())
        .on_event(move |event| noted.lock().unwrap().push(format!("{event:?}")));
    let session = PasetoSession::builder(house.session_key.clone()).clock(house.clock.clone());
    let layer = LoginLayer::new(
        session.revocation_store(revocations).build().unwrap(),
        remember.build().unwrap(),
    );
    let app = App::new()
        .wrap(layer.clone())
        .configure(routes)
        .route("/labelled", web::get().to(login_with_label))
        .route("/end-others", web::get().to(logout_others))
        .route("/start-again", web::get().to(start_again))
        .route("/current", web::get().to(current));
    (Site::new(init_service(app).await, |request| request.to_request()), layer, events)
}

async fn login_with_label(req: HttpRequest) -> actix_web::Result<impl Responder> {
    let label = req.headers().get(USER_AGENT).unwrap().to_str().unwrap().to_owned();
    RememberMe::start_login(&req, "ada").await?.label(label).complete(Remember::Default).await?;
    Ok("in")
}

async fn logout_others(
    logins: LoginLayer,
    req: HttpRequest,
    _: Option<Identity>,
) -> actix_web::Result<impl Responder> {
    logins.logout_others(&req).await?;
    Ok("ended")
}

async fn current(req: HttpRequest, _: LoggedIn) -> String {
    RememberMe::current_login(&req).map(|id| id.to_string()).unwrap_or_default()
}

#[actix_web::test]
async fn the_logins_of_a_user_are_listed_and_ended() {
    let house = House::new();
    let (site, layer, _) = full_site(&house).await;
    let mut clients = Vec::new();
    for agent in ["Firefox", "Phone", ""] {
        let mut client = Client::new();
        let request = TestRequest::with_uri("/labelled").insert_header((USER_AGENT, agent));
        assert_eq!(client.send(&site, request).await.body, "in");
        house.clock.advance(Duration::MINUTE);
        clients.push(client);
    }
    let start = paseto_actix_tests::clock::START;
    let logins = layer.logins("ada").await.unwrap();
    let labels: Vec<_> =
        logins.iter().map(|login| (login.label.as_str(), login.created - start)).collect();
    assert_eq!(
        labels,
        [("", Duration::minutes(2)), ("Phone", Duration::MINUTE), ("Firefox", Duration::ZERO)]
    );
    let lifetimes =
        |login: &LoginEntry| (login.expires - login.created, login.last_used - login.created);
    assert!(
        logins
            .iter()
            .map(lifetimes)
            .all(|lifetimes| lifetimes == (Duration::days(30), Duration::ZERO))
    );
    assert!(layer.logins("bob").await.unwrap().is_empty());

    let firefox = logins[2].id.to_string();
    assert_eq!(clients[0].get(&site, "/current").await.body, firefox);
    clients[0].drop_cookie(SESSION);
    assert_eq!(
        clients[0].get(&site, "/current").await.body,
        firefox,
        "a restored login is the same login"
    );
    let used = layer.logins("ada").await.unwrap()[2].last_used;
    assert_eq!(used - start, Duration::minutes(3));

    layer.logout_by_id("bob", logins[1].id).await.unwrap();
    layer.logout_by_id("ada", RandomId::generate().unwrap()).await.unwrap();
    layer.logout_by_id("ada", logins[0].id).await.unwrap();
    assert_eq!(layer.logins("ada").await.unwrap().len(), 2);
    assert_eq!(
        clients[2].get(&site, "/me").await.status,
        StatusCode::UNAUTHORIZED,
        "the session ends too"
    );
    assert_eq!(clients[0].get(&site, "/me").await.body, "ada");
}

#[actix_web::test]
async fn theft_ends_the_session_of_the_thief() {
    for revocations in [true, false] {
        let house = House::new();
        let site = if revocations {
            full_site(&house).await.0
        } else {
            site_with_token_family(&house).await.0
        };
        let mut owner = ada(&site).await;
        let stolen = owner.cookie(REMEMBER).unwrap().to_owned();
        let mut thief = Client::new();
        thief.keep(REMEMBER, &stolen);
        assert_eq!(state(&site, &mut thief).await, "Remembered");
        let mut other_login = ada(&site).await;
        house.clock.advance(Duration::minutes(2));
        // The owner's browser starts again, and presents the used token.
        owner.drop_cookie(SESSION);
        assert_eq!(state(&site, &mut owner).await, "Anonymous");
        let expected = if revocations { "Anonymous" } else { "Remembered" };
        assert_eq!(state(&site, &mut thief).await, expected, "revocations: {revocations}");
        assert_eq!(state(&site, &mut other_login).await, "Fresh", "another login of the user");
    }
}

#[actix_web::test]
async fn each_event_is_reported_once() {
    let house = House::new();
    let (site, layer, events) = full_site(&house).await;
    let expect = |expected: &[&str]| {
        let noted: Vec<String> = events.lock().unwrap().drain(..).collect();
        assert_eq!(noted, expected);
    };
    let mut client = ada(&site).await;
    expect(&[r#"Login { subject: "ada" }"#]);
    client.get(&site, "/me").await;
    expect(&[]);
    let first = client.cookie(REMEMBER).unwrap().to_owned();
    client.drop_cookie(SESSION);
    client.get(&site, "/me").await;
    expect(&[r#"Remembered { subject: "ada" }"#]);
    let login = client.get(&site, "/current").await.body;
    client.get(&site, "/logout").await;
    expect(&[r#"Logout { subject: Some("ada") }"#]);
    use_up(&site, &first).await;
    expect(&["Rejected(Revoked)"]);
    use_up(&site, "v4.local.AAAA").await;
    expect(&["Rejected(Rejected)"]);

    let second = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let (_, third) = use_up(&site, &second).await;
    assert!(third.is_some());
    house.clock.advance(Duration::minutes(2));
    events.lock().unwrap().clear();
    use_up(&site, &second).await;
    let reused: Vec<String> = events.lock().unwrap().drain(..).collect();
    assert!(
        matches!(&*reused, [event] if event.starts_with(r#"Reused { subject: "ada", login: ""#)),
        "{reused:?}"
    );
    assert!(!reused[0].contains(&login), "each login has its own id");

    layer.logout_all("ada").await.unwrap();
    expect(&[r#"Revoked { subject: "ada" }"#]);
    house.users.set("ada", None);
    Client::new().get(&site, "/login?user=ada").await;
    expect(&[]);
}

/// The sessions of this test have no remembered login.
#[actix_web::test]
async fn logout_others_needs_a_login_and_spares_it() {
    let house = House::new();
    let (site, ..) = full_site(&house).await;
    assert_eq!(Client::new().get(&site, "/end-others").await.status, StatusCode::UNAUTHORIZED);
    let mut clients = Vec::new();
    for uri in ["/login?user=ada", "/login?user=ada", "/identity-login?user=ada", "/login?user=bob"]
    {
        let mut client = Client::new();
        client.get(&site, uri).await;
        clients.push(client);
    }
    let mut copy = clients[0].clone();
    assert_eq!(clients[0].get(&site, "/end-others").await.body, "ended");
    assert_eq!(clients[0].get(&site, "/me").await.body, "ada");
    assert_eq!(
        copy.get(&site, "/me").await.status,
        StatusCode::UNAUTHORIZED,
        "a copy of the old cookie"
    );
    assert_eq!(clients[1].get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(clients[2].get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(clients[3].get(&site, "/me").await.body, "bob");
}

async fn start_again(logins: LoginLayer, req: HttpRequest) -> actix_web::Result<&'static str> {
    logins.logout_all("ada").await?;
    RememberMe::login(&req, "ada", Remember::Default).await?;
    Ok("in")
}

/// A new login does not depend on the session that ended in the same request.
#[actix_web::test]
async fn a_login_after_the_end_of_all_in_one_request_goes_on() {
    let house = House::new();
    let (site, ..) = full_site(&house).await;
    let (mut client, mut other) = (ada(&site).await, ada(&site).await);
    let old = client.clone();
    assert_eq!(client.get(&site, "/start-again").await.body, "in");
    // A lost session would be restored by the cookie, and not be fresh.
    assert_eq!(state(&site, &mut client).await, "Fresh");
    client.drop_cookie(SESSION);
    assert_eq!(state(&site, &mut client).await, "Remembered");
    for ended in [&mut other, &mut old.clone()] {
        assert_eq!(ended.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[actix_web::test]
async fn a_layer_without_a_store_returns_an_error() {
    let (house, logs) = (House::new(), Logs::capture());
    let layer = LoginLayer::new(session_of(&house), house.remember().build().unwrap());
    let error = layer.logout_all("ada").await.unwrap_err().to_string();
    assert!(error.contains("no revocations are kept"), "{error}");
    assert!(layer.logins("ada").await.is_err());
    assert_eq!(logs.count("the PasetoSession of a LoginLayer has no revocation store"), 1);
}
