//! The logs of sessions contain the reason, and no part of a cookie, key or state.

use actix_session::Session;
use actix_web::web;
use paseto_actix::LocalKey;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::{Logs, Secrets};
use paseto_actix_tests::parts::tampered;
use paseto_actix_tests::revocation::Failing;
use paseto_actix_tests::session::{Client, Kind, Site, routes};
use time::Duration;

const STATE: &str = "a-private-text-of-a-session";

fn handlers(config: &mut web::ServiceConfig) {
    routes(config);
    config.route(
        "/fill/{times}",
        web::get().to(async |session: Session, times: web::Path<usize>| {
            session.insert("load", STATE.repeat(*times))?;
            // A line of the handler shows that a request was logged that leaves no other line.
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

struct World {
    kind: Kind,
    clock: TestClock,
    store: Failing,
    site: Site,
    secrets: Secrets,
}

impl World {
    async fn new(kind: Kind) -> Self {
        let (clock, key) = (TestClock::new(), LocalKey::generate());
        let store = Failing::new(&clock, 100);
        let mut secrets = Secrets::default();
        secrets.key(&key.to_paserk());
        secrets.add("the state of a session", STATE);
        let site = kind.site_revoking(key, &clock, store.clone(), handlers).await;
        Self { kind, clock, store, site, secrets }
    }

    /// A browser with a session, and the value of its cookie.
    async fn begin(&mut self) -> (Client, String) {
        let mut client = Client::new();
        assert_eq!(client.get(&self.site, "/fill/3").await.body, "set");
        let value = client.session(self.kind);
        self.secrets.add("a cookie", &value);
        self.secrets.token(&self.kind.token(&value).unwrap());
        (client, value)
    }

    /// Whether the session of this cookie has its state.
    async fn is_session(&mut self, value: &str) -> bool {
        self.secrets.add("a cookie", value);
        let mut client = Client::new();
        client.keep(self.kind.cookie(), value);
        client.get(&self.site, "/see").await.body.contains(STATE)
    }
}

#[actix_web::test]
async fn logs_of_session_cookies_show_no_secret() {
    for kind in Kind::ALL {
        let logs = Logs::capture();
        let mut world = World::new(kind).await;
        let (mut client, value) = world.begin().await;
        assert!(world.is_session(&value).await, "{kind:?}");

        let token = kind.token(&value).unwrap();
        let encrypted_by_another = kind.token(&World::new(kind).await.begin().await.1).unwrap();
        for bad in [
            tampered(&value),
            kind.wrap(&token[..token.len() - 1]),
            kind.wrap(&encrypted_by_another),
        ] {
            assert!(!world.is_session(&bad).await, "{kind:?}");
        }

        for times in [if kind == Kind::Middleware { 100 } else { 65 }, 1000] {
            client.get(&world.site, &format!("/fill/{times}")).await;
            world.secrets.add("a cookie", &client.session(kind));
        }

        let (mut purged, copy) = world.begin().await;
        purged.get(&world.site, "/purge").await;
        assert!(!world.is_session(&copy).await, "{kind:?}: revoked");
        let (_, unknown) = world.begin().await;
        world.store.set_down(true);
        assert!(!world.is_session(&unknown).await, "{kind:?}: the store is down");
        world.store.set_down(false);

        world.clock.advance(Duration::DAY);
        assert!(!world.is_session(&value).await, "{kind:?}: expired");

        let of_both = [
            "the handler sets",
            "the handler reads",
            "a session cookie that is not authentic, or has another format",
            "a session is nearly too large for a cookie",
            "the cookie of a session that has ended",
            "the cookie of an expired session",
        ];
        let of_one: &[_] = match kind {
            Kind::Middleware => &["the revocation store failed", "the encrypted session has"],
            // The errors of the store are for actix-session, which does not log them.
            Kind::Store => &["failed to pass cryptographic checks"],
        };
        logs.assert_no_secret(&[&of_both, of_one].concat(), &world.secrets);
    }
}
