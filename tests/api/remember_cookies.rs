//! Requests with several remember-me cookies of one name, and cookies in unusual encodings.

use actix_web::App;
use actix_web::dev::Service;
use actix_web::http::header::{COOKIE, HeaderValue, USER_AGENT};
use actix_web::test::{TestRequest, init_service};
use paseto_actix::PasetoSession;
use paseto_actix::remember::{RememberMeBuilder, SessionProtection};
use paseto_actix::testing::Browser;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix_tests::parts::tampered;
use paseto_actix_tests::remember::{
    Application, REMEMBER, SESSION, ada, remember_cookie, routes, send_cookies,
    site_with_token_family, state, use_up, with_cookie,
};
use paseto_actix_tests::revocation::failing_revocations;
use paseto_actix_tests::session::{Site, set_cookies};
use time::Duration;

/// Logs in at this URI and returns the value of the remember-me cookie.
async fn log_in(site: &Site, uri: &str) -> String {
    log_in_as(site, TestRequest::with_uri(uri)).await
}

async fn log_in_as(site: &Site, request: TestRequest) -> String {
    let mut browser = Browser::new();
    browser.send(site, request).await;
    browser.cookie(REMEMBER).expect("the login sets the remember-me cookie").to_owned()
}

/// Returns a site that binds cookies to clients and has a revocation store. If `family` is set, it
/// also has a token family store.
async fn strict_site(application: &Application, family: bool) -> Site {
    application.site_with(|remember| strict(application, remember, family)).await
}

fn strict(
    application: &Application,
    remember: RememberMeBuilder,
    family: bool,
) -> RememberMeBuilder {
    let remember = remember.revocation_store(failing_revocations(&application.clock, 100));
    let remember = remember.session_protection(SessionProtection::Strong);
    if family {
        remember
            .token_family_store(MemoryTokenFamilyStore::new(100).clock(application.clock.clone()))
    } else {
        remember
    }
}

/// Returns cookies that log no user in at this site, each with the reason.
async fn invalid_cookies(
    application: &Application,
    site: &Site,
    family: bool,
) -> Vec<(&'static str, String)> {
    application.users.set("eve", Some("apple"));
    let mut invalid = vec![
        ("not a token", "ada".to_owned()),
        ("forged", tampered(ada(site).await.cookie(REMEMBER).unwrap())),
        ("expired", log_in(site, "/login?user=ada&remember=1").await),
        ("other credentials", log_in(site, "/login?user=bob&remember=yes").await),
        ("an unknown user", log_in(site, "/login?user=eve&remember=yes").await),
    ];
    let elsewhere =
        TestRequest::with_uri("/login?user=ada&remember=yes").insert_header((USER_AGENT, "Lynx"));
    invalid.push(("another client", log_in_as(site, elsewhere).await));
    let mut out = ada(site).await;
    invalid.push(("a revoked login", out.cookie(REMEMBER).unwrap().to_owned()));
    out.get(site, "/logout").await;
    if family {
        let bare = strict_site(application, false).await;
        invalid.push(("no family", ada(&bare).await.cookie(REMEMBER).unwrap().to_owned()));
        let other = strict_site(application, true).await;
        invalid.push(("an unknown family", ada(&other).await.cookie(REMEMBER).unwrap().to_owned()));
        let first = ada(site).await.cookie(REMEMBER).unwrap().to_owned();
        let (_, second) = use_up(site, &first).await;
        use_up(site, &second.unwrap()).await;
        invalid.push(("reused, of another login", first));
    }
    application.users.set("eve", None);
    application.users.set("bob", Some("another"));
    application.clock.advance(Duration::seconds(2));
    invalid
}

#[actix_web::test]
async fn valid_cookie_logs_in_beside_an_invalid_cookie() {
    for family in [false, true] {
        let application = Application::new();
        let site = strict_site(&application, family).await;
        let mut valid = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
        for (case, invalid) in invalid_cookies(&application, &site, family).await {
            for invalid_first in [true, false] {
                let values = if invalid_first { [&invalid, &valid] } else { [&valid, &invalid] };
                let response = send_cookies(&site, "/me", &values).await;
                assert_eq!(
                    response.body, "ada",
                    "{case}, family: {family}, invalid first: {invalid_first}"
                );
                let cookie = remember_cookie(&response.headers);
                assert_eq!(
                    cookie.is_some(),
                    family,
                    "{case}: the cookie changes only if the token rotates"
                );
                if let Some(cookie) = cookie {
                    assert!(cookie.value().starts_with("v4.local."), "{case}: no removal");
                    valid = cookie.value().to_owned();
                }
            }
        }
    }
}

/// A removal contains one path and one domain. It could remove a cookie that is valid for another
/// application.
#[actix_web::test]
async fn several_invalid_cookies_are_not_removed() {
    for family in [false, true] {
        let application = Application::new();
        let site = strict_site(&application, family).await;
        for (case, invalid) in invalid_cookies(&application, &site, family).await {
            for values in [[&*invalid, &invalid], [&invalid, "v4.local.AAAA"]] {
                let response = send_cookies(&site, "/state", &values).await;
                assert_eq!(response.body, "Anonymous", "{case}, family: {family}");
                assert!(
                    set_cookies(&response.headers).is_empty(),
                    "{case}: {:?}",
                    response.headers
                );
            }
            let mut browser = with_cookie(&invalid);
            assert_eq!(state(&site, &mut browser).await, "Anonymous", "{case}, family: {family}");
            assert!(
                browser.cookie(REMEMBER).is_none(),
                "{case}: a single invalid cookie is removed"
            );
        }
    }
}

#[actix_web::test]
async fn first_of_two_valid_cookies_logs_in() {
    let site = Application::new().site().await;
    let ada = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let bob = log_in(&site, "/login?user=bob&remember=yes").await;
    assert_eq!(send_cookies(&site, "/me", &[&ada, &bob]).await.body, "ada");
    assert_eq!(send_cookies(&site, "/me", &[&bob, &ada]).await.body, "bob");
}

#[actix_web::test]
async fn at_most_four_cookies_of_the_name_are_read() {
    let site = Application::new().site().await;
    let valid = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let invalid = tampered(&valid);
    for (invalid_cookies, expected) in [(3, "Remembered"), (4, "Anonymous")] {
        let mut values = vec![&invalid; invalid_cookies];
        values.push(&valid);
        let response = send_cookies(&site, "/state", &values).await;
        assert_eq!(response.body, expected, "{invalid_cookies} invalid cookies in front");
        assert!(
            set_cookies(&response.headers).iter().all(|cookie| cookie.starts_with(SESSION)),
            "{:?}",
            response.headers
        );
    }
}

#[actix_web::test]
async fn older_token_beside_the_current_token_is_not_reuse() {
    // Without a wait, all tokens of the login have the same time, because times are whole seconds.
    for wait in [Duration::ZERO, Duration::HOUR] {
        let application = Application::new();
        let (site, reuses) = site_with_token_family(&application).await;
        let first = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
        let mut current = first.clone();
        for older_first in [true, false, true] {
            application.clock.advance(wait);
            let (_, next) = use_up(&site, &current).await;
            current = next.unwrap();
            application.clock.advance(wait);
            let values = if older_first { [&first, &current] } else { [&current, &first] };
            let response = send_cookies(&site, "/me", &values).await;
            assert_eq!(response.body, "ada", "older first: {older_first}, waits: {wait}");
            current = remember_cookie(&response.headers).unwrap().value().to_owned();
        }
        assert!(reuses.lock().unwrap().is_empty());
        assert_eq!(use_up(&site, &first).await.0, "Anonymous");
        assert_eq!(*reuses.lock().unwrap(), ["ada"], "the older token alone is reuse");
    }
}

/// A request within the grace period receives a copy of the current token. The copy is newer than
/// the token of the request.
#[actix_web::test]
async fn copy_from_the_grace_period_is_newer_than_the_used_token() {
    let application = Application::new();
    let (site, reuses) = site_with_token_family(&application).await;
    let first = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    use_up(&site, &first).await;
    let (_, copy) = use_up(&site, &first).await;
    application.clock.advance(Duration::HOUR);
    assert_eq!(send_cookies(&site, "/me", &[first, copy.unwrap()]).await.body, "ada");
    assert!(reuses.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn logout_and_login_revoke_the_logins_of_all_cookies() {
    for family in [false, true] {
        for uri in [
            "/logout",
            "/identity-logout",
            "/purge",
            "/login?user=bob",
            "/login?user=bob&remember=yes",
        ] {
            for session in [false, true] {
                let case = format!("{uri}, family: {family}, session: {session}");
                let application = Application::new();
                let site = strict_site(&application, family).await;
                let browser = ada(&site).await;
                let values =
                    [browser.cookie(REMEMBER).unwrap().to_owned(), log_in(&site, LOGIN).await];
                let mut cookies =
                    values.each_ref().map(|value| format!("{REMEMBER}={value}")).to_vec();
                if session {
                    cookies.push(format!("{SESSION}={}", browser.cookie(SESSION).unwrap()));
                }
                let request =
                    TestRequest::with_uri(uri).insert_header((COOKIE, cookies.join("; ")));
                let response = site.send(request).await;
                assert_eq!(response.status.as_u16(), 200, "{case}");
                let cookie = remember_cookie(&response.headers)
                    .unwrap_or_else(|| panic!("{case}: no cookie"));
                assert_eq!(
                    cookie.value().is_empty(),
                    !uri.ends_with("=yes"),
                    "{case}: removed or replaced"
                );
                for value in &values {
                    assert_eq!(state(&site, &mut with_cookie(value)).await, "Anonymous", "{case}");
                }
            }
        }
    }
}

const LOGIN: &str = "/login?user=ada&remember=yes";

/// A logout removes the cookie without a login, even if several cookies have the name.
#[actix_web::test]
async fn logout_without_a_login_removes_the_cookie() {
    let site = Application::new().site().await;
    let response = send_cookies(&site, "/logout", &["v4.local.AAAA", "ada"]).await;
    assert_eq!(remember_cookie(&response.headers).unwrap().value(), "");
}

/// RFC 6265, section 4.1.1.
#[actix_web::test]
async fn cookie_value_in_double_quotes_is_accepted() {
    let site = Application::new().site().await;
    let value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let response = send_cookies(&site, "/state", &[format!("\"{value}\"")]).await;
    assert_eq!(response.body, "Remembered");
    assert!(remember_cookie(&response.headers).is_none());
}

#[actix_web::test]
async fn other_cookie_that_is_not_utf8_does_not_hide_the_cookie() {
    let site = Application::new().site().await;
    let value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    for (before, after) in [(&b"name=M\xfcller; "[..], &b""[..]), (b"", b"; name=M\xfcller")] {
        let header = [before, format!("{REMEMBER}={value}").as_bytes(), after].concat();
        let header = HeaderValue::from_bytes(&header).unwrap();
        assert_eq!(
            site.send(TestRequest::with_uri("/state").insert_header((COOKIE, header))).await.body,
            "Remembered"
        );
    }
}

/// The outermost middleware calls `req.cookies()`, which decodes names and caches the result.
#[actix_web::test]
async fn encoded_cookie_name_is_ignored_if_another_middleware_parsed_the_cookies() {
    let application = Application::new();
    let app = App::new()
        .wrap(application.remember().build().unwrap())
        .wrap(
            PasetoSession::builder(application.session_key.clone())
                .clock(application.clock.clone())
                .build()
                .unwrap(),
        )
        .wrap_fn(|req, service| {
            assert!(req.cookies().is_ok());
            service.call(req)
        })
        .configure(routes);
    let site = Site::new(init_service(app).await);
    let value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    for alias in
        [REMEMBER.replacen("__", "%5F%5F", 1), REMEMBER.replacen("remember", "%72emember", 1)]
    {
        let request =
            TestRequest::with_uri("/state").insert_header((COOKIE, format!("{alias}={value}")));
        let response = site.send(request).await;
        assert_eq!(response.body, "Anonymous", "{alias}");
        assert!(set_cookies(&response.headers).is_empty(), "{alias}: {:?}", response.headers);
    }
    assert_eq!(state(&site, &mut with_cookie(&value)).await, "Remembered");
}
