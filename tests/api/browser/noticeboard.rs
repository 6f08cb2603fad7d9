//! The example `noticeboard`, on a desktop and on a phone.

use fantoccini::Locator;

use super::{Server, Visitor, key};

/// The widths of the windows, in CSS pixels.
const DESKTOP: u32 = 1280;
const PHONE: u32 = 375;

impl Visitor {
    async fn enter(&self, field: &str, text: &str) {
        let field = format!("[name={field}]");
        let field = self.client.find(Locator::Css(&field)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Clicks a button of this text, and waits for a page that contains `expected`.
    async fn submit(&self, button: &str, expected: &str) {
        let button = format!("//button[. = '{button}']");
        self.click(Locator::XPath(&button)).await;
        self.wait_for(expected).await;
    }

    async fn log_in_to_board(&self, user: &str) {
        self.enter("email", user).await;
        self.enter("password", "mysecret").await;
        self.click(Locator::Css("[name=remember]")).await;
        self.submit("Log in", "Notices").await;
    }

    /// Asserts that the page fits the window, with the style sheet and without errors of the
    /// `Content-Security-Policy`.
    async fn assert_fits(&self, name: &str) {
        let (width, content) = (
            self.run("return innerWidth").await.as_u64().unwrap(),
            self.run("return document.documentElement.scrollWidth").await.as_u64().unwrap(),
        );
        assert!(content <= width, "{name}: {content} pixels in a window of {width}");
        let radius = "return getComputedStyle(document.querySelector('button')).borderRadius";
        assert_eq!(self.run(radius).await, "4px", "{name}: the style sheet is loaded");
    }
}

#[actix_web::test]
async fn noticeboard_works_on_a_desktop_and_on_a_phone() {
    for width in [DESKTOP, PHONE] {
        let Some(visitor) = Visitor::arrive() else { return };
        let server = Server::with("noticeboard", &[("LOCAL_KEYS", &key())]);
        let visitor = visitor.await;
        visitor.client.set_window_size(width, 800).await.unwrap();

        visitor.open(&server, "/").await;
        assert_eq!(visitor.path().await, "/login");
        visitor.assert_fits("login").await;
        visitor.log_in_to_board("admin@bar.example").await;
        let long = "https://ci.example/".to_owned() + &"x".repeat(200);
        visitor.enter("text", &format!("The build is green: {long}")).await;
        visitor.submit("Post", "Posted.").await;
        visitor.wait_for("The build is green").await;
        visitor.assert_fits("notices").await;

        visitor.open(&server, "/account/program").await;
        visitor.enter("name", "Build server").await;
        visitor.submit("Connect", "Program connected").await;
        visitor.assert_fits("program").await;
        visitor.open(&server, "/account").await;
        visitor.wait_for("Chrome on Linux (this browser)").await;
        visitor.wait_for("Build server").await;
        visitor.assert_fits("account").await;

        visitor.open(&server, "/admin").await;
        visitor.assert_fits("admin").await;
        visitor.submit("Log out everywhere", "Log in").await;
        assert_eq!(visitor.path().await, "/login");
        visitor.leave().await;
    }
}
