//! Users with several logins in two applications that share their stores, and the events that end
//! logins.

use actix_web::http::Method;
use paseto_actix::clock::Clock;
use paseto_actix::revocation::{MemoryRevocationStore, RevocationStore};
use paseto_actix::token_family::{MemoryTokenFamilyStore, TokenFamilyStore};
use serde_json::Value;

use super::{Keys, Logins, Place, Reply};
use crate::clock::TestClock;
use crate::remember::{REMEMBER, SESSION};

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Access tokens.
    AccessTokens,
    /// Refresh tokens.
    RefreshTokens,
    /// Sessions.
    Sessions,
    /// Remembered logins.
    RememberedLogins,
}

/// Calls a macro with each event: the name of its tests, and the variant.
#[macro_export]
macro_rules! for_each_event {
    ($callback:ident) => {
        $callback! {
            logout_of_a_browser: BrowserLogout,
            logout_of_a_session: SessionLogout,
            logout_of_an_app: AppLogout,
            end_of_the_login_of_a_browser: EndOfBrowser,
            end_of_the_login_of_an_app: EndOfApp,
            logout_everywhere: LogoutAll,
            logout_of_others_by_a_browser: OthersOfBrowser,
            logout_of_others_by_an_app: OthersOfApp,
            used_remember_me_cookie: UsedCookie,
            used_refresh_token: UsedToken,
        }
    };
}

/// An event that ends logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A browser logs out.
    BrowserLogout,
    /// A browser without the remember-me cookie logs out.
    SessionLogout,
    /// An app logs out.
    AppLogout,
    /// A browser ends its login by the id.
    EndOfBrowser,
    /// An app ends its login by the id.
    EndOfApp,
    /// A user logs out everywhere.
    LogoutAll,
    /// A browser logs out all other devices.
    OthersOfBrowser,
    /// An app logs out all other devices.
    OthersOfApp,
    /// A remember-me cookie comes again.
    UsedCookie,
    /// A refresh token comes again.
    UsedToken,
}

/// The logins of a user that an event ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// No login.
    None,
    /// The login of the event.
    This,
    /// The other logins of the user.
    Others,
    /// All logins of the user.
    All,
}

impl Event {
    /// The table: the logins whose credentials the event ends.
    pub fn ends(self, column: Column) -> Ends {
        let of_app = matches!(column, Column::AccessTokens | Column::RefreshTokens);
        match self {
            Self::BrowserLogout | Self::SessionLogout | Self::EndOfBrowser | Self::UsedCookie => {
                if of_app {
                    Ends::None
                } else {
                    Ends::This
                }
            }
            Self::AppLogout | Self::EndOfApp | Self::UsedToken => {
                if of_app {
                    Ends::This
                } else {
                    Ends::None
                }
            }
            Self::LogoutAll => Ends::All,
            Self::OthersOfBrowser => {
                if of_app {
                    Ends::All
                } else {
                    Ends::Others
                }
            }
            Self::OthersOfApp => {
                if of_app {
                    Ends::Others
                } else {
                    Ends::All
                }
            }
        }
    }
}

/// A login in a browser and a login in an app.
#[derive(Debug)]
struct Devices {
    user: &'static str,
    /// The cookies of all sessions that grew from the login.
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
    /// Logs in at a place. Each credential is used, so that the caches of the place have it, and
    /// renewed twice, so that the first ones are used up.
    async fn begin(place: &Place, user: &'static str) -> Self {
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
        if reply.status == 401 {
            return false;
        }
        self.keep_tokens(reply);
        true
    }

    /// Asserts that the credentials of a column have ended, or that they are accepted.
    async fn assert(&mut self, place: &Place, column: Column, ended: bool) {
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
            accepted.iter().all(|accepted| *accepted != ended),
            "ended: {ended}, accepted: {accepted:?}, {self:?}"
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

/// Whether a response is that of a logged-in user, and not `401`.
fn accepted(reply: &Reply, user: &str) -> bool {
    match reply.status {
        200 => reply.body == user,
        401 => false,
        _ => panic!("{reply:?}"),
    }
}

/// Two applications on the same stores. A user of the shop has two logins, another user has one, and
/// a user of the forum has the id of the first.
#[derive(Debug)]
pub struct World {
    /// The place of the events, and the place of the next requests.
    shop: [Place; 2],
    forum: Place,
    this: Devices,
    other: Devices,
    strangers: [Devices; 2],
}

impl World {
    /// The user of the events.
    pub const USER: &str = "1";

    /// The logins at these places.
    pub async fn new(shop: [Place; 2], forum: Place) -> Self {
        let next = &shop[1];
        let (this, other) =
            (Devices::begin(next, Self::USER).await, Devices::begin(next, Self::USER).await);
        let strangers = [Devices::begin(next, "2").await, Devices::begin(&forum, Self::USER).await];
        Self { shop, forum, this, other, strangers }
    }

    /// Both applications in this process.
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

    /// Both applications on stores in memory.
    pub async fn in_memory(clock: &TestClock) -> Self {
        let revocations = MemoryRevocationStore::new(1000).clock(clock.clone());
        Self::here(
            clock.clone(),
            revocations,
            MemoryTokenFamilyStore::new(1000).clock(clock.clone()),
        )
        .await
    }

    /// Lets an event happen.
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
            Event::EndOfBrowser => drop(visit("/end-login").await.ok()),
            Event::LogoutAll => drop(visit("/logout-all").await.ok()),
            Event::OthersOfBrowser => {
                let reply = visit("/logout-others").await;
                // The renewal ends the old cookie of the session.
                this.sessions.pop();
                this.keep_cookies(&reply);
                reply.ok();
            }
            Event::AppLogout => {
                drop(send_refresh(place, "/end", this.refresh.last().expect("a token")).await.ok())
            }
            Event::EndOfApp => drop(call("/api/end-login").await.ok()),
            Event::OthersOfApp => drop(call("/api/logout-others").await.ok()),
            Event::UsedCookie => {
                assert_eq!(send_cookie(place, REMEMBER, &this.remembered[0]).await.status, 401);
            }
            Event::UsedToken => {
                assert_eq!(send_refresh(place, "/refresh", &this.refresh[0]).await.status, 401);
            }
        }
    }

    /// Asserts that an event has ended the credentials of a column, and no others, from the next
    /// request on.
    pub async fn assert(&mut self, event: Event, column: Column) {
        let (next, ends) = (&self.shop[1], event.ends(column));
        self.this.assert(next, column, matches!(ends, Ends::This | Ends::All)).await;
        self.other.assert(next, column, matches!(ends, Ends::Others | Ends::All)).await;
        for (place, stranger) in [next, &self.forum].into_iter().zip(&mut self.strangers) {
            stranger.assert(place, column, false).await;
        }
        if column == Column::AccessTokens {
            self.assert_own_tokens(matches!(ends, Ends::Others | Ends::All)).await;
        }
    }

    /// Asserts that the tokens of the issuer that belong to no login of the user have ended, or that
    /// they are accepted. Those of other users are accepted.
    pub async fn assert_own_tokens(&self, ended: bool) {
        let (next, [stranger, of_forum]) = (&self.shop[1], &self.strangers);
        for devices in [&self.this, &self.other] {
            assert_ne!(is_accepted(next, &devices.own, devices.user).await, ended, "{devices:?}");
        }
        assert!(is_accepted(next, &stranger.own, stranger.user).await);
        assert!(is_accepted(&self.forum, &of_forum.own, of_forum.user).await);
    }
}
