//! Settings of remembered logins, and how a client is bound to one.

use std::time::Duration;

use actix_web::App;
use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use actix_web::test::{TestRequest, init_service};
use paseto_actix::remember::{FreshLogin, RememberMeBuilder, SessionProtection};
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{ConfigError, LocalKey, RememberMe};
use paseto_actix_tests::logs::{Logs, Secrets};
use paseto_actix_tests::parts::tampered;
use paseto_actix_tests::remember::{House, REMEMBER, SESSION, ada, state, with_cookie};
use paseto_actix_tests::session::{Client, Site, set_cookies};

fn builder() -> RememberMeBuilder {
    House::new().remember()
}

#[test]
fn how_long_a_login_may_be_remembered() {
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    for good in [Duration::from_secs(1), year] {
        builder().lifetime(good).build().unwrap();
    }
    for bad in
        [Duration::ZERO, Duration::from_millis(999), year + Duration::from_nanos(1), Duration::MAX]
    {
        let error = builder().lifetime(bad).build().unwrap_err();
        assert!(
            matches!(error, ConfigError::DurationOutOfRange { setting: "lifetime", .. }),
            "{error}"
        );
    }
}

#[test]
fn somebody_has_to_say_who_exists() {
    let error = RememberMe::builder(LocalKey::generate()).build().unwrap_err();
    assert!(error.to_string().contains("user_loader"), "{error}");
}

#[test]
fn what_prefixes_promise() {
    for (case, builder) in [
        ("no name", builder().cookie_name("")),
        ("a name with a space", builder().cookie_name("remember me")),
        ("__Host- with a domain", builder().cookie_domain("example.org")),
        ("__Host- with a path", builder().cookie_path("/app")),
        (
            "__Host- over plain http",
            builder().cookie_name("__Host-x").development_over_plain_http(),
        ),
        (
            "__Secure- over plain http",
            builder().cookie_name("__Secure-x").development_over_plain_http(),
        ),
        ("None over plain http", {
            builder()
                .cookie_same_site(actix_web::cookie::SameSite::None)
                .development_over_plain_http()
        }),
    ] {
        assert!(builder.build().is_err(), "{case}");
    }
}

#[actix_web::test]
async fn the_cookie_as_it_is_set() {
    for (builder, expected) in [
        (
            builder().development_over_plain_http(),
            "remember_token=; HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000",
        ),
        (
            builder()
                .cookie_name("stay")
                .cookie_path("/app")
                .cookie_domain("example.org")
                .cookie_http_only(false)
                .cookie_same_site(actix_web::cookie::SameSite::Strict)
                .lifetime(Duration::from_secs(100)),
            "stay=; SameSite=Strict; Secure; Path=/app; Domain=example.org; Max-Age=100",
        ),
    ] {
        let house = House::new();
        let site =
            house.site_of(builder, actix_identity::config::LogoutBehavior::PurgeSession).await;
        let answer = Client::new().get(&site, "/login?user=ada&remember=yes").await;
        let cookies = set_cookies(&answer.headers);
        let cookie = cookies.iter().find(|cookie| !cookie.starts_with(SESSION)).unwrap();
        let (start, rest) = cookie.split_once("v4.local.").unwrap();
        let attributes = rest.split_once(';').unwrap().1;
        assert_eq!(format!("{start};{attributes}"), expected);
    }
}

#[actix_web::test]
async fn a_login_that_cannot_be_remembered_is_none() {
    let site = House::new().site().await;
    let year = 365 * 24 * 60 * 60;
    for (bad, status) in
        [("0".to_owned(), 500), ((year + 1).to_string(), 500), (year.to_string(), 200)]
    {
        let answer = Client::new().get(&site, &format!("/login?user=ada&remember={bad}")).await;
        assert_eq!(answer.status.as_u16(), status, "{bad}");
        assert_eq!(set_cookies(&answer.headers).is_empty(), status != 200, "{bad}");
    }
    let house = House::new();
    let site = house.site().await;
    let long = "x".repeat(4000);
    house.users.set(&long, Some("password"));
    let answer = Client::new().get(&site, &format!("/login?user={long}&remember=yes")).await;
    assert_eq!(
        answer.status,
        StatusCode::INTERNAL_SERVER_ERROR,
        "no browser would keep that cookie"
    );
    assert!(set_cookies(&answer.headers).is_empty());
}

#[actix_web::test]
async fn no_middleware_around_a_handler() {
    let logs = Logs::capture();
    let app = App::new().route("/fresh", actix_web::web::get().to(async |_: FreshLogin| ""));
    let site = Site::new(init_service(app).await, |request| request.to_request());
    assert_eq!(
        site.send(TestRequest::with_uri("/fresh")).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert!(
        logs.lines().join("\n").contains("App::wrap(LoginLayer::new(session, remember))"),
        "{}",
        logs.lines().join("\n")
    );
}

#[actix_web::test]
async fn neither_debug_nor_logs_show_a_token_or_a_key() {
    let house = House::new();
    let logs = Logs::capture();
    let mut secrets = Secrets::default();
    for key in [&house.remember_key, &house.session_key] {
        secrets.key(&key.to_paserk());
    }
    secrets.add("a password", "analytical");
    let debug = format!("{:?} {:?}", house.remember(), house.remember().build().unwrap());
    secrets.assert_not_in(&debug, "what `Debug` shows");

    let site = house
        .site_with(|remember| {
            remember.token_family_store(MemoryTokenFamilyStore::new(10).clock(house.clock.clone()))
        })
        .await;
    let mut client = ada(&site).await;
    let add = |client: &Client, secrets: &mut Secrets| {
        secrets.add("a session", client.cookie(SESSION).unwrap());
        secrets.token(client.cookie(REMEMBER).unwrap());
    };
    add(&client, &mut secrets);
    let first = client.cookie(REMEMBER).unwrap().to_owned();
    client.drop_cookie(SESSION);
    assert_eq!(state(&site, &mut client).await, "Remembered");
    add(&client, &mut secrets);
    let from_before_token_family =
        ada(&house.site().await).await.cookie(REMEMBER).unwrap().to_owned();
    house.clock.advance(time::Duration::HOUR);
    // A copy of an old cookie, the cookie of a token family that this has ended, and cookies that were never good.
    let tampered = tampered(&first);
    let last = client.cookie(REMEMBER).unwrap().to_owned();
    for value in [first.as_str(), &last, &from_before_token_family, &tampered] {
        secrets.token(value);
    }
    for value in [first.as_str(), &last, &from_before_token_family, &tampered, "v4.local.AAAA"] {
        assert_eq!(state(&site, &mut with_cookie(value)).await, "Anonymous");
    }
    let mut other = ada(&site).await;
    add(&other, &mut secrets);
    house.users.set("down", Some("database"));
    other.drop_cookie(SESSION);
    state(&site, &mut other).await;
    house.users.set("down", None);
    house.users.set("ada", Some("another-password"));
    secrets.add("a password", "another-password");
    assert_eq!(state(&site, &mut other).await, "Anonymous");
    let scenarios = [
        "a remember-me cookie was used again",
        "reason=\"it has no family\"",
        "a remember-me cookie that is forged or has expired",
        "the user loader failed",
        "reason=\"the user has other credentials\"",
    ];
    logs.assert_no_secret(&scenarios, &secrets);
}

async fn protected(protection: SessionProtection) -> Site {
    House::new().site_with(|remember| remember.session_protection(protection)).await
}

fn by(agent: &'static str, uri: &str) -> TestRequest {
    TestRequest::with_uri(uri).insert_header((USER_AGENT, agent))
}

#[actix_web::test]
async fn session_protection() {
    for (protection, as_session, as_remembered) in [
        (SessionProtection::Off, "Fresh", "Remembered"),
        (SessionProtection::Basic, "Remembered", "Remembered"),
        (SessionProtection::Strong, "Anonymous", "Anonymous"),
    ] {
        let site = protected(protection).await;
        let mut client = Client::new();
        client.send(&site, by("Lynx", "/login?user=ada&remember=yes")).await;
        assert_eq!(client.send(&site, by("Lynx", "/state")).await.body, "Fresh", "{protection:?}");
        let stolen = client.clone();

        let mut thief = stolen.clone();
        assert_eq!(
            thief.send(&site, by("Mosaic", "/state")).await.body,
            as_session,
            "{protection:?}"
        );
        assert_eq!(
            thief.send(&site, by("Mosaic", "/state")).await.body,
            as_session,
            "{protection:?}: not only once"
        );
        let mut thief = stolen.clone();
        thief.drop_cookie(SESSION);
        assert_eq!(
            thief.send(&site, by("Mosaic", "/state")).await.body,
            as_remembered,
            "{protection:?}"
        );
        assert_eq!(
            thief.cookie(REMEMBER).is_none(),
            protection == SessionProtection::Strong,
            "{protection:?}"
        );

        client.drop_cookie(SESSION);
        assert_eq!(
            client.send(&site, by("Lynx", "/state")).await.body,
            "Remembered",
            "{protection:?}: the client itself"
        );
        assert_eq!(client.send(&site, by("Lynx", "/me")).await.body, "ada", "{protection:?}");
    }
}

/// Else the password would be asked for again and again.
#[actix_web::test]
async fn who_gives_the_password_again_is_the_client_from_then_on() {
    let site = protected(SessionProtection::Basic).await;
    let mut client = Client::new();
    client.send(&site, by("Lynx 1", "/login?user=ada")).await;
    assert_eq!(client.send(&site, by("Lynx 2", "/state")).await.body, "Remembered");
    assert_eq!(client.send(&site, by("Lynx 2", "/confirm?user=ada")).await.status, StatusCode::OK);
    assert_eq!(client.send(&site, by("Lynx 2", "/state")).await.body, "Fresh");
}

/// Cookies from before it was strong say nothing of a client.
#[actix_web::test]
async fn strong_protection_takes_no_cookie_that_is_bound_to_nobody() {
    let house = House::new();
    let value = ada(&house.site().await).await.cookie(REMEMBER).unwrap().to_owned();
    let strong =
        house.site_with(|remember| remember.session_protection(SessionProtection::Strong)).await;
    assert_eq!(state(&strong, &mut with_cookie(&value)).await, "Anonymous");
}

#[actix_web::test]
async fn session_protection_by_something_else() {
    let house = House::new();
    let site = house.site_with(|remember| {
        let remember = remember.session_protection(SessionProtection::Strong);
        remember.client_fingerprint(|req| {
            let device = req.headers().get("X-Device");
            device.map(|device| device.to_str().unwrap().to_owned()).unwrap_or_default()
        })
    });
    let (site, mut client) = (site.await, Client::new());
    let on = |device: &'static str, uri| by("whatever", uri).insert_header(("X-Device", device));
    client.send(&site, on("phone", "/login?user=ada&remember=yes")).await;
    assert_eq!(
        client.send(&site, on("phone", "/state").insert_header((USER_AGENT, "another"))).await.body,
        "Fresh"
    );
    assert_eq!(client.send(&site, on("desk", "/state")).await.body, "Anonymous");
}
