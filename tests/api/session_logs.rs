//! The logs of sessions contain the reason, but no part of a cookie, key or state.

use actix_session::Session;
use actix_web::web;
use paseto_actix::LocalKey;
use paseto_actix::testing::Browser;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::{Logs, Secrets};
use paseto_actix_tests::parts::tampered;
use paseto_actix_tests::revocation::{FailingRevocations, failing_revocations};
use paseto_actix_tests::session::{Kind, Site, routes};
use time::Duration;

const STATE: &str = "a-private-text-of-a-session";

fn handlers(config: &mut web::ServiceConfig) {
    routes(config);
    config.route(
        "/fill/{times}",
        web::get().to(async |session: Session, times: web::Path<usize>| {
            session.insert("load", STATE.repeat(*times))?;
            // This line proves that logs are captured, because a valid request logs nothing else.
            tracing::trace!("the handler sets");
            Ok::<_, actix_web::Error>("set")
        }),
    );
    config.route(
        "/see",
        web::get().to(async |session: Session| {
            tracing::trace!("the handler reads");
            session.get::<String>("load")
        }),
    );
}

struct LoggedSite {
    kind: Kind,
    clock: TestClock,
    store: FailingRevocations,
    site: Site,
    secrets: Secrets,
}

impl LoggedSite {
    async fn new(kind: Kind) -> Self {
        let (clock, key) = (TestClock::new(), LocalKey::generate());
        let store = failing_revocations(&clock, 100);
        let mut secrets = Secrets::default();
        secrets.key(&key.to_paserk());
        secrets.add("the state of a session", STATE);
        let site = kind.site_revoking(key, &clock, store.clone(), handlers).await;
        Self { kind, clock, store, site, secrets }
    }

    /// Begins a session. Returns the browser and the value of its cookie.
    async fn begin_session(&mut self) -> (Browser, String) {
        let mut browser = Browser::new();
        assert_eq!(browser.get(&self.site, "/fill/3").await.body, "set");
        let value = self.kind.value(&browser);
        self.secrets.add("a cookie", &value);
        self.secrets.token(&self.kind.token(&value).unwrap());
        (browser, value)
    }

    /// Returns whether the application accepts this cookie as a session.
    async fn is_session(&mut self, value: &str) -> bool {
        self.secrets.add("a cookie", value);
        let mut browser = Browser::new();
        browser.set_cookie(self.kind.cookie(), value);
        browser.get(&self.site, "/see").await.body.contains(STATE)
    }
}

#[actix_web::test]
async fn session_logs_contain_no_secret() {
    for kind in Kind::ALL {
        let logs = Logs::capture();
        let mut site = LoggedSite::new(kind).await;
        let (mut browser, value) = site.begin_session().await;
        assert!(site.is_session(&value).await, "{kind:?}");

        let token = kind.token(&value).unwrap();
        let encrypted_by_another =
            kind.token(&LoggedSite::new(kind).await.begin_session().await.1).unwrap();
        for bad in [
            tampered(&value),
            kind.wrap(&token[..token.len() - 1]),
            kind.wrap(&encrypted_by_another),
        ] {
            assert!(!site.is_session(&bad).await, "{kind:?}");
        }

        for times in [if kind == Kind::Middleware { 100 } else { 65 }, 1000] {
            browser.get(&site.site, &format!("/fill/{times}")).await;
            site.secrets.add("a cookie", &kind.value(&browser));
        }

        let (mut purged, copy) = site.begin_session().await;
        purged.get(&site.site, "/purge").await;
        assert!(!site.is_session(&copy).await, "{kind:?}: revoked");
        let (_, unknown) = site.begin_session().await;
        site.store.set_failing(true);
        assert!(!site.is_session(&unknown).await, "{kind:?}: the store is down");
        site.store.set_failing(false);

        site.clock.advance(Duration::DAY);
        assert!(!site.is_session(&value).await, "{kind:?}: expired");

        let of_both = [
            "the handler sets",
            "the handler reads",
            "a session cookie that is not authentic, or has an unknown format",
            "a session is nearly too large for a cookie",
            "the cookie of a revoked session",
            "the cookie of an expired session",
        ];
        let of_one: &[_] = match kind {
            Kind::Middleware => &["the revocation store failed", "the encrypted session has"],
            // The store returns its errors to actix-session, which does not log them.
            Kind::Store => &["failed to pass cryptographic checks"],
        };
        logs.assert_no_secret(&[&of_both, of_one].concat(), &site.secrets);
    }
}
