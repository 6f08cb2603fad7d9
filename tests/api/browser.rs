//! Tests the examples `cookie_session`, `login_manager`, `noticeboard` and `token_cookies` in
//! Chromium.
//!
//! The tests are skipped without Chromium. See `paseto_actix_tests::browser`.

mod fresh;
mod login;
mod logins;
mod noticeboard;
mod remember;
mod restart;
mod size;
mod token_cookies;

use std::time::Duration;

use fantoccini::cookies::Cookie;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use paseto_actix::LocalKey;
use paseto_actix_tests::browser::Chromedriver;
use paseto_actix_tests::process::Process;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);
const PERIOD: Duration = Duration::from_millis(50);

/// A running example.
struct Server {
    _process: Process,
    example: &'static str,
    /// `http://127.0.0.1:…`
    url: String,
}

impl Server {
    fn start(keys: &str) -> Self {
        Self::start_example("cookie_session", keys)
    }

    fn start_example(example: &'static str, keys: &str) -> Self {
        Self::start_on("127.0.0.1:0", example, keys)
    }

    fn start_on(address: &str, example: &'static str, keys: &str) -> Self {
        // An example without remembered logins ignores `REMEMBER_KEYS`.
        let keys = [("BIND", address), ("SESSION_KEYS", keys), ("REMEMBER_KEYS", keys)];
        Self::with(example, &keys)
    }

    /// Starts an example with these environment variables.
    fn with(example: &'static str, variables: &[(&str, &str)]) -> Self {
        let mut process = Process::example_with(example, variables);
        let url = process.line_after("listening on ");
        Self { _process: process, example, url }
    }

    /// Stops the example and starts it again at the same address with other keys.
    fn restart(self, keys: &str) -> Self {
        let (example, url) = (self.example, self.url.clone());
        // The address is free after the old process has ended.
        drop(self);
        Self::start_on(url.strip_prefix("http://").unwrap(), example, keys)
    }
}

fn key() -> String {
    LocalKey::generate().to_paserk().to_string()
}

/// A browser with its driver.
struct Visitor {
    client: Client,
    _chromedriver: Chromedriver,
}

impl Visitor {
    #[track_caller]
    fn arrive() -> Option<impl Future<Output = Self>> {
        let chromedriver = Chromedriver::start()?;
        Some(async {
            let mut options = json!({ "args": chromedriver.arguments() });
            if let Some(chromium) = chromedriver.chromium() {
                options["binary"] = chromium.to_str().unwrap().into();
            }
            let wanted = [
                ("browserName".to_owned(), "chrome".into()),
                ("goog:chromeOptions".to_owned(), options),
            ];
            let mut builder = ClientBuilder::new(HttpConnector::new());
            let client = builder
                .capabilities(wanted.into_iter().collect())
                .connect(&chromedriver.url())
                .await
                .unwrap();
            Self { client, _chromedriver: chromedriver }
        })
    }

    async fn leave(self) {
        self.client.close().await.unwrap();
    }

    /// Opens a page. Returns its status and its text.
    async fn open(&self, server: &Server, path: &str) -> (u64, String) {
        self.client.goto(&format!("{}{path}", server.url)).await.unwrap();
        let text = self.client.find(Locator::Css("body")).await.unwrap().text().await.unwrap();
        (self.status().await, text)
    }

    /// Returns the status of the response that the page was loaded from.
    async fn status(&self) -> u64 {
        let status =
            self.run("return performance.getEntriesByType('navigation')[0].responseStatus").await;
        status.as_u64().unwrap()
    }

    /// Runs a script in the page and returns its result.
    async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until the page contains this text.
    async fn wait_for(&self, text: &str) {
        let body = format!("//body[contains(normalize-space(.), '{text}')]");
        let wait = self.client.wait().at_most(PATIENCE).every(PERIOD);
        if let Err(error) = wait.for_element(Locator::XPath(&body)).await {
            panic!("no `{text}` in {:?}: {error}", self.client.source().await);
        }
    }

    async fn log_in(&self, server: &Server, password: &str) {
        self.open(server, "/login").await;
        self.give(password).await;
    }

    /// Enters the password in the form of the page and submits the form.
    async fn give(&self, password: &str) {
        self.client
            .find(Locator::Css("input[name=password]"))
            .await
            .unwrap()
            .send_keys(password)
            .await
            .unwrap();
        self.click(Locator::Css("button")).await;
    }

    async fn click(&self, element: Locator<'_>) {
        self.client.find(element).await.unwrap().click().await.unwrap();
    }

    async fn path(&self) -> String {
        self.client.current_url().await.unwrap().path().to_owned()
    }

    /// Returns the cookie, or `None`. Panics if the browser has several cookies.
    async fn cookie(&self) -> Option<Cookie<'static>> {
        let mut cookies = self.client.get_all_cookies().await.unwrap();
        assert!(cookies.len() <= 1, "{cookies:?}");
        cookies.pop()
    }

    /// Returns the cookie with this name. Panics if there is none.
    async fn named(&self, name: &str) -> Cookie<'static> {
        self.client.get_named_cookie(name).await.unwrap()
    }

    /// Returns the value of the cookie. Panics if there is none.
    async fn value(&self) -> String {
        self.cookie().await.expect("a cookie").value().to_owned()
    }

    async fn assert_logged_in(&self, server: &Server) {
        let (status, text) = self.open(server, "/protected").await;
        let has_user = text.starts_with("Logged in as: foo@bar.example");
        assert!(status == 200 && has_user, "{status} {text}");
    }

    /// Clicks the logout button of the page `/protected`.
    async fn log_out(&self) {
        self.click(Locator::Css("form[action='/logout'] button")).await;
        self.wait_for("Log in").await;
    }

    async fn assert_not_logged_in(&self, server: &Server) {
        assert_eq!(self.open(server, "/protected").await, (401, "Not logged in.".to_owned()));
    }

    #[track_caller]
    fn assert_count(&self, server: &Server, count: u32) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            assert_eq!(self.open(server, "/counter").await, (200, count.to_string()), "at {caller}")
        }
    }
}
