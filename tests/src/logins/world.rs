//! Users with several logins in two applications that share their stores.

use actix_web::http::Method;
use paseto_actix::clock::Clock;
use paseto_actix::revocation::{MemoryRevocationStore, RevocationStore};
use paseto_actix::token_family::{MemoryTokenFamilyStore, TokenFamilyStore};
use serde_json::Value;

use super::{Keys, Logins, Place, Reply};
use crate::clock::TestClock;
use crate::logins::event::{Column, Event, RevokedLogins};
use crate::remember::{REMEMBER, SESSION};

/// A login in a browser and a login in an app.
#[derive(Debug)]
struct Devices {
    user: &'static str,
    /// The session cookies of the login, including restored sessions.
    sessions: Vec<String>,
    /// The remember-me cookies of the login. The last one is the current one.
    remembered: Vec<String>,
    /// The access tokens of the login.
    access: Vec<String>,
    /// The refresh tokens of the login. The last one is the current one.
    refresh: Vec<String>,
    /// A token of the issuer that belongs to no login.
    own: String,
}

impl Devices {
    /// Logs in at a place. Uses each credential, so that the caches of the place contain it, and
    /// renews it twice, so that the first ones are used up.
    async fn log_in(place: &Place, user: &'static str) -> Self {
        let post =
            async |path: &str| place.send(Method::POST, &format!("{path}?user={user}"), &[]).await;
        let own = post("/own-token").await.ok();
        let mut devices = Self {
            user,
            sessions: vec![],
            remembered: vec![],
            access: vec![],
            refresh: vec![],
            own,
        };
        devices.keep_cookies(&post("/login").await);
        devices.keep_tokens(post("/token").await);
        for _ in 0..2 {
            assert!(devices.restore(place).await && devices.renew(place).await);
        }
        assert_eq!(
            (devices.sessions.len(), devices.remembered.len(), devices.access.len()),
            (3, 3, 3)
        );
        for column in [Column::AccessTokens, Column::Sessions] {
            devices.assert(place, column, false).await;
        }
        devices
    }

    fn keep_cookies(&mut self, reply: &Reply) {
        self.sessions.extend(reply.cookie(SESSION));
        self.remembered.extend(reply.cookie(REMEMBER));
    }

    fn keep_tokens(&mut self, reply: Reply) {
        let pair: Value = serde_json::from_str(&reply.ok()).expect("a pair of tokens");
        for (tokens, name) in
            [(&mut self.access, "access_token"), (&mut self.refresh, "refresh_token")]
        {
            tokens.push(pair[name].as_str().expect("a token").to_owned());
        }
    }

    /// Uses the remember-me cookie without a session.
    async fn restore(&mut self, place: &Place) -> bool {
        let reply = send_cookie(place, REMEMBER, self.remembered.last().expect("a cookie")).await;
        self.keep_cookies(&reply);
        accepted(&reply, self.user)
    }

    /// Uses the refresh token.
    async fn renew(&mut self, place: &Place) -> bool {
        let reply = send_refresh(place, "/refresh", self.refresh.last().expect("a token")).await;
        if reply.status == 400 {
            return false;
        }
        self.keep_tokens(reply);
        true
    }

    /// Asserts that the credentials of a column are revoked, or that they are accepted.
    async fn assert(&mut self, place: &Place, column: Column, revoked: bool) {
        let accepted = match column {
            Column::AccessTokens => {
                let mut accepted = Vec::new();
                for token in &self.access {
                    accepted.push(is_accepted(place, token, self.user).await);
                }
                accepted
            }
            Column::RefreshTokens => vec![self.renew(place).await],
            Column::Sessions => {
                let mut all = Vec::new();
                for session in &self.sessions {
                    all.push(accepted(&send_cookie(place, SESSION, session).await, self.user));
                }
                all
            }
            Column::RememberedLogins => vec![self.restore(place).await],
        };
        assert!(
            accepted.iter().all(|accepted| *accepted != revoked),
            "expected revoked: {revoked}, found accepted: {accepted:?}, {self:?}"
        );
    }
}

async fn send_cookie(place: &Place, name: &str, value: &str) -> Reply {
    place.send(Method::GET, "/me", &[("cookie", &format!("{name}={value}"))]).await
}

async fn send_refresh(place: &Place, path: &str, token: &str) -> Reply {
    place.send(Method::POST, path, &[("refresh-token", token)]).await
}

async fn is_accepted(place: &Place, access_token: &str, user: &str) -> bool {
    let bearer = format!("Bearer {access_token}");
    accepted(&place.send(Method::GET, "/api/me", &[("authorization", &bearer)]).await, user)
}

/// Returns whether the response belongs to the logged-in user. Otherwise its status must be `401`.
fn accepted(reply: &Reply, user: &str) -> bool {
    match reply.status {
        200 => reply.body == user,
        401 => false,
        _ => panic!("{reply:?}"),
    }
}

/// Two applications on the same stores. A user of the shop has two logins, and another user has
/// one. A user of the forum has the ID of the first user.
#[derive(Debug)]
pub struct World {
    /// The place of the events, and the place of the requests after them.
    shop: [Place; 2],
    forum: Place,
    this: Devices,
    other: Devices,
    strangers: [Devices; 2],
}

impl World {
    /// The user of the events.
    pub const USER: &str = "1";

    /// Logs the users in at these places.
    pub async fn new(shop: [Place; 2], forum: Place) -> Self {
        let next = &shop[1];
        let (this, other) =
            (Devices::log_in(next, Self::USER).await, Devices::log_in(next, Self::USER).await);
        let strangers =
            [Devices::log_in(next, "2").await, Devices::log_in(&forum, Self::USER).await];
        Self { shop, forum, this, other, strangers }
    }

    /// Returns both applications in this process.
    pub async fn here(
        clock: impl Clock + Clone,
        revocations: impl RevocationStore + Clone,
        family: impl TokenFamilyStore + Clone,
    ) -> Self {
        let keys = Keys::generate();
        let logins =
            |name| Logins::new(name, &keys, clock.clone(), revocations.clone(), family.clone());
        let shop = logins("shop");
        let place = async |logins: &Logins| Place::Here(logins.site().await);
        Self::new([place(&shop).await, place(&shop).await], place(&logins("forum")).await).await
    }

    /// Returns both applications with stores in memory.
    pub async fn in_memory(clock: &TestClock) -> Self {
        let revocations = MemoryRevocationStore::new(1000).clock(clock.clone());
        Self::here(
            clock.clone(),
            revocations,
            MemoryTokenFamilyStore::new(1000).clock(clock.clone()),
        )
        .await
    }

    /// Causes an event.
    pub async fn happen(&mut self, event: Event) {
        let (place, this) = (&self.shop[0], &mut self.this);
        let (session, cookie) =
            (this.sessions.last().expect("a session"), this.remembered.last().expect("a cookie"));
        let cookies = format!("{SESSION}={session}; {REMEMBER}={cookie}");
        let visit = async |path| place.send(Method::POST, path, &[("cookie", &cookies)]).await;
        let bearer = format!("Bearer {}", this.access.last().expect("a token"));
        let call = async |path| place.send(Method::POST, path, &[("authorization", &bearer)]).await;
        match event {
            Event::BrowserLogout => drop(visit("/logout").await.ok()),
            Event::SessionLogout => {
                let session = format!("{SESSION}={session}");
                place.send(Method::POST, "/logout", &[("cookie", &session)]).await.ok();
            }
            Event::BrowserLoginById => drop(visit("/end-login").await.ok()),
            Event::LogoutAll => drop(visit("/logout-all").await.ok()),
            Event::BrowserLogoutOthers => {
                let reply = visit("/logout-others").await;
                // The renewal revokes the old session cookie.
                this.sessions.pop();
                this.keep_cookies(&reply);
                reply.ok();
            }
            Event::AppLogout => {
                drop(send_refresh(place, "/end", this.refresh.last().expect("a token")).await.ok())
            }
            Event::AppLoginById => drop(call("/api/end-login").await.ok()),
            Event::AppLogoutOthers => drop(call("/api/logout-others").await.ok()),
            Event::ReusedCookie => {
                assert_eq!(send_cookie(place, REMEMBER, &this.remembered[0]).await.status, 401);
            }
            Event::ReusedToken => {
                assert_eq!(send_refresh(place, "/refresh", &this.refresh[0]).await.status, 400);
            }
        }
    }

    /// Asserts that an event has revoked the credentials of a column and no others. The revocation
    /// applies from the next request on.
    pub async fn assert(&mut self, event: Event, column: Column) {
        let (next, revokes) = (&self.shop[1], event.revokes(column));
        self.this
            .assert(next, column, matches!(revokes, RevokedLogins::This | RevokedLogins::All))
            .await;
        self.other
            .assert(next, column, matches!(revokes, RevokedLogins::Others | RevokedLogins::All))
            .await;
        for (place, stranger) in [next, &self.forum].into_iter().zip(&mut self.strangers) {
            stranger.assert(place, column, false).await;
        }
        if column == Column::AccessTokens {
            self.assert_own_tokens(matches!(revokes, RevokedLogins::Others | RevokedLogins::All))
                .await;
        }
    }

    /// Asserts that the user's tokens that belong to no login are revoked, or that they are
    /// accepted. Those of other users are accepted.
    pub async fn assert_own_tokens(&self, revoked: bool) {
        let (next, [stranger, of_forum]) = (&self.shop[1], &self.strangers);
        for devices in [&self.this, &self.other] {
            assert_ne!(is_accepted(next, &devices.own, devices.user).await, revoked, "{devices:?}");
        }
        assert!(is_accepted(next, &stranger.own, stranger.user).await);
        assert!(is_accepted(&self.forum, &of_forum.own, of_forum.user).await);
    }
}
