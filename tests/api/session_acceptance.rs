//! The acceptance tests of actix-session for stores and of actix-identity for sessions. They run
//! with `PasetoSession`, and with actix-session's middleware with signed and with private cookies.

use actix_identity::{Identity, IdentityMiddleware};
use actix_session::config::{CookieContentSecurity, PersistentSession, TtlExtensionPolicy};
use actix_session::{Session, SessionExt, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpMessage, HttpRequest, HttpResponse, Responder, guard, web};
use paseto_actix::cookie::CookieConfig;
use paseto_actix::testing::Browser;
use paseto_actix::{LocalKey, PasetoSession, PasetoSessionStore};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::session::{Site, routes, set_cookie, set_cookies};
use time::Duration;

const NAME: &str = "acceptance";
const TTL: CookieDuration = CookieDuration::minutes(1);

/// The session middleware of a site and its settings.
#[derive(Clone, Copy, Debug)]
struct Setup {
    paseto_session: bool,
    private: bool,
    every_request: bool,
}

impl Setup {
    const ALL: [Self; 3] =
        [Self::new(true, false), Self::new(false, false), Self::new(false, true)];

    const fn new(paseto_session: bool, private: bool) -> Self {
        Self { paseto_session, private, every_request: false }
    }

    /// Returns a site with this cookie path and domain, whose sessions have an idle timeout of one
    /// minute.
    async fn site_at(self, clock: &TestClock, path: &str, domain: Option<&str>) -> Site {
        let (key, cookie_key) = (LocalKey::generate(), Key::generate());
        if self.paseto_session {
            let mut cookie = CookieConfig::new().name(NAME).path(path);
            cookie.domain = domain.map(str::to_owned);
            let builder = PasetoSession::builder(key)
                .clock(clock.clone())
                .cookie(cookie)
                .persistent(true)
                .idle_timeout(TTL.unsigned_abs());
            return Site::of(builder.build().unwrap(), pages).await;
        }
        let policy = if self.every_request {
            TtlExtensionPolicy::OnEveryRequest
        } else {
            TtlExtensionPolicy::OnStateChanges
        };
        let security = if self.private {
            CookieContentSecurity::Private
        } else {
            CookieContentSecurity::Signed
        };
        let builder = SessionMiddleware::builder(
            PasetoSessionStore::new(key).clock(clock.clone()),
            cookie_key,
        )
        .cookie_name(NAME.to_owned())
        .cookie_path(path.to_owned())
        .cookie_domain(domain.map(str::to_owned))
        .cookie_content_security(security)
        .session_lifecycle(
            PersistentSession::default().session_ttl(TTL).session_ttl_extension_policy(policy),
        );
        Site::alone(builder.build(), pages).await
    }

    async fn site(self, clock: &TestClock) -> Site {
        self.site_at(clock, "/", None).await
    }
}

fn pages(config: &mut web::ServiceConfig) {
    let logged_in = guard::fn_guard(|context| context.get_session().contains_key("user"));
    config
        .configure(routes)
        .route("/count", web::get().to(count))
        .route("/login/{user}", web::get().to(login))
        .route("/logout", web::get().to(logout))
        .service(web::scope("/members").guard(logged_in).route("/count", web::get().to(count)));
}

async fn count(session: Session) -> actix_web::Result<String> {
    let count = session.get::<u32>("count")?.unwrap_or(0) + 1;
    session.insert("count", count)?;
    Ok(count.to_string())
}

async fn login(session: Session, user: web::Path<String>) -> actix_web::Result<&'static str> {
    session.insert("user", user.into_inner())?;
    session.renew();
    Ok("welcome")
}

async fn logout(session: Session) -> &'static str {
    if !session.contains_key("user") {
        return "not logged in";
    }
    session.purge();
    "goodbye"
}

#[actix_web::test]
async fn session_state_belongs_to_one_browser() {
    let clock = TestClock::new();
    for setup in Setup::ALL {
        let site = setup.site_at(&clock, "/shop", Some("shop.example")).await;
        let mut browser = Browser::new();
        let response = browser.get(&site, "/count").await;
        let cookie = set_cookie(&response.headers);
        assert_eq!(
            (cookie.name(), cookie.path(), cookie.domain()),
            (NAME, Some("/shop"), Some("shop.example"))
        );
        // The browser sends the cookie only below its path, where this site has no page.
        browser.set_cookie(NAME, cookie.value());
        assert_eq!(browser.get(&site, "/").await.body, "count=1", "{setup:?}");
        assert_eq!(
            Browser::new().get(&site, "/").await.body,
            "",
            "{setup:?}: another browser has another session"
        );
    }
}

#[actix_web::test]
async fn session_expiry_is_extended_on_every_request() {
    let clock = TestClock::new();
    for setup in Setup::ALL {
        let site = Setup { every_request: true, ..setup }.site(&clock).await;
        let mut browser = Browser::new();
        browser.get(&site, "/count").await;
        let first = browser.cookie(NAME).unwrap().to_owned();
        clock.advance(Duration::seconds(40));
        let response = browser.get(&site, "/idle").await;
        assert_eq!(set_cookie(&response.headers).max_age(), Some(TTL), "{setup:?}");

        clock.advance(Duration::seconds(40));
        // actix-session sends the same token again, and its expiry does not change. `PasetoSession`
        // encrypts a new token.
        let expected = if setup.paseto_session { "count=1" } else { "" };
        assert_eq!(browser.get(&site, "/").await.body, expected, "{setup:?}");
        browser.set_cookie(NAME, &first);
        assert_eq!(
            browser.get(&site, "/").await.body,
            "",
            "{setup:?}: the first cookie has expired"
        );
    }
}

#[actix_web::test]
async fn session_expiry_is_extended_on_changes() {
    let clock = TestClock::new();
    for setup in Setup::ALL {
        let site = setup.site(&clock).await;
        let mut browser = Browser::new();
        let response = browser.get(&site, "/count").await;
        assert_eq!(set_cookie(&response.headers).max_age(), Some(TTL));
        clock.advance(Duration::seconds(20));
        let response = browser.get(&site, "/idle").await;
        assert!(set_cookies(&response.headers).is_empty(), "{setup:?}: no change");
        let response = browser.get(&site, "/count").await;
        assert_eq!(set_cookie(&response.headers).max_age(), Some(TTL), "{setup:?}");
        clock.advance(Duration::seconds(59));
        assert_eq!(
            browser.get(&site, "/").await.body,
            "count=2",
            "{setup:?}: a minute after the change"
        );
    }
}

#[actix_web::test]
async fn session_keeps_its_state_through_login_and_is_empty_after_logout() {
    let clock = TestClock::new();
    for setup in Setup::ALL {
        let site = setup.site(&clock).await;
        let mut browser = Browser::new();
        let response = browser.get(&site, "/").await;
        assert_eq!(
            (response.body.as_str(), set_cookies(&response.headers).len()),
            ("", 0),
            "no state, no cookie"
        );
        assert_eq!(browser.get(&site, "/logout").await.body, "not logged in");
        browser.get(&site, "/count").await;
        assert_eq!(browser.get(&site, "/").await.body, "count=1");
        browser.get(&site, "/count").await;
        let anonymous = browser.cookie(NAME).unwrap().to_owned();

        browser.get(&site, "/login/ada").await;
        let member = browser.cookie(NAME).unwrap().to_owned();
        assert_ne!(member, anonymous);
        assert_eq!(
            browser.get(&site, "/").await.body,
            r#"count=2 user="ada""#,
            "{setup:?}: the login keeps the state"
        );
        browser.get(&site, "/count").await;

        // A replayed cookie has the state of its time. The browser's own session does not change.
        for (cookie, state) in [(&anonymous, "count=2"), (&member, r#"count=2 user="ada""#)] {
            let mut attacker = Browser::new();
            attacker.set_cookie(NAME, cookie);
            assert_eq!(attacker.get(&site, "/").await.body, state, "{setup:?}");
        }
        assert_eq!(browser.get(&site, "/").await.body, r#"count=3 user="ada""#);

        let response = browser.get(&site, "/logout").await;
        let removal = set_cookie(&response.headers);
        assert_eq!((removal.max_age(), removal.path()), (Some(CookieDuration::ZERO), Some("/")));
        assert_eq!(browser.get(&site, "/").await.body, "", "{setup:?}: logged out");
        let mut attacker = Browser::new();
        attacker.set_cookie(NAME, &member);
        assert_eq!(
            attacker.get(&site, "/").await.body,
            r#"count=2 user="ada""#,
            "{setup:?}: a copy is valid until it expires"
        );
        clock.advance(Duration::minutes(1));
        assert_eq!(attacker.get(&site, "/").await.body, "", "{setup:?}: the copy has expired");
    }
}

#[actix_web::test]
async fn route_guards_can_read_the_session() {
    let clock = TestClock::new();
    for setup in Setup::ALL {
        let site = setup.site(&clock).await;
        let mut browser = Browser::new();
        browser.get(&site, "/count").await;
        assert_eq!(browser.get(&site, "/members/count").await.status, StatusCode::NOT_FOUND);
        browser.get(&site, "/login/ada").await;
        let response = browser.get(&site, "/members/count").await;
        assert_eq!((response.status, response.body.as_str()), (StatusCode::OK, "2"), "{setup:?}");
        browser.get(&site, "/logout").await;
        assert_eq!(
            browser.get(&site, "/members/count").await.status,
            StatusCode::NOT_FOUND,
            "{setup:?}"
        );
    }
}

async fn identify(req: HttpRequest, user: web::Path<String>) -> impl Responder {
    Identity::login(&req.extensions(), user.into_inner()).map(|_| HttpResponse::Ok())
}

async fn forget(identity: Identity) -> &'static str {
    identity.logout();
    "goodbye"
}

async fn who(identity: Identity) -> actix_web::Result<String> {
    Ok(identity.id()?)
}

fn identity_pages(config: &mut web::ServiceConfig) {
    config
        .configure(routes)
        .route("/login/{user}", web::post().to(identify))
        .route("/logout", web::post().to(forget))
        .route("/who", web::get().to(who));
}

/// The scenarios of actix-identity, with `PasetoSession` and with `PasetoSessionStore`.
#[actix_web::test]
async fn identity_middleware_works_with_both_session_middlewares() {
    for setup in [Setup::new(true, false), Setup::new(false, true)] {
        let clock = TestClock::new();
        let app = App::new().configure(identity_pages).wrap(IdentityMiddleware::default());
        let site = if setup.paseto_session {
            let session = PasetoSession::builder(LocalKey::generate())
                .clock(clock.clone())
                .cookie(CookieConfig::new().name(NAME));
            Site::new(init_service(app.wrap(session.build().unwrap())).await)
        } else {
            let store = PasetoSessionStore::new(LocalKey::generate()).clock(clock.clone());
            let session =
                SessionMiddleware::builder(store, Key::generate()).cookie_name(NAME.to_owned());
            Site::new(init_service(app.wrap(session.build())).await)
        };
        let post = |path: &str| TestRequest::post().uri(path);

        let mut browser = Browser::new();
        assert_eq!(browser.get(&site, "/who").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(browser.send(&site, post("/logout")).await.status, StatusCode::UNAUTHORIZED);
        browser.get(&site, "/set?cart=tea").await;
        let before = browser.cookie(NAME).unwrap().to_owned();

        assert_eq!(browser.send(&site, post("/login/ada")).await.status, StatusCode::OK);
        assert_ne!(browser.cookie(NAME).unwrap(), before);
        assert_eq!(browser.get(&site, "/who").await.body, "ada", "{setup:?}");
        assert!(
            browser.get(&site, "/").await.body.contains(r#"cart="tea""#),
            "the cart stays in the session"
        );
        for _ in 0..6 {
            clock.advance(Duration::minutes(20));
            assert_eq!(
                browser.get(&site, "/who").await.body,
                "ada",
                "{setup:?}: the session slides"
            );
        }

        // A second login replaces the first login.
        browser.send(&site, post("/login/bob")).await;
        assert_eq!(browser.get(&site, "/who").await.body, "bob", "{setup:?}");

        assert_eq!(browser.send(&site, post("/logout")).await.body, "goodbye");
        assert_eq!(browser.cookie(NAME), None);
        assert_eq!(browser.get(&site, "/who").await.status, StatusCode::UNAUTHORIZED);

        browser.send(&site, post("/login/ada")).await;
        assert_eq!(browser.get(&site, "/who").await.body, "ada");
        clock.advance(if setup.paseto_session {
            Duration::minutes(30)
        } else {
            Duration::hours(12)
        });
        let response = browser.get(&site, "/who").await;
        assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{setup:?}: the session has expired");
        // A store cannot remove a cookie.
        assert_eq!(browser.cookie(NAME).is_none(), setup.paseto_session, "{setup:?}");
    }
}
