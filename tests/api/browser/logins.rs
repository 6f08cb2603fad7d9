//! The page that lists a user's logins, in a browser.

use fantoccini::Locator;
use paseto_actix_tests::http;

use super::{Server, Visitor, key};

/// Another device of the user: its session cookie, and its remember-me cookie.
struct Device {
    session: String,
    remember: String,
}

impl Device {
    fn log_in(server: &Server, name: &str) -> Self {
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("User-Agent", name)];
        let body = "email=foo%40bar.example&password=mysecret&remember=on";
        let answer = http::send(&server.url, "POST", "/login", &headers, body);
        let cookie = |name| answer.set_cookie(name).expect("a cookie").0.to_owned();
        Self { session: cookie("session"), remember: cookie("remember_token") }
    }

    /// The status of a page for logged-in users, by the session alone.
    fn status(&self, server: &Server) -> u16 {
        let cookie = format!("session={}", self.session);
        http::send(&server.url, "GET", "/protected", &[("Cookie", &cookie)], "").status
    }
}

#[actix_web::test]
async fn a_user_sees_the_logins_and_ends_them() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, Server::start_example("login_manager", &key()));
    visitor.log_in_to_be_remembered(&server).await;
    let (phone, tablet) =
        (Device::log_in(&server, "Phone"), Device::log_in(&server, "<b>Tablet</b>"));
    assert_eq!((phone.status(&server), tablet.status(&server)), (200, 200));

    visitor.open(&server, "/logins").await;
    assert_eq!(visitor.logins().await, ["<b>Tablet</b>", "Phone", "this browser"]);
    visitor.click("//li[contains(., 'Phone')]//button").await;
    assert_eq!(visitor.logins().await, ["<b>Tablet</b>", "this browser"]);
    assert_eq!((phone.status(&server), tablet.status(&server)), (401, 200));

    visitor.click("//button[. = 'End all others']").await;
    assert_eq!(visitor.logins().await, ["this browser"]);
    assert_eq!(tablet.status(&server), 401);
    for ended in [&phone.remember, &tablet.remember] {
        visitor.assert_worthless(&server, ended).await;
    }
    visitor.leave().await;
}

impl Visitor {
    async fn click(&self, button: &str) {
        let before = self.client.find(Locator::Css("ul")).await.unwrap();
        self.client.find(Locator::XPath(button)).await.unwrap().click().await.unwrap();
        // The page is a new one once its elements are.
        while before.text().await.is_ok() {}
        self.client.wait().for_element(Locator::Css("ul")).await.unwrap();
    }

    /// The names in the list of the page, in its order.
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
