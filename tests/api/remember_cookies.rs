//! Requests with several remember-me cookies of one name, and cookies in unusual forms.

use actix_web::App;
use actix_web::dev::Service;
use actix_web::http::header::{COOKIE, HeaderValue, USER_AGENT};
use actix_web::test::{TestRequest, init_service};
use paseto_actix::PasetoSession;
use paseto_actix::remember::{RememberMeBuilder, SessionProtection};
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix_tests::parts::tampered;
use paseto_actix_tests::remember::{
    House, REMEMBER, SESSION, ada, remember_cookie, routes, send_cookies, site_with_token_family,
    state, use_up, with_cookie,
};
use paseto_actix_tests::revocation::Failing;
use paseto_actix_tests::session::{Client, Site, set_cookies};
use time::Duration;

/// The value of the remember-me cookie that a login at this URI sets.
async fn log_in(site: &Site, uri: &str) -> String {
    log_in_as(site, TestRequest::with_uri(uri)).await
}

async fn log_in_as(site: &Site, request: TestRequest) -> String {
    let mut client = Client::new();
    client.send(site, request).await;
    client.cookie(REMEMBER).expect("a login that is remembered").to_owned()
}

/// A site that binds cookies to clients, with a revocation store, and with a token family store if asked
/// for.
async fn strict_site(house: &House, family: bool) -> Site {
    house.site_with(|remember| strict(house, remember, family)).await
}

fn strict(house: &House, remember: RememberMeBuilder, family: bool) -> RememberMeBuilder {
    let remember = remember.revocation_store(Failing::new(&house.clock, 100));
    let remember = remember.session_protection(SessionProtection::Strong);
    if family {
        remember.token_family_store(MemoryTokenFamilyStore::new(100).clock(house.clock.clone()))
    } else {
        remember
    }
}

/// Cookies that log no user in at this site, each with the reason.
async fn dead_cookies(house: &House, site: &Site, family: bool) -> Vec<(&'static str, String)> {
    house.users.set("eve", Some("apple"));
    let mut dead = vec![
        ("no token", "ada".to_owned()),
        ("forged", tampered(ada(site).await.cookie(REMEMBER).unwrap())),
        ("expired", log_in(site, "/login?user=ada&remember=1").await),
        ("other credentials", log_in(site, "/login?user=bob&remember=yes").await),
        ("an unknown user", log_in(site, "/login?user=eve&remember=yes").await),
    ];
    let elsewhere =
        TestRequest::with_uri("/login?user=ada&remember=yes").insert_header((USER_AGENT, "Lynx"));
    dead.push(("another client", log_in_as(site, elsewhere).await));
    let mut out = ada(site).await;
    dead.push(("a login that has ended", out.cookie(REMEMBER).unwrap().to_owned()));
    out.get(site, "/logout").await;
    if family {
        let bare = strict_site(house, false).await;
        dead.push(("no family", ada(&bare).await.cookie(REMEMBER).unwrap().to_owned()));
        let other = strict_site(house, true).await;
        dead.push(("an unknown family", ada(&other).await.cookie(REMEMBER).unwrap().to_owned()));
        let first = ada(site).await.cookie(REMEMBER).unwrap().to_owned();
        let (_, second) = use_up(site, &first).await;
        use_up(site, &second.unwrap()).await;
        dead.push(("reused, of another login", first));
    }
    house.users.set("eve", None);
    house.users.set("bob", Some("another"));
    house.clock.advance(Duration::seconds(2));
    dead
}

#[actix_web::test]
async fn a_living_cookie_logs_in_beside_a_dead_one() {
    for family in [false, true] {
        let house = House::new();
        let site = strict_site(&house, family).await;
        let mut living = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
        for (case, dead) in dead_cookies(&house, &site, family).await {
            for dead_first in [true, false] {
                let values = if dead_first { [&dead, &living] } else { [&living, &dead] };
                let answer = send_cookies(&site, "/me", &values).await;
                assert_eq!(
                    answer.body, "ada",
                    "{case}, family: {family}, dead first: {dead_first}"
                );
                let cookie = remember_cookie(&answer.headers);
                assert_eq!(
                    cookie.is_some(),
                    family,
                    "{case}: the cookie changes only with the next token"
                );
                if let Some(cookie) = cookie {
                    assert!(cookie.value().starts_with("v4.local."), "{case}: no removal");
                    living = cookie.value().to_owned();
                }
            }
        }
    }
}

/// The removal names one path and one domain, and might remove a cookie that logs in elsewhere.
#[actix_web::test]
async fn several_dead_cookies_are_not_removed() {
    for family in [false, true] {
        let house = House::new();
        let site = strict_site(&house, family).await;
        for (case, dead) in dead_cookies(&house, &site, family).await {
            for values in [[&*dead, &dead], [&dead, "v4.local.AAAA"]] {
                let answer = send_cookies(&site, "/state", &values).await;
                assert_eq!(answer.body, "Anonymous", "{case}, family: {family}");
                assert!(set_cookies(&answer.headers).is_empty(), "{case}: {:?}", answer.headers);
            }
            let mut client = with_cookie(&dead);
            assert_eq!(state(&site, &mut client).await, "Anonymous", "{case}, family: {family}");
            assert!(client.cookie(REMEMBER).is_none(), "{case}: alone, it is removed");
        }
    }
}

#[actix_web::test]
async fn the_first_of_two_living_cookies_wins() {
    let site = House::new().site().await;
    let ada = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let bob = log_in(&site, "/login?user=bob&remember=yes").await;
    assert_eq!(send_cookies(&site, "/me", &[&ada, &bob]).await.body, "ada");
    assert_eq!(send_cookies(&site, "/me", &[&bob, &ada]).await.body, "bob");
}

#[actix_web::test]
async fn four_cookies_of_the_name_are_read() {
    let site = House::new().site().await;
    let living = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let dead = tampered(&living);
    for (dead_cookies, expected) in [(3, "Remembered"), (4, "Anonymous")] {
        let mut values = vec![&dead; dead_cookies];
        values.push(&living);
        let answer = send_cookies(&site, "/state", &values).await;
        assert_eq!(answer.body, expected, "{dead_cookies} dead cookies in front");
        assert!(
            set_cookies(&answer.headers).iter().all(|cookie| cookie.starts_with(SESSION)),
            "{:?}",
            answer.headers
        );
    }
}

#[actix_web::test]
async fn an_older_token_beside_the_current_one_is_no_reuse() {
    // Also where all tokens of the login are of the same second.
    for wait in [Duration::ZERO, Duration::HOUR] {
        let house = House::new();
        let (site, reuses) = site_with_token_family(&house).await;
        let first = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
        let mut current = first.clone();
        for older_first in [true, false, true] {
            house.clock.advance(wait);
            let (_, next) = use_up(&site, &current).await;
            current = next.unwrap();
            house.clock.advance(wait);
            let values = if older_first { [&first, &current] } else { [&current, &first] };
            let answer = send_cookies(&site, "/me", &values).await;
            assert_eq!(answer.body, "ada", "older first: {older_first}, waits: {wait}");
            current = remember_cookie(&answer.headers).unwrap().value().to_owned();
        }
        assert!(reuses.lock().unwrap().is_empty());
        assert_eq!(use_up(&site, &first).await.0, "Anonymous");
        assert_eq!(*reuses.lock().unwrap(), ["ada"], "alone, the older one is a copy");
    }
}

/// The copy of the current token that a request within the grace gets is newer than the token of
/// that request.
#[actix_web::test]
async fn a_token_from_the_grace_is_newer_than_the_one_before() {
    let house = House::new();
    let (site, reuses) = site_with_token_family(&house).await;
    let first = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    use_up(&site, &first).await;
    let (_, copy) = use_up(&site, &first).await;
    house.clock.advance(Duration::HOUR);
    assert_eq!(send_cookies(&site, "/me", &[first, copy.unwrap()]).await.body, "ada");
    assert!(reuses.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn a_logout_or_login_ends_the_logins_of_all_cookies() {
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
                let house = House::new();
                let site = strict_site(&house, family).await;
                let client = ada(&site).await;
                let values =
                    [client.cookie(REMEMBER).unwrap().to_owned(), log_in(&site, LOGIN).await];
                let mut cookies =
                    values.each_ref().map(|value| format!("{REMEMBER}={value}")).to_vec();
                if session {
                    cookies.push(format!("{SESSION}={}", client.cookie(SESSION).unwrap()));
                }
                let request =
                    TestRequest::with_uri(uri).insert_header((COOKIE, cookies.join("; ")));
                let answer = site.send(request).await;
                assert_eq!(answer.status.as_u16(), 200, "{case}");
                let cookie =
                    remember_cookie(&answer.headers).unwrap_or_else(|| panic!("{case}: no cookie"));
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

/// Without a login, a logout still removes the cookie, also where several have the name.
#[actix_web::test]
async fn a_logout_without_a_login_removes_the_cookie() {
    let site = House::new().site().await;
    let answer = send_cookies(&site, "/logout", &["v4.local.AAAA", "ada"]).await;
    assert_eq!(remember_cookie(&answer.headers).unwrap().value(), "");
}

#[actix_web::test]
async fn a_value_in_double_quotes_is_accepted() {
    let site = House::new().site().await;
    let value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let answer = send_cookies(&site, "/state", &[format!("\"{value}\"")]).await;
    assert_eq!(answer.body, "Remembered");
    assert!(remember_cookie(&answer.headers).is_none());
}

#[actix_web::test]
async fn a_neighbour_that_is_not_utf8_hides_no_cookie() {
    let site = House::new().site().await;
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

/// A site whose outermost middleware has called `req.cookies()`, which decodes names and keeps the
/// result.
#[actix_web::test]
async fn an_encoded_name_is_another_name_also_where_cookies_were_parsed() {
    let house = House::new();
    let app = App::new()
        .wrap(house.remember().build().unwrap())
        .wrap(
            PasetoSession::builder(house.session_key.clone())
                .clock(house.clock.clone())
                .build()
                .unwrap(),
        )
        .wrap_fn(|req, service| {
            assert!(req.cookies().is_ok());
            service.call(req)
        })
        .configure(routes);
    let site = Site::new(init_service(app).await, |request| request.to_request());
    let value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    for alias in
        [REMEMBER.replacen("__", "%5F%5F", 1), REMEMBER.replacen("remember", "%72emember", 1)]
    {
        let request =
            TestRequest::with_uri("/state").insert_header((COOKIE, format!("{alias}={value}")));
        let answer = site.send(request).await;
        assert_eq!(answer.body, "Anonymous", "{alias}");
        assert!(set_cookies(&answer.headers).is_empty(), "{alias}: {:?}", answer.headers);
    }
    assert_eq!(state(&site, &mut with_cookie(&value)).await, "Remembered");
}
