//! The tokens of a page in cookies, with the example `token_cookies` and with an application whose
//! clock the tests set.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use fantoccini::Locator;
use paseto_actix::cookie::CookieConfig;
use paseto_actix::token_cookies::{TokenCookies, TokenRenewal};
use paseto_actix::{CrossOriginProtection, PasetoRequired, VerifiedToken};
use paseto_actix_tests::app::verifier_builder;
use paseto_actix_tests::http::LocalServer;
use serde_json::json;
use time::Duration;

use super::{Server, Visitor};
use crate::token_cookies::{Site, issue};

/// Starts the example. A slow test renews no token by itself.
fn start() -> Server {
    Server::with("token_cookies", &[("ACCESS_TTL", "3600")])
}

impl Visitor {
    async fn log_in_with_tokens(&self, server: &Server) {
        self.log_in_at("/", server, "mysecret").await;
        self.wait_for("Logged in as foo@bar.example").await;
    }

    async fn log_in_at(&self, path: &str, server: &Server, password: &str) {
        self.open(server, path).await;
        self.give(password).await;
    }

    async fn assert_form(&self) {
        self.wait_for("The demo password is mysecret.").await;
        assert!(self.cookies().await.is_empty());
    }
}

#[actix_web::test]
async fn page_sees_its_user_and_no_token() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_at("/", &server, "wrong").await;
    visitor.wait_for("Wrong email or password.").await;
    assert_eq!(visitor.status().await, 401);
    visitor.assert_form().await;

    visitor.log_in_with_tokens(&server).await;
    assert_eq!(visitor.path().await, "/");
    for (name, start) in [("access", "v4.public."), ("refresh", "v4.local.")] {
        let cookie = visitor.named(name).await;
        assert!(cookie.value().starts_with(start), "{name}");
        assert_eq!((cookie.path(), cookie.http_only()), (Some("/"), Some(true)), "{name}");
        assert_eq!(cookie.secure(), Some(false), "the example runs on plain http");
        assert!(cookie.same_site().is_some_and(|same_site| same_site.is_lax()), "{name}");
    }
    assert_eq!(visitor.run("return document.cookie").await, "");
    assert!(!visitor.client.source().await.unwrap().contains("v4."));

    // The server sends the time of expiry in seconds, and the page shows it.
    let shown = "const shown = document.getElementById('expires').textContent;
        return fetch('/api/me').then(response => response.json()).then(({ expires }) => [
            Math.abs(expires - Date.now() / 1000 - 3600) < 300,
            shown === new Date(expires * 1000).toLocaleTimeString(),
        ])";
    assert_eq!(visitor.run(shown).await, json!([true, true]));
    // The policy of the page blocks an injected script, and not the style sheet of the page.
    let injected = "const script = document.createElement('script');
        script.textContent = 'window.injected = true';
        document.body.append(script);
        return [window.injected === true, getComputedStyle(document.body).margin]";
    assert_eq!(visitor.run(injected).await, json!([false, "0px"]));
    visitor.leave().await;
}

/// A browser removes the cookie of an expired access token.
#[actix_web::test]
async fn parallel_requests_without_an_access_cookie_get_one_new_token() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_with_tokens(&server).await;
    let before = visitor.named("refresh").await;
    visitor.client.delete_cookie("access").await.unwrap();
    visitor.click(Locator::Id("send")).await;
    visitor.wait_for("8 responses, access tokens: 1.").await;
    assert_eq!(visitor.cookies().await, ["access", "refresh"]);
    assert_ne!(visitor.named("refresh").await.value(), before.value());
    visitor.leave().await;
}

#[actix_web::test]
async fn two_tabs_stay_logged_in_until_one_logs_out() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_with_tokens(&server).await;
    let first = visitor.client.window().await.unwrap();
    let second = visitor.client.new_window(true).await.unwrap().handle;
    let go = async |tab| visitor.client.switch_to_window(tab).await.unwrap();
    go(second.clone()).await;
    visitor.open(&server, "/").await;
    visitor.wait_for("Logged in as foo@bar.example").await;

    let mut before = visitor.named("refresh").await;
    for _ in 0..2 {
        visitor.client.delete_cookie("access").await.unwrap();
        for tab in [&second, &first] {
            go(tab.clone()).await;
            visitor.click(Locator::Id("send")).await;
        }
        for tab in [&second, &first] {
            go(tab.clone()).await;
            visitor.wait_for("8 responses, access tokens: 1.").await;
            visitor.client.refresh().await.unwrap();
            visitor.wait_for("Logged in as foo@bar.example").await;
        }
        let after = visitor.named("refresh").await;
        assert_ne!(after.value(), before.value());
        before = after;
    }

    // The current tab is the first one.
    visitor.click(Locator::Id("log-out")).await;
    visitor.assert_form().await;
    go(second).await;
    visitor.click(Locator::Id("send")).await;
    visitor.assert_form().await;
    visitor.leave().await;
}

/// A page on another port is of the same site, so `SameSite` does not stop its forms.
#[actix_web::test]
async fn forms_of_another_origin_neither_log_in_nor_log_out() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    let form = |id: &str, path: &str| {
        let fields = r#"<input name="email" value="foo@bar.example"><input name="password" value="mysecret">"#;
        let url = &server.url;
        format!(
            r#"<form method="post" action="{url}{path}">{fields}<button id="{id}">Go</button></form>"#
        )
    };
    let page = format!("{}{}", form("login", "/login"), form("logout", "/auth/logout"));
    let other = LocalServer::start(move |app| {
        let page = page.clone();
        let get = move || {
            let response = HttpResponse::Ok().content_type(ContentType::html()).body(page.clone());
            async { response }
        };
        app.route("/", web::get().to(get));
    });
    let submit = async |id: &str| {
        visitor.client.goto(&other.url).await.unwrap();
        visitor.click(Locator::Id(id)).await;
        visitor.wait_for("Forbidden").await;
        assert_eq!(visitor.status().await, 403);
    };
    submit("login").await;
    assert_eq!(visitor.path().await, "/login");
    visitor.open(&server, "/").await;
    visitor.assert_form().await;

    visitor.log_in_with_tokens(&server).await;
    submit("logout").await;
    assert_eq!(visitor.path().await, "/auth/logout");
    visitor.open(&server, "/").await;
    visitor.wait_for("Logged in as foo@bar.example").await;
    visitor.leave().await;
}

/// The cookies have the attributes of production. Chromium trusts 127.0.0.1 like an `https` origin.
#[actix_web::test]
async fn access_token_is_renewed_once_before_it_expires() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, site) = (visitor.await, Site::new());
    let cookies = TokenCookies::builder().refresh_cookie(CookieConfig::new()).build().unwrap();
    let verifier = verifier_builder(&site.clock)
        .token_from([cookies.token_source()])
        .revocation_store(site.revocations.clone())
        .build()
        .unwrap();
    let renewal = TokenRenewal::new(site.tokens(), cookies.clone(), issue).unwrap();
    let pair = web::Data::new(site.log_in().await);
    let server = LocalServer::start(move |app| {
        let (pair, cookies) = (pair.clone(), cookies.clone());
        let log_in = move || {
            let mut response = HttpResponse::Ok().body("logged in");
            cookies.set(response.headers_mut(), &pair).unwrap();
            async { response }
        };
        let me = async |token: VerifiedToken| token.token_id().unwrap_or_default().to_owned();
        let api = web::scope("/api")
            .wrap(PasetoRequired::new())
            .wrap(renewal.clone())
            .wrap(CrossOriginProtection::new())
            .route("/me", web::get().to(me));
        app.app_data(verifier.clone()).route("/", web::get().to(log_in)).service(api);
    });
    visitor.client.goto(&server.url).await.unwrap();
    let before = visitor.named("__Host-refresh").await;
    let parallel = "const get = () => fetch('/api/me', { cache: 'no-store' })
            .then(response => response.ok ? response.text() : String(response.status));
        return Promise.all(Array.from({ length: 8 }, get)).then(tokens =>
            [tokens.every(token => token.length > 3), new Set(tokens).size <= 2])";
    for (age, refreshed) in [(Duration::minutes(11), 0), (Duration::minutes(3), 1)] {
        site.clock.advance(age);
        assert_eq!(visitor.run(parallel).await, json!([true, true]));
        assert_eq!(site.refreshed(), refreshed);
    }
    let after = visitor.named("__Host-refresh").await;
    assert_ne!(after.value(), before.value());
    assert_eq!((after.secure(), after.http_only()), (Some(true), Some(true)));
    // The new access token has the whole lifetime.
    site.clock.advance(Duration::minutes(11));
    assert_eq!(visitor.run(parallel).await, json!([true, true]));
    assert_eq!(site.refreshed(), 1);
    visitor.leave().await;
}
