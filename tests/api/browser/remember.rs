//! Logins that outlive the session, in a browser that has dropped the session's cookie.

use std::time::SystemTime;

use fantoccini::Locator;
use fantoccini::cookies::Cookie;
use paseto_actix_tests::http;
use time::{Duration, OffsetDateTime};

use super::{Server, Visitor, key};

const SESSION: &str = "session";
const REMEMBER: &str = "remember_token";

fn start() -> Server {
    Server::start_example("login_manager", &key())
}

#[actix_web::test]
async fn a_browser_that_lost_its_session_is_logged_in_again_but_not_freshly() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.assert_asked_to_log_in(&server).await;
    visitor.log_in_to_be_remembered(&server).await;
    assert_eq!(visitor.path().await, "/protected");
    assert_eq!(visitor.fetch("GET", "/sensitive").await, 200);
    let before = visitor.remember_token().await;

    visitor.lose_session().await;
    visitor.assert_logged_in(&server).await;
    assert_eq!(visitor.cookies().await, [REMEMBER, SESSION]);
    assert_ne!(visitor.remember_token().await, before, "a token is used once");
    // A script can make nothing of a login page: it is told.
    assert_eq!(visitor.fetch("GET", "/sensitive").await, 403);

    // Once it is restored, the session carries the login, and the token is left alone.
    let restored = visitor.remember_token().await;
    visitor.assert_logged_in(&server).await;
    assert_eq!(visitor.remember_token().await, restored);
    visitor.leave().await;
}

#[actix_web::test]
async fn the_cookie_that_remembers_has_every_attribute() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_to_be_remembered(&server).await;

    let cookie = visitor.client.get_named_cookie(REMEMBER).await.unwrap();
    assert_eq!(cookie.path(), Some("/"));
    assert_eq!(cookie.domain(), Some("127.0.0.1"));
    assert_eq!(cookie.http_only(), Some(true));
    assert!(
        cookie.same_site().is_some_and(|same_site| same_site.is_lax()),
        "{:?}",
        cookie.same_site()
    );
    assert_eq!(cookie.secure(), Some(false), "the example runs on plain http");
    assert!(cookie.value().starts_with("v4.local."), "{}", cookie.value());
    let left = cookie.expires_datetime().unwrap() - OffsetDateTime::from(SystemTime::now());
    let month = Duration::days(30);
    // The time of a slow test has passed since the login.
    assert!(
        (month - Duration::minutes(5)..=month + Duration::seconds(1)).contains(&left),
        "{left}"
    );

    let session = visitor.client.get_named_cookie(SESSION).await.unwrap();
    assert!(session.expires().is_none(), "the session ends with the browser all the same");
    assert_eq!(visitor.run("return document.cookie").await, "", "scripts see neither");
    visitor.leave().await;
}

#[actix_web::test]
async fn a_box_that_is_not_ticked_leaves_no_trace() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in(&server, "mysecret").await;
    visitor.wait_for("Logged in as: foo@bar.example").await;
    assert_eq!(visitor.cookies().await, [SESSION]);
    visitor.client.delete_cookie(SESSION).await.unwrap();
    visitor.assert_asked_to_log_in(&server).await;

    // Nor does it leave the trace of a login before.
    visitor.log_in_to_be_remembered(&server).await;
    visitor.log_in(&server, "mysecret").await;
    visitor.wait_for("Logged in as: foo@bar.example").await;
    assert_eq!(visitor.cookies().await, [SESSION]);
    visitor.leave().await;
}

#[actix_web::test]
async fn a_logout_ends_the_session_and_the_remembered_login() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    for only_remembered in [false, true] {
        visitor.log_in_to_be_remembered(&server).await;
        let copy = visitor.remember_token().await;
        if only_remembered {
            visitor.lose_session().await;
        }

        visitor.open(&server, "/logout").await;
        assert_eq!(visitor.path().await, "/login");
        assert!(visitor.cookies().await.is_empty());
        visitor.assert_asked_to_log_in(&server).await;
        visitor.assert_worthless(&server, &copy).await;
    }
    visitor.leave().await;
}

#[actix_web::test]
async fn a_change_of_the_password_ends_remembered_logins() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_to_be_remembered(&server).await;
    let (copy, elsewhere) = (visitor.remember_token().await, log_in_elsewhere(&server));

    // Who is only remembered may not change it.
    visitor.lose_session().await;
    visitor.assert_logged_in(&server).await;
    assert_eq!(visitor.fetch("POST", "/password").await, 403);
    visitor.log_in_to_be_remembered(&server).await;
    let own = visitor.remember_token().await;

    assert_eq!(visitor.fetch("POST", "/password").await, 200);
    assert_eq!(visitor.cookies().await, [REMEMBER, SESSION]);
    let (status, text) = visitor.open(&server, "/sensitive").await;
    assert_eq!(
        (status, text.as_str()),
        (200, "Logged in just now as: foo@bar.example"),
        "this browser goes on"
    );
    let renewed = visitor.remember_token().await;
    assert_ne!(renewed, own, "it has the new credentials");

    for token in [&elsewhere, &own, &copy] {
        visitor.assert_worthless(&server, token).await;
    }
    visitor.have_only(&server, &renewed).await;
    visitor.assert_logged_in(&server).await;
    visitor.leave().await;
}

#[actix_web::test]
async fn two_tabs_that_are_restored_at_once_stay_logged_in() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_to_be_remembered(&server).await;
    for _ in 0..3 {
        visitor.lose_session().await;
        // The second is sent before the answer to the first is there; the cache would have it wait.
        let both = "const get = tab => fetch(`/protected?tab=${tab}`, { cache: 'no-store' }).then(got => got.text());
            return Promise.all([get(1), get(2)])";
        let text = "Logged in as: foo@bar.example";
        assert_eq!(visitor.run(both).await, serde_json::json!([text, text]));
        visitor.assert_logged_in(&server).await;
    }

    // What they were left with is good for the next time, in either tab.
    let first = visitor.client.window().await.unwrap();
    let second = visitor.client.new_window(true).await.unwrap().handle;
    for tab in [second, first] {
        visitor.client.switch_to_window(tab).await.unwrap();
        visitor.open(&server, "/login").await;
        visitor.lose_session().await;
        visitor.assert_logged_in(&server).await;
    }
    visitor.leave().await;
}

#[actix_web::test]
async fn a_tab_that_is_late_with_the_token_before_gets_the_current_one() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_to_be_remembered(&server).await;
    let late = visitor.remember_token().await;
    visitor.lose_session().await;
    visitor.assert_logged_in(&server).await;
    let current = visitor.remember_token().await;

    visitor.have_only(&server, &late).await;
    visitor.assert_logged_in(&server).await;
    for token in [visitor.remember_token().await, current] {
        assert_ne!(token, late);
        visitor.have_only(&server, &token).await;
        visitor.assert_logged_in(&server).await;
    }
    visitor.leave().await;
}

#[actix_web::test]
async fn a_copy_of_an_old_cookie_ends_the_login_for_everybody() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_to_be_remembered(&server).await;
    let other = log_in_elsewhere(&server);
    let copy = visitor.remember_token().await;
    // Twice, because the token before the current one is taken for a while.
    for _ in 0..2 {
        visitor.lose_session().await;
        visitor.assert_logged_in(&server).await;
    }
    let current = visitor.remember_token().await;
    assert_ne!(current, copy);

    visitor.assert_worthless(&server, &copy).await;
    visitor.assert_worthless(&server, &current).await;
    // Another login of the same user has nothing to do with it.
    visitor.have_only(&server, &other).await;
    visitor.assert_logged_in(&server).await;
    visitor.leave().await;
}

#[actix_web::test]
async fn a_page_with_much_at_stake_asks_for_the_password_again_and_is_come_back_to() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_to_be_remembered(&server).await;
    visitor.lose_session().await;
    visitor.assert_logged_in(&server).await;
    let token = visitor.remember_token().await;

    let (status, text) = visitor.open(&server, "/sensitive").await;
    assert_eq!(status, 200);
    assert!(text.contains("Please log in again"), "{text}");
    assert_eq!(visitor.path_and_query().await, "/login?again=1&next=%2Fsensitive");

    visitor.give("wrong").await;
    visitor.wait_for("Wrong email or password.").await;
    assert_eq!(visitor.fetch("GET", "/sensitive").await, 403);

    visitor.give("mysecret").await;
    visitor.wait_for("Logged in just now as: foo@bar.example").await;
    assert_eq!(visitor.path_and_query().await, "/sensitive");
    assert_eq!(visitor.status().await, 200);
    assert_eq!(visitor.cookies().await, [REMEMBER, SESSION]);
    assert_eq!(
        visitor.remember_token().await,
        token,
        "it is still the same login that is remembered"
    );

    // It was this session that was confirmed, and not the remembered login.
    visitor.lose_session().await;
    assert!(visitor.open(&server, "/sensitive").await.1.contains("Please log in again"));
    visitor.leave().await;
}

#[actix_web::test]
async fn who_is_not_remembered_is_asked_to_log_in_and_not_again() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    let (_, text) = visitor.open(&server, "/sensitive?tab=keys&page=2").await;
    assert!(!text.contains("again"), "{text}");
    assert_eq!(visitor.path_and_query().await, "/login?next=%2Fsensitive%3Ftab%3Dkeys%26page%3D2");
    visitor.give("mysecret").await;
    visitor.wait_for("Logged in just now as: foo@bar.example").await;
    assert_eq!(visitor.path_and_query().await, "/sensitive?tab=keys&page=2");
    visitor.leave().await;
}

/// The same user at another browser: the token that it is remembered by.
pub(super) fn log_in_elsewhere(server: &Server) -> String {
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = "email=foo%40bar.example&password=mysecret&remember=on";
    let answer = http::send(&server.url, "POST", "/login", &form, body);
    answer.set_cookie(REMEMBER).expect("a cookie").0.to_owned()
}

impl Visitor {
    pub(super) async fn log_in_to_be_remembered(&self, server: &Server) {
        self.open(server, "/login").await;
        self.client
            .find(Locator::Css("input[name=remember]"))
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
        self.give("mysecret").await;
        self.wait_for("Logged in as: foo@bar.example").await;
        assert_eq!(self.cookies().await, [REMEMBER, SESSION]);
    }

    /// What a browser does when it is closed, or when the session has been idle for too long.
    async fn lose_session(&self) {
        self.client.delete_cookie(SESSION).await.unwrap();
        assert_eq!(self.cookies().await, [REMEMBER]);
    }

    /// Makes this the only cookie, as of somebody who has copied it.
    async fn have_only(&self, server: &Server, token: &str) {
        self.client.delete_all_cookies().await.unwrap();
        // A browser takes cookies for the page that it is at.
        self.open(server, "/login").await;
        let cookie =
            format!("{REMEMBER}={token}; Domain=127.0.0.1; Path=/; HttpOnly; SameSite=Lax");
        self.client.add_cookie(Cookie::parse(cookie).unwrap()).await.unwrap();
        assert_eq!(self.remember_token().await, token);
    }

    /// Nobody is logged in by this token, and the browser is rid of it.
    #[track_caller]
    pub(super) fn assert_worthless(
        &self,
        server: &Server,
        token: &str,
    ) -> impl Future<Output = ()> {
        let asked = self.assert_asked_to_log_in(server);
        async move {
            self.have_only(server, token).await;
            asked.await;
            assert!(self.cookies().await.is_empty());
        }
    }

    #[track_caller]
    fn assert_asked_to_log_in(&self, server: &Server) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let (status, text) = self.open(server, "/protected").await;
            assert!(status == 200 && text.starts_with("Log in"), "{status} {text} at {caller}");
            assert_eq!(self.path_and_query().await, "/login?next=%2Fprotected", "at {caller}");
        }
    }

    /// The names of all cookies.
    async fn cookies(&self) -> Vec<String> {
        let cookies = self.client.get_all_cookies().await.unwrap();
        let mut names: Vec<_> = cookies.iter().map(|cookie| cookie.name().to_owned()).collect();
        names.sort_unstable();
        names
    }

    async fn remember_token(&self) -> String {
        self.client.get_named_cookie(REMEMBER).await.unwrap().value().to_owned()
    }

    async fn path_and_query(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// The status that a script of the page gets.
    async fn fetch(&self, method: &str, path: &str) -> u64 {
        let script =
            format!("return fetch('{path}', {{ method: '{method}' }}).then(got => got.status)");
        self.run(&script).await.as_u64().unwrap()
    }
}
