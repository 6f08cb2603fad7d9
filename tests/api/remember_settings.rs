//! Settings of remembered logins, and session protection, which binds a login to a client.

use std::time::Duration;

use actix_web::App;
use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use actix_web::test::{TestRequest, init_service};
use paseto_actix::cookie::CookieConfig;
use paseto_actix::remember::{FreshLogin, RememberMeBuilder, SessionProtection};
use paseto_actix::testing::Browser;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{ConfigError, LocalKey, RememberMe};
use paseto_actix_tests::logs::{Logs, Secrets};
use paseto_actix_tests::parts::tampered;
use paseto_actix_tests::remember::{Application, REMEMBER, SESSION, ada, state, with_cookie};
use paseto_actix_tests::session::{Site, set_cookies};

fn builder() -> RememberMeBuilder {
    Application::new().remember()
}

#[test]
fn lifetime_must_be_between_1_second_and_1_year() {
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
fn missing_credential_loader_is_a_configuration_error() {
    let error = RememberMe::builder(LocalKey::generate()).build().unwrap_err();
    assert!(error.to_string().contains("credential_loader"), "{error}");
}

#[test]
fn cookie_settings_that_browsers_reject_are_configuration_errors() {
    for (case, builder) in [
        ("no name", builder().cookie(CookieConfig::new().name(""))),
        ("a name with a space", builder().cookie(CookieConfig::new().name("remember me"))),
        ("__Host- with a domain", builder().cookie(CookieConfig::new().domain("example.org"))),
        ("__Host- with a path", builder().cookie(CookieConfig::new().path("/app"))),
        (
            "__Host- over plain http",
            builder().cookie(CookieConfig::new().name("__Host-x")).development_over_plain_http(),
        ),
        (
            "__Secure- over plain http",
            builder().cookie(CookieConfig::new().name("__Secure-x")).development_over_plain_http(),
        ),
        ("None over plain http", {
            builder()
                .cookie(CookieConfig::new().same_site(actix_web::cookie::SameSite::None))
                .development_over_plain_http()
        }),
    ] {
        assert!(builder.build().is_err(), "{case}");
    }
}

#[actix_web::test]
async fn cookie_attributes_follow_the_settings() {
    for (builder, expected) in [
        (
            builder().development_over_plain_http(),
            "remember_token=; HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000",
        ),
        (
            builder()
                .cookie(
                    CookieConfig::new()
                        .name("stay")
                        .path("/app")
                        .domain("example.org")
                        .http_only(false)
                        .same_site(actix_web::cookie::SameSite::Strict),
                )
                .lifetime(Duration::from_secs(100)),
            "stay=; SameSite=Strict; Secure; Path=/app; Domain=example.org; Max-Age=100",
        ),
    ] {
        let application = Application::new();
        let site = application
            .site_of(builder, actix_identity::config::LogoutBehavior::PurgeSession)
            .await;
        let response = Browser::new().get(&site, "/login?user=ada&remember=yes").await;
        let cookies = set_cookies(&response.headers);
        let cookie = cookies.iter().find(|cookie| !cookie.starts_with(SESSION)).unwrap();
        let (start, rest) = cookie.split_once("v4.local.").unwrap();
        let attributes = rest.split_once(';').unwrap().1;
        assert_eq!(format!("{start};{attributes}"), expected);
    }
}

#[actix_web::test]
async fn login_that_cannot_be_remembered_fails() {
    let site = Application::new().site().await;
    let year = 365 * 24 * 60 * 60;
    for (bad, status) in
        [("0".to_owned(), 500), ((year + 1).to_string(), 500), (year.to_string(), 200)]
    {
        let response = Browser::new().get(&site, &format!("/login?user=ada&remember={bad}")).await;
        assert_eq!(response.status.as_u16(), status, "{bad}");
        assert_eq!(set_cookies(&response.headers).is_empty(), status != 200, "{bad}");
    }
    let application = Application::new();
    let site = application.site().await;
    let long = "x".repeat(4000);
    application.users.set(&long, Some("password"));
    let response = Browser::new().get(&site, &format!("/login?user={long}&remember=yes")).await;
    assert_eq!(
        response.status,
        StatusCode::INTERNAL_SERVER_ERROR,
        "the cookie is too large for browsers"
    );
    assert!(set_cookies(&response.headers).is_empty());
}

#[actix_web::test]
async fn fresh_login_extractor_without_middleware_is_500() {
    let logs = Logs::capture();
    let app = App::new().route("/fresh", actix_web::web::get().to(async |_: FreshLogin| ""));
    let site = Site::new(init_service(app).await);
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
async fn debug_output_and_logs_contain_no_secret() {
    let application = Application::new();
    let logs = Logs::capture();
    let mut secrets = Secrets::default();
    for key in [&application.remember_key, &application.session_key] {
        secrets.key(&key.to_paserk());
    }
    secrets.add("a password", "analytical");
    let debug =
        format!("{:?} {:?}", application.remember(), application.remember().build().unwrap());
    secrets.assert_not_in(&debug, "the `Debug` output");

    let site = application
        .site_with(|remember| {
            remember.token_family_store(
                MemoryTokenFamilyStore::new(10).clock(application.clock.clone()),
            )
        })
        .await;
    let mut browser = ada(&site).await;
    let add = |browser: &Browser, secrets: &mut Secrets| {
        secrets.add("a session", browser.cookie(SESSION).unwrap());
        secrets.token(browser.cookie(REMEMBER).unwrap());
    };
    add(&browser, &mut secrets);
    let first = browser.cookie(REMEMBER).unwrap().to_owned();
    browser.remove_cookie(SESSION);
    assert_eq!(state(&site, &mut browser).await, "Remembered");
    add(&browser, &mut secrets);
    let from_before_token_family =
        ada(&application.site().await).await.cookie(REMEMBER).unwrap().to_owned();
    application.clock.advance(time::Duration::HOUR);
    // A reused cookie, the cookie of the token family that this reuse revokes, and cookies that
    // were never valid.
    let tampered = tampered(&first);
    let last = browser.cookie(REMEMBER).unwrap().to_owned();
    for value in [first.as_str(), &last, &from_before_token_family, &tampered] {
        secrets.token(value);
    }
    for value in [first.as_str(), &last, &from_before_token_family, &tampered, "v4.local.AAAA"] {
        assert_eq!(state(&site, &mut with_cookie(value)).await, "Anonymous");
    }
    let mut other = ada(&site).await;
    add(&other, &mut secrets);
    application.users.set("down", Some("database"));
    other.remove_cookie(SESSION);
    state(&site, &mut other).await;
    application.users.set("down", None);
    application.users.set("ada", Some("another-password"));
    secrets.add("a password", "another-password");
    assert_eq!(state(&site, &mut other).await, "Anonymous");
    let scenarios = [
        "a remember-me cookie was used again",
        "reason=\"it does not belong to a token family\"",
        "a remember-me cookie that is forged or has expired",
        "the credential loader failed",
        "reason=\"the user has other credentials\"",
    ];
    logs.assert_no_secret(&scenarios, &secrets);
}

async fn site_with_protection(protection: SessionProtection) -> Site {
    Application::new().site_with(|remember| remember.session_protection(protection)).await
}

fn request_of(agent: &'static str, uri: &str) -> TestRequest {
    TestRequest::with_uri(uri).insert_header((USER_AGENT, agent))
}

/// The sessions of the earlier setting contain the fingerprint of their client.
#[actix_web::test]
async fn session_protection_can_be_turned_off() {
    let application = Application::new();
    let with = async |protection| {
        application.site_with(|remember| remember.session_protection(protection)).await
    };
    let (basic, off) = (with(SessionProtection::Basic).await, with(SessionProtection::Off).await);
    let mut browser = Browser::new();
    browser.send(&basic, request_of("Lynx", "/login?user=ada&remember=yes")).await;
    assert_eq!(browser.send(&off, request_of("Mosaic", "/state")).await.body, "Fresh");
}

#[actix_web::test]
async fn session_protection_limits_logins_from_another_user_agent() {
    for (protection, as_session, as_remembered) in [
        (SessionProtection::Off, "Fresh", "Remembered"),
        (SessionProtection::Basic, "Remembered", "Remembered"),
        (SessionProtection::Strong, "Anonymous", "Anonymous"),
    ] {
        let site = site_with_protection(protection).await;
        let mut browser = Browser::new();
        browser.send(&site, request_of("Lynx", "/login?user=ada&remember=yes")).await;
        assert_eq!(
            browser.send(&site, request_of("Lynx", "/state")).await.body,
            "Fresh",
            "{protection:?}"
        );
        let stolen = browser.clone();

        let mut attacker = stolen.clone();
        assert_eq!(
            attacker.send(&site, request_of("Mosaic", "/state")).await.body,
            as_session,
            "{protection:?}"
        );
        assert_eq!(
            attacker.send(&site, request_of("Mosaic", "/state")).await.body,
            as_session,
            "{protection:?}: the second request"
        );
        let mut attacker = stolen.clone();
        attacker.remove_cookie(SESSION);
        assert_eq!(
            attacker.send(&site, request_of("Mosaic", "/state")).await.body,
            as_remembered,
            "{protection:?}"
        );
        assert_eq!(
            attacker.cookie(REMEMBER).is_none(),
            protection == SessionProtection::Strong,
            "{protection:?}"
        );

        browser.remove_cookie(SESSION);
        assert_eq!(
            browser.send(&site, request_of("Lynx", "/state")).await.body,
            "Remembered",
            "{protection:?}: the original client"
        );
        assert_eq!(
            browser.send(&site, request_of("Lynx", "/me")).await.body,
            "ada",
            "{protection:?}"
        );
    }
}

/// Otherwise the application would ask for the password with each request.
#[actix_web::test]
async fn confirmed_login_is_bound_to_the_new_client() {
    let site = site_with_protection(SessionProtection::Basic).await;
    let mut browser = Browser::new();
    browser.send(&site, request_of("Lynx 1", "/login?user=ada")).await;
    assert_eq!(browser.send(&site, request_of("Lynx 2", "/state")).await.body, "Remembered");
    assert_eq!(
        browser.send(&site, request_of("Lynx 2", "/confirm?user=ada")).await.status,
        StatusCode::OK
    );
    assert_eq!(browser.send(&site, request_of("Lynx 2", "/state")).await.body, "Fresh");
}

/// Cookies from before `SessionProtection::Strong` are not bound to a client.
#[actix_web::test]
async fn strong_protection_rejects_cookies_without_a_client_fingerprint() {
    let application = Application::new();
    let value = ada(&application.site().await).await.cookie(REMEMBER).unwrap().to_owned();
    let strong = application
        .site_with(|remember| remember.session_protection(SessionProtection::Strong))
        .await;
    assert_eq!(state(&strong, &mut with_cookie(&value)).await, "Anonymous");
}

#[actix_web::test]
async fn client_fingerprint_replaces_the_user_agent() {
    let application = Application::new();
    let site = application.site_with(|remember| {
        let remember = remember.session_protection(SessionProtection::Strong);
        remember.client_fingerprint(|req| {
            let device = req.headers().get("X-Device");
            device.map(|device| device.to_str().unwrap().to_owned()).unwrap_or_default()
        })
    });
    let (site, mut browser) = (site.await, Browser::new());
    let on =
        |device: &'static str, uri| request_of("Lynx", uri).insert_header(("X-Device", device));
    browser.send(&site, on("phone", "/login?user=ada&remember=yes")).await;
    assert_eq!(
        browser
            .send(&site, on("phone", "/state").insert_header((USER_AGENT, "another")))
            .await
            .body,
        "Fresh"
    );
    assert_eq!(browser.send(&site, on("desk", "/state")).await.body, "Anonymous");
}
