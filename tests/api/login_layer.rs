//! The middleware `LoginLayer` for sessions and remembered logins.

use std::sync::{Arc, Mutex};

use actix_identity::Identity;
use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, Responder, web};
use paseto_actix::remember::{LoggedIn, Remember, RememberMeBuilder};
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::testing::Browser;
use paseto_actix::token_family::{LoginEntry, MemoryTokenFamilyStore, RandomId};
use paseto_actix::{LoginLayer, PasetoSession, RememberMe};
use paseto_actix_tests::remember::{
    Application, REMEMBER, SESSION, ada, routes, site_with_token_family, state, use_up,
};
use paseto_actix_tests::session::Site;
use time::Duration;

/// Returns a site with all stores, its layer, and the recorded events.
async fn full_site(application: &Application) -> (Site, LoginLayer, Arc<Mutex<Vec<String>>>) {
    let revocations = MemoryRevocationStore::new(100).clock(application.clock.clone());
    let events = Arc::<Mutex<Vec<String>>>::default();
    let recorded = Arc::clone(&events);
    let remember: RememberMeBuilder = application
        .remember()
        .token_family_store(MemoryTokenFamilyStore::new(100).clock(application.clock.clone()))
        .revocation_store(revocations.clone())
        .on_event(move |event| recorded.lock().unwrap().push(format!("{event:?}")));
    let session =
        PasetoSession::builder(application.session_key.clone()).clock(application.clock.clone());
    let layer = LoginLayer::new(
        session.revocation_store(revocations).build().unwrap(),
        remember.build().unwrap(),
    );
    let app = App::new()
        .wrap(layer.clone())
        .configure(routes)
        .route("/labeled", web::get().to(login_with_label))
        .route("/end-others", web::get().to(logout_others))
        .route("/start-again", web::get().to(start_again))
        .route("/current", web::get().to(current));
    (Site::new(init_service(app).await), layer, events)
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
async fn logins_of_a_user_are_listed_and_revoked_by_id() {
    let application = Application::new();
    let (site, layer, _) = full_site(&application).await;
    let mut clients = Vec::new();
    for agent in ["Firefox", "Phone", ""] {
        let mut browser = Browser::new();
        let request = TestRequest::with_uri("/labeled").insert_header((USER_AGENT, agent));
        assert_eq!(browser.send(&site, request).await.body, "in");
        application.clock.advance(Duration::MINUTE);
        clients.push(browser);
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
    clients[0].remove_cookie(SESSION);
    assert_eq!(
        clients[0].get(&site, "/current").await.body,
        firefox,
        "a restored login keeps its ID"
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
        "the session of the login is revoked"
    );
    assert_eq!(clients[0].get(&site, "/me").await.body, "ada");
}

/// The session of `Identity::login` has no ID of a remembered login.
#[actix_web::test]
async fn current_login_is_read_from_the_session_or_from_a_cookie_of_its_user() {
    let application = Application::new();
    let (site, layer, _) = full_site(&application).await;
    let remembered = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let id = layer.logins("ada").await.unwrap()[0].id.to_string();
    let mut browser = ada(&site).await;
    browser.remove_cookie(REMEMBER);
    let of_session = browser.get(&site, "/current").await.body;
    assert!(!of_session.is_empty() && of_session != id, "{of_session}");
    for (user, expected) in [("ada", id.as_str()), ("bob", "")] {
        let mut browser = Browser::new();
        browser.get(&site, &format!("/identity-login?user={user}")).await;
        browser.set_cookie(REMEMBER, &remembered);
        assert_eq!(browser.get(&site, "/current").await.body, expected, "{user}");
    }
}

/// The login of the request is the login of its session. A cookie cannot replace it.
#[actix_web::test]
async fn logout_of_others_does_not_keep_the_login_of_another_cookie() {
    let application = Application::new();
    let (site, layer, _) = full_site(&application).await;
    let other = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let mut browser = ada(&site).await;
    browser.set_cookie(REMEMBER, &other);
    assert_eq!(browser.get(&site, "/end-others").await.body, "ended");
    assert!(layer.logins("ada").await.unwrap().is_empty());
    assert_eq!(use_up(&site, &other).await.0, "Anonymous");
}

/// The copy has the credentials from before the change. The owner has a newer token.
#[actix_web::test]
async fn logout_with_an_outdated_copy_does_not_revoke_the_login() {
    let application = Application::new();
    let (site, layer, _) = full_site(&application).await;
    let mut owner = ada(&site).await;
    let copy = owner.cookie(REMEMBER).unwrap().to_owned();
    application.users.set("ada", Some("another password"));
    assert_eq!(owner.get(&site, "/end-others").await.body, "ended");
    let mut browser = Browser::new();
    browser.set_cookie(REMEMBER, &copy);
    browser.get(&site, "/logout").await;
    assert_eq!(layer.logins("ada").await.unwrap().len(), 1);
    assert_eq!(owner.get(&site, "/me").await.body, "ada");
}

/// The sessions have no revocation store, only the remember-me tokens have one.
#[actix_web::test]
async fn login_during_logout_all_is_rejected_without_a_store_of_the_sessions() {
    let application = Application::new();
    let revocations = MemoryRevocationStore::new(100).clock(application.clock.clone());
    let remember = application.remember().revocation_store(revocations).build().unwrap();
    let session =
        PasetoSession::builder(application.session_key.clone()).clock(application.clock.clone());
    let overtaken = async |logins: LoginLayer, req: HttpRequest| {
        let pending = RememberMe::start_login(&req, "ada").await?;
        logins.logout_all("ada").await?;
        pending.complete(Remember::Default).await?;
        Ok::<_, actix_web::Error>("in")
    };
    let app = App::new()
        .wrap(LoginLayer::new(session.build().unwrap(), remember))
        .route("/overtaken", web::get().to(overtaken));
    let site = Site::new(init_service(app).await);
    let response = Browser::new().get(&site, "/overtaken").await;
    assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{}", response.body);
}

/// RFC 9700, section 4.14.2, applied to remember-me tokens.
#[actix_web::test]
async fn token_reuse_revokes_the_session_of_the_thief() {
    for revocations in [true, false] {
        let application = Application::new();
        let site = if revocations {
            full_site(&application).await.0
        } else {
            site_with_token_family(&application).await.0
        };
        let mut owner = ada(&site).await;
        let stolen = owner.cookie(REMEMBER).unwrap().to_owned();
        let mut thief = Browser::new();
        thief.set_cookie(REMEMBER, &stolen);
        assert_eq!(state(&site, &mut thief).await, "Remembered");
        let mut other_login = ada(&site).await;
        application.clock.advance(Duration::minutes(2));
        // The owner's browser restarts and sends the used token.
        owner.remove_cookie(SESSION);
        assert_eq!(state(&site, &mut owner).await, "Anonymous");
        let expected = if revocations { "Anonymous" } else { "Remembered" };
        assert_eq!(state(&site, &mut thief).await, expected, "revocations: {revocations}");
        assert_eq!(state(&site, &mut other_login).await, "Fresh", "another login of the user");
    }
}

#[actix_web::test]
async fn each_event_is_reported_once() {
    let application = Application::new();
    let (site, layer, events) = full_site(&application).await;
    let expect = |expected: &[&str]| {
        let recorded: Vec<String> = events.lock().unwrap().drain(..).collect();
        assert_eq!(recorded, expected);
    };
    let mut browser = ada(&site).await;
    expect(&[r#"Login { subject: "ada" }"#]);
    browser.get(&site, "/me").await;
    expect(&[]);
    let first = browser.cookie(REMEMBER).unwrap().to_owned();
    browser.remove_cookie(SESSION);
    browser.get(&site, "/me").await;
    expect(&[r#"Remembered { subject: "ada" }"#]);
    let login = browser.get(&site, "/current").await.body;
    browser.get(&site, "/logout").await;
    expect(&[r#"Logout { subject: Some("ada") }"#]);
    use_up(&site, &first).await;
    expect(&["Rejected(Revoked)"]);
    use_up(&site, "v4.local.AAAA").await;
    expect(&["Rejected(Rejected)"]);

    let second = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let (_, third) = use_up(&site, &second).await;
    assert!(third.is_some());
    application.clock.advance(Duration::minutes(2));
    events.lock().unwrap().clear();
    use_up(&site, &second).await;
    let reused: Vec<String> = events.lock().unwrap().drain(..).collect();
    assert!(
        matches!(&*reused, [event] if event.starts_with(r#"Reused { subject: "ada", login: ""#)),
        "{reused:?}"
    );
    assert!(!reused[0].contains(&login), "each login has another ID");

    layer.logout_all("ada").await.unwrap();
    expect(&[r#"Revoked { subject: "ada" }"#]);
    application.users.set("ada", None);
    Browser::new().get(&site, "/login?user=ada").await;
    expect(&[]);
}

/// The sessions of this test have no remembered login.
#[actix_web::test]
async fn logout_of_others_requires_a_login_and_keeps_it() {
    let application = Application::new();
    let (site, ..) = full_site(&application).await;
    assert_eq!(Browser::new().get(&site, "/end-others").await.status, StatusCode::UNAUTHORIZED);
    let mut clients = Vec::new();
    for uri in ["/login?user=ada", "/login?user=ada", "/identity-login?user=ada", "/login?user=bob"]
    {
        let mut browser = Browser::new();
        browser.get(&site, uri).await;
        clients.push(browser);
    }
    let mut copy = clients[0].clone();
    assert_eq!(clients[0].get(&site, "/end-others").await.body, "ended");
    assert_eq!(clients[0].get(&site, "/me").await.body, "ada");
    assert_eq!(
        copy.get(&site, "/me").await.status,
        StatusCode::UNAUTHORIZED,
        "a copy of the session cookie"
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

/// A new login does not depend on the session that was revoked in the same request.
#[actix_web::test]
async fn login_after_logout_everywhere_in_one_request_is_accepted() {
    let application = Application::new();
    let (site, ..) = full_site(&application).await;
    let (mut browser, mut other) = (ada(&site).await, ada(&site).await);
    let old = browser.clone();
    assert_eq!(browser.get(&site, "/start-again").await.body, "in");
    // A session restored by the remember-me cookie would not be fresh.
    assert_eq!(state(&site, &mut browser).await, "Fresh");
    browser.remove_cookie(SESSION);
    assert_eq!(state(&site, &mut browser).await, "Remembered");
    for ended in [&mut other, &mut old.clone()] {
        assert_eq!(ended.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
    }
}
