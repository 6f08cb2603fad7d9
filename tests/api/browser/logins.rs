//! The page that lists the logins of a user.

use fantoccini::Locator;
use paseto_actix_tests::http;

use super::{Server, Visitor, key};

/// The cookies of another device of the user.
struct Device {
    session: String,
    remember: String,
}

impl Device {
    fn log_in(server: &Server, name: &str) -> Self {
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("User-Agent", name)];
        let body = "email=foo%40bar.example&password=mysecret&remember=on";
        let response = http::send(&server.url, "POST", "/login", &headers, body);
        let cookie = |name| response.set_cookie(name).expect("a cookie").0.to_owned();
        Self { session: cookie("session"), remember: cookie("remember_token") }
    }

    /// Returns the status of a page for logged-in users. The request has only the session cookie.
    fn status(&self, server: &Server) -> u16 {
        let cookie = format!("session={}", self.session);
        http::send(&server.url, "GET", "/protected", &[("Cookie", &cookie)], "").status
    }
}

#[actix_web::test]
async fn user_lists_and_revokes_logins() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, Server::start_example("login_manager", &key()));
    visitor.log_in_to_be_remembered(&server).await;
    let (phone, tablet) =
        (Device::log_in(&server, "Phone"), Device::log_in(&server, "<b>Tablet</b>"));
    assert_eq!((phone.status(&server), tablet.status(&server)), (200, 200));

    visitor.open(&server, "/logins").await;
    assert_eq!(visitor.logins().await, ["<b>Tablet</b>", "Phone", "this browser"]);
    visitor.revoke("//li[contains(., 'Phone')]//button").await;
    assert_eq!(visitor.logins().await, ["<b>Tablet</b>", "this browser"]);
    assert_eq!((phone.status(&server), tablet.status(&server)), (401, 200));

    visitor.revoke("//button[. = 'Log out all others']").await;
    assert_eq!(visitor.logins().await, ["this browser"]);
    assert_eq!(tablet.status(&server), 401);
    for revoked in [&phone.remember, &tablet.remember] {
        visitor.assert_not_accepted(&server, revoked).await;
    }
    visitor.leave().await;
}

impl Visitor {
    /// Clicks a button that revokes logins, and waits for the new list.
    async fn revoke(&self, button: &str) {
        let before = self.client.find(Locator::Css("ul")).await.unwrap();
        self.click(Locator::XPath(button)).await;
        // The old element is stale after the new page has been loaded.
        while before.text().await.is_ok() {}
        self.client.wait().for_element(Locator::Css("ul")).await.unwrap();
    }

    /// Returns the names in the list of the page.
    async fn logins(&self) -> Vec<String> {
        let mut names = Vec::new();
        for entry in self.client.find_all(Locator::Css("li")).await.unwrap() {
            let text = entry.text().await.unwrap();
            let name = text.split(", last used").next().unwrap();
            let name = if name.ends_with("(this browser)") { "this browser" } else { name };
            names.push(name.to_owned());
        }
        names
    }
}
