//! Remembered logins in a browser that has lost the session cookie.

use std::time::SystemTime;

use fantoccini::Locator;
use fantoccini::cookies::Cookie;
use paseto_actix_tests::http;
use time::{Duration, OffsetDateTime};

use super::{Server, Visitor, key};

pub(super) const SESSION: &str = "session";
pub(super) const REMEMBER: &str = "remember_token";

pub(super) fn start() -> Server {
    Server::start_example("login_manager", &key())
}

#[actix_web::test]
async fn remembered_login_is_restored_but_not_fresh() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.assert_redirected_to_login(&server).await;
    visitor.log_in_to_be_remembered(&server).await;
    assert_eq!(visitor.path().await, "/protected");
    assert_eq!(visitor.fetch("GET", "/sensitive").await, 200);
    let before = visitor.remember_token().await;

    visitor.lose_session().await;
    visitor.assert_logged_in(&server).await;
    assert_eq!(visitor.cookies().await, [REMEMBER, SESSION]);
    assert_ne!(visitor.remember_token().await, before, "each token is used once");
    // A script cannot use a login page, so the response is `403`.
    assert_eq!(visitor.fetch("GET", "/sensitive").await, 403);

    // The restored session contains the login. The remember-me token is not used again.
    let restored = visitor.remember_token().await;
    visitor.assert_logged_in(&server).await;
    assert_eq!(visitor.remember_token().await, restored);
    visitor.leave().await;
}

#[actix_web::test]
async fn remember_me_cookie_has_its_attributes() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_to_be_remembered(&server).await;

    let cookie = visitor.named(REMEMBER).await;
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
    // A slow test can have used a part of the lifetime.
    assert!(
        (month - Duration::minutes(5)..=month + Duration::seconds(1)).contains(&left),
        "{left}"
    );

    let session = visitor.named(SESSION).await;
    assert!(
        session.expires().is_none(),
        "the session cookie is removed when the browser is closed"
    );
    assert_eq!(visitor.run("return document.cookie").await, "", "both cookies are `HttpOnly`");
    visitor.leave().await;
}

#[actix_web::test]
async fn login_without_the_checkbox_is_not_remembered() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in(&server, "mysecret").await;
    visitor.wait_for("Logged in as: foo@bar.example").await;
    assert_eq!(visitor.cookies().await, [SESSION]);
    visitor.client.delete_cookie(SESSION).await.unwrap();
    visitor.assert_redirected_to_login(&server).await;

    // A login without the checkbox also removes the remember-me cookie of the login before.
    visitor.log_in_to_be_remembered(&server).await;
    visitor.log_in(&server, "mysecret").await;
    visitor.wait_for("Logged in as: foo@bar.example").await;
    assert_eq!(visitor.cookies().await, [SESSION]);
    visitor.leave().await;
}

#[actix_web::test]
async fn logout_revokes_the_session_and_the_remembered_login() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    for only_remembered in [false, true] {
        visitor.log_in_to_be_remembered(&server).await;
        let copy = visitor.remember_token().await;
        if only_remembered {
            visitor.lose_session().await;
        }

        visitor.log_out().await;
        assert_eq!(visitor.path().await, "/login");
        assert!(visitor.cookies().await.is_empty());
        visitor.assert_redirected_to_login(&server).await;
        visitor.assert_not_accepted(&server, &copy).await;
    }
    visitor.leave().await;
}

#[actix_web::test]
async fn password_change_revokes_other_remembered_logins() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_to_be_remembered(&server).await;
    let (copy, elsewhere) = (visitor.remember_token().await, log_in_elsewhere(&server));

    // A remembered login is not fresh, so it may not change the password.
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
        "the login of this browser stays valid"
    );
    let renewed = visitor.remember_token().await;
    assert_ne!(renewed, own, "the new token has the new credential fingerprint");

    for token in [&elsewhere, &own, &copy] {
        visitor.assert_not_accepted(&server, token).await;
    }
    visitor.keep_only(&server, &renewed).await;
    visitor.assert_logged_in(&server).await;
    visitor.leave().await;
}

#[actix_web::test]
async fn two_tabs_restored_at_once_stay_logged_in() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_to_be_remembered(&server).await;
    for _ in 0..3 {
        visitor.lose_session().await;
        // The second request is sent before the response to the first one arrives. With the browser
        // cache, it would wait.
        let both = "const get = tab => fetch(`/protected?tab=${tab}`, { cache: 'no-store' })
                .then(got => got.text());
            const isLoggedIn = page => page.includes('Logged in as: foo@bar.example');
            return Promise.all([get(1), get(2)]).then(pages => pages.map(isLoggedIn))";
        assert_eq!(visitor.run(both).await, serde_json::json!([true, true]));
        visitor.assert_logged_in(&server).await;
    }

    // Both tabs have a valid token for the next restart.
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
async fn previous_token_within_the_grace_period_gets_the_current_token() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_to_be_remembered(&server).await;
    let late = visitor.remember_token().await;
    visitor.lose_session().await;
    visitor.assert_logged_in(&server).await;
    let current = visitor.remember_token().await;

    visitor.keep_only(&server, &late).await;
    visitor.assert_logged_in(&server).await;
    for token in [visitor.remember_token().await, current] {
        assert_ne!(token, late);
        visitor.keep_only(&server, &token).await;
        visitor.assert_logged_in(&server).await;
    }
    visitor.leave().await;
}

/// RFC 9700, section 4.14.2, applied to remember-me tokens.
#[actix_web::test]
async fn reuse_of_an_old_token_revokes_the_login() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_to_be_remembered(&server).await;
    let other = log_in_elsewhere(&server);
    let copy = visitor.remember_token().await;
    // Two rotations, because the token before the current one is accepted during the grace period.
    for _ in 0..2 {
        visitor.lose_session().await;
        visitor.assert_logged_in(&server).await;
    }
    let current = visitor.remember_token().await;
    assert_ne!(current, copy);

    visitor.assert_not_accepted(&server, &copy).await;
    visitor.assert_not_accepted(&server, &current).await;
    // Another login of the same user is not affected.
    visitor.keep_only(&server, &other).await;
    visitor.assert_logged_in(&server).await;
    visitor.leave().await;
}

/// Logs the same user in at another browser. Returns the remember-me token.
pub(super) fn log_in_elsewhere(server: &Server) -> String {
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = "email=foo%40bar.example&password=mysecret&remember=on";
    let response = http::send(&server.url, "POST", "/login", &form, body);
    response.set_cookie(REMEMBER).expect("a cookie").0.to_owned()
}

impl Visitor {
    pub(super) async fn log_in_to_be_remembered(&self, server: &Server) {
        self.open(server, "/login").await;
        self.click(Locator::Css("input[name=remember]")).await;
        self.give("mysecret").await;
        self.wait_for("Logged in as: foo@bar.example").await;
        assert_eq!(self.cookies().await, [REMEMBER, SESSION]);
    }

    /// Removes the session cookie, as after a restart of the browser or the idle timeout.
    pub(super) async fn lose_session(&self) {
        self.client.delete_cookie(SESSION).await.unwrap();
        assert_eq!(self.cookies().await, [REMEMBER]);
    }

    /// Makes this token the only cookie, as in a browser of an attacker who has copied it.
    async fn keep_only(&self, server: &Server, token: &str) {
        self.client.delete_all_cookies().await.unwrap();
        // A browser accepts cookies only for the current page.
        self.open(server, "/login").await;
        let cookie =
            format!("{REMEMBER}={token}; Domain=127.0.0.1; Path=/; HttpOnly; SameSite=Lax");
        self.client.add_cookie(Cookie::parse(cookie).unwrap()).await.unwrap();
        assert_eq!(self.remember_token().await, token);
    }

    /// Asserts that the token does not log in and that the browser removes it.
    #[track_caller]
    pub(super) fn assert_not_accepted(
        &self,
        server: &Server,
        token: &str,
    ) -> impl Future<Output = ()> {
        let redirected = self.assert_redirected_to_login(server);
        async move {
            self.keep_only(server, token).await;
            redirected.await;
            assert!(self.cookies().await.is_empty());
        }
    }

    #[track_caller]
    fn assert_redirected_to_login(&self, server: &Server) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let (status, text) = self.open(server, "/protected").await;
            assert!(status == 200 && text.starts_with("Log in"), "{status} {text} at {caller}");
            assert_eq!(self.path_and_query().await, "/login?next=%2Fprotected", "at {caller}");
        }
    }

    /// Returns the names of all cookies.
    pub(super) async fn cookies(&self) -> Vec<String> {
        let cookies = self.client.get_all_cookies().await.unwrap();
        let mut names: Vec<_> = cookies.iter().map(|cookie| cookie.name().to_owned()).collect();
        names.sort_unstable();
        names
    }

    pub(super) async fn remember_token(&self) -> String {
        self.named(REMEMBER).await.value().to_owned()
    }

    pub(super) async fn path_and_query(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// Returns the status of a request that a script of the page sends.
    pub(super) async fn fetch(&self, method: &str, path: &str) -> u64 {
        let script =
            format!("return fetch('{path}', {{ method: '{method}' }}).then(got => got.status)");
        self.run(&script).await.as_u64().unwrap()
    }
}
