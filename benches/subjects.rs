//! The subjects over loopback: applications with paseto-actix, and applications with peers. All of
//! them have the same handler.

use crate::group::{Comparison, Target};
use crate::keys::Format;

/// The application of a subject, which `apps.rs` configures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum App {
    Bare,
    Attribute,
    AttributeUncached,
    Middleware,
    RemoteKeys,
    /// A guard that queries this store for revocations.
    Revocations(Store),
    /// The same guard, and a handler that refreshes a login.
    Refresh(Store),
    Session,
    CookieSessionStore,
    Httpauth(Format),
    Pasetors,
    ActixJwt,
}

/// The place of revocations and token families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    Sqlite,
    Redis,
    CachedRedis,
    PushedRedis,
}

impl App {
    pub(crate) fn needs_redis(self) -> bool {
        use Store::{CachedRedis, PushedRedis, Redis};

        matches!(self, Self::Revocations(Redis | CachedRedis | PushedRedis) | Self::Refresh(Redis))
    }

    /// Returns whether requests need replies of Redis: each request, or the first requests before
    /// the first push.
    pub(crate) fn waits_for_redis(self) -> bool {
        matches!(
            self,
            Self::Revocations(Store::Redis | Store::PushedRedis) | Self::Refresh(Store::Redis)
        )
    }
}

/// The credential of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sends {
    Nothing,
    /// A token that the handler ignores. It shows the cost of parsing a longer request.
    IgnoredToken(Format),
    /// The same token in each request.
    OneToken(Format),
    /// A different token in each request.
    NewTokens(Format),
    /// The cookie of a session of 500 bytes, the same in each request.
    Cookie,
}

#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) app: App,
    pub(crate) path: &'static str,
    pub(crate) sends: Sends,
}

const fn subject(name: &'static str, app: App, path: &'static str, sends: Sends) -> Subject {
    Subject { name, app, path, sends }
}

/// An application of paseto-actix that gets the same token in each request.
const fn guarded(name: &'static str, app: App) -> Subject {
    subject(name, app, "/me", Sends::OneToken(Format::Paseto))
}

const BARE: &str = "bare handler";
const BARE_SENT_A_TOKEN: &str = "bare handler, sent a token";
const REPEATED: &str = "#[paseto_required], one token";
const UNCACHED: &str = "#[paseto_required], one token, without cache";
const MIDDLEWARE: &str = "PasetoRequired, one token";
const REMOTE: &str = "remote keys, one token";
const REMOTE_NEW: &str = "remote keys, new tokens";
const IN_MEMORY: &str = "revocations in memory, one token";
const IN_SQLITE: &str = "revocations in SQLite, one token";
const ON_REDIS: &str = "revocations on Redis, one token";
const ON_REDIS_CACHED: &str = "revocations on Redis and local cache, one token";
const ON_REDIS_PUSHED: &str = "revocations on Redis, pushed, one token";
const REFRESH_IN_MEMORY: &str = "a refresh, logins in memory";
const REFRESH_IN_SQLITE: &str = "a refresh, logins in SQLite";
const REFRESH_ON_REDIS: &str = "a refresh, logins on Redis";
const NEW: &str = "#[paseto_required], new tokens";
const NEW_UNCACHED: &str = "#[paseto_required], new tokens, without cache";
const HS256: &str = "httpauth + jsonwebtoken HS256, one token";
const ACTIX_JWT: &str = "actix-jwt HS256, one token";
const EDDSA: &str = "httpauth + jsonwebtoken EdDSA aws-lc, new tokens";
const RS256: &str = "httpauth + jsonwebtoken RS256 aws-lc, new tokens";
const ES256: &str = "httpauth + jsonwebtoken ES256 aws-lc, new tokens";
const PASETORS: &str = "httpauth + pasetors, new tokens";
const READ: &str = "PasetoSession, session read";
const CHANGED: &str = "PasetoSession, session changed";
const READ_PEER: &str = "CookieSessionStore Private, session read";
const CHANGED_PEER: &str = "CookieSessionStore Private, session changed";

pub(crate) const SUBJECTS: [Subject; 27] = [
    subject(BARE, App::Bare, "/me", Sends::Nothing),
    subject(BARE_SENT_A_TOKEN, App::Bare, "/me", Sends::IgnoredToken(Format::Paseto)),
    guarded(REPEATED, App::Attribute),
    guarded(MIDDLEWARE, App::Middleware),
    guarded(REMOTE, App::RemoteKeys),
    subject(REMOTE_NEW, App::RemoteKeys, "/me", Sends::NewTokens(Format::Paseto)),
    guarded(IN_MEMORY, App::Revocations(Store::Memory)),
    guarded(IN_SQLITE, App::Revocations(Store::Sqlite)),
    guarded(ON_REDIS, App::Revocations(Store::Redis)),
    guarded(ON_REDIS_CACHED, App::Revocations(Store::CachedRedis)),
    guarded(ON_REDIS_PUSHED, App::Revocations(Store::PushedRedis)),
    guarded(REFRESH_IN_MEMORY, App::Refresh(Store::Memory)),
    guarded(REFRESH_IN_SQLITE, App::Refresh(Store::Sqlite)),
    guarded(REFRESH_ON_REDIS, App::Refresh(Store::Redis)),
    subject(HS256, App::Httpauth(Format::Hs256), "/me", Sends::OneToken(Format::Hs256)),
    subject(ACTIX_JWT, App::ActixJwt, "/me", Sends::OneToken(Format::Hs256)),
    guarded(UNCACHED, App::AttributeUncached),
    subject(NEW, App::Attribute, "/me", Sends::NewTokens(Format::Paseto)),
    subject(NEW_UNCACHED, App::AttributeUncached, "/me", Sends::NewTokens(Format::Paseto)),
    subject(EDDSA, App::Httpauth(Format::EdDsa), "/me", Sends::NewTokens(Format::EdDsa)),
    subject(RS256, App::Httpauth(Format::Rs256), "/me", Sends::NewTokens(Format::Rs256)),
    subject(ES256, App::Httpauth(Format::Es256), "/me", Sends::NewTokens(Format::Es256)),
    subject(PASETORS, App::Pasetors, "/me", Sends::NewTokens(Format::Paseto)),
    subject(READ, App::Session, "/me", Sends::Cookie),
    subject(READ_PEER, App::CookieSessionStore, "/me", Sends::Cookie),
    subject(CHANGED, App::Session, "/change", Sends::Cookie),
    subject(CHANGED_PEER, App::CookieSessionStore, "/change", Sends::Cookie),
];

/// The rows of the chart: a title, and the two subjects. The bars show requests per second.
pub(crate) const CHARTED: [(&str, [&str; 2]); 6] = [
    ("The same token in each request", [REPEATED, HS256]),
    ("The same token in each request", [REPEATED, ACTIX_JWT]),
    ("A new token in each request", [NEW, EDDSA]),
    ("A session that is read", [READ, READ_PEER]),
    ("A session that is changed", [CHANGED, CHANGED_PEER]),
    ("The cost of the guard", [REPEATED, BARE]),
];

/// Returns the rows over loopback. A ratio compares speeds, so a higher ratio is better.
pub(crate) fn comparisons() -> Vec<Comparison> {
    let least = |ratio| Some(Target::AtLeast(ratio));
    vec![
        Comparison::new(REPEATED, BARE, least(0.89)),
        Comparison::new(REPEATED, BARE_SENT_A_TOKEN, least(0.91)),
        Comparison::new(MIDDLEWARE, BARE, None),
        Comparison::new(REMOTE, REPEATED, least(0.99)),
        Comparison::new(REMOTE_NEW, NEW, least(0.99)),
        Comparison::new(IN_MEMORY, BARE, None),
        Comparison::new(ON_REDIS, BARE, None),
        Comparison::new(IN_MEMORY, REPEATED, None),
        Comparison::new(IN_SQLITE, REPEATED, least(0.95)),
        Comparison::new(ON_REDIS, REPEATED, None),
        Comparison::new(ON_REDIS_CACHED, REPEATED, least(0.95)),
        Comparison::new(ON_REDIS_PUSHED, REPEATED, least(0.95)),
        Comparison::new(REFRESH_IN_MEMORY, REPEATED, None),
        Comparison::new(REFRESH_IN_SQLITE, REPEATED, None),
        Comparison::new(REFRESH_ON_REDIS, REPEATED, None),
        Comparison::new(NEW, BARE, None),
        Comparison::new(REPEATED, HS256, least(1.45)),
        Comparison::new(REPEATED, ACTIX_JWT, None),
        Comparison::new(REPEATED, UNCACHED, None),
        Comparison::new(NEW, EDDSA, least(1.2)),
        Comparison::new(NEW_UNCACHED, EDDSA, None),
        Comparison::new(NEW, RS256, None),
        Comparison::new(NEW, ES256, None),
        Comparison::new(NEW, PASETORS, None),
        Comparison::new(READ, READ_PEER, least(1.4)),
        Comparison::new(CHANGED, CHANGED_PEER, least(1.2)),
    ]
}

/// Returns the same rows for instructions, where a lower ratio is better. The targets of
/// [`comparisons`] do not apply.
pub(crate) fn instruction_comparisons() -> Vec<Comparison> {
    let has_target = |row: &Comparison| row.subject == REPEATED && row.beside == BARE_SENT_A_TOKEN;
    let target = |row: &Comparison| has_target(row).then_some(Target::AtMost(1.3));
    comparisons().into_iter().map(|row| Comparison { target: target(&row), ..row }).collect()
}
