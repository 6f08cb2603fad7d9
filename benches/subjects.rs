//! The subjects over loopback: applications of paseto-actix and of peers, with the same handler.

use crate::group::{Comparison, Side, Target};
use crate::keys::Form;

/// The application of a subject, which `apps.rs` configures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum App {
    Bare,
    Attribute,
    AttributeUncached,
    Middleware,
    RevocationsInMemory,
    RevocationsOnRedis,
    CachedRevocationsOnRedis,
    Session,
    CookieSessionStore,
    Httpauth(Form),
    Pasetors,
    ActixJwt,
}

impl App {
    pub(crate) fn needs_redis(self) -> bool {
        matches!(self, Self::RevocationsOnRedis | Self::CachedRevocationsOnRedis)
    }
}

/// The credential of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sends {
    Nothing,
    /// A token that the handler ignores. It shows the cost of reading the request.
    IgnoredToken(Form),
    /// The same token in each request.
    OneToken(Form),
    /// A different token in each request.
    NewTokens(Form),
    /// The cookie of a session of 500 bytes, the same in each request.
    Cookie,
}

#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    pub(crate) app: App,
    pub(crate) path: &'static str,
    pub(crate) sends: Sends,
}

const fn ours(name: &'static str, app: App, path: &'static str, sends: Sends) -> Subject {
    Subject { name, side: Side::Ours, app, path, sends }
}

const fn peer(name: &'static str, app: App, path: &'static str, sends: Sends) -> Subject {
    Subject { name, side: Side::Peer, app, path, sends }
}

const BARE: &str = "bare handler";
const BARE_SENT_A_TOKEN: &str = "bare handler, sent a token all the same";
const REPEATED: &str = "#[paseto_required], one token";
const UNCACHED: &str = "#[paseto_required], one token, without cache";
const MIDDLEWARE: &str = "PasetoRequired, one token";
const IN_MEMORY: &str = "revocations in memory, one token";
const ON_REDIS: &str = "revocations on Redis, one token";
const ON_REDIS_CACHED: &str = "revocations on Redis and local cache, one token";
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

pub(crate) const SUBJECTS: [Subject; 20] = [
    peer(BARE, App::Bare, "/me", Sends::Nothing),
    peer(BARE_SENT_A_TOKEN, App::Bare, "/me", Sends::IgnoredToken(Form::Paseto)),
    ours(REPEATED, App::Attribute, "/me", Sends::OneToken(Form::Paseto)),
    ours(MIDDLEWARE, App::Middleware, "/me", Sends::OneToken(Form::Paseto)),
    ours(IN_MEMORY, App::RevocationsInMemory, "/me", Sends::OneToken(Form::Paseto)),
    ours(ON_REDIS, App::RevocationsOnRedis, "/me", Sends::OneToken(Form::Paseto)),
    ours(ON_REDIS_CACHED, App::CachedRevocationsOnRedis, "/me", Sends::OneToken(Form::Paseto)),
    peer(HS256, App::Httpauth(Form::Hs256), "/me", Sends::OneToken(Form::Hs256)),
    peer(ACTIX_JWT, App::ActixJwt, "/me", Sends::OneToken(Form::Hs256)),
    ours(UNCACHED, App::AttributeUncached, "/me", Sends::OneToken(Form::Paseto)),
    ours(NEW, App::Attribute, "/me", Sends::NewTokens(Form::Paseto)),
    ours(NEW_UNCACHED, App::AttributeUncached, "/me", Sends::NewTokens(Form::Paseto)),
    peer(EDDSA, App::Httpauth(Form::EdDsa), "/me", Sends::NewTokens(Form::EdDsa)),
    peer(RS256, App::Httpauth(Form::Rs256), "/me", Sends::NewTokens(Form::Rs256)),
    peer(ES256, App::Httpauth(Form::Es256), "/me", Sends::NewTokens(Form::Es256)),
    peer(PASETORS, App::Pasetors, "/me", Sends::NewTokens(Form::Paseto)),
    ours(READ, App::Session, "/me", Sends::Cookie),
    peer(READ_PEER, App::CookieSessionStore, "/me", Sends::Cookie),
    ours(CHANGED, App::Session, "/change", Sends::Cookie),
    peer(CHANGED_PEER, App::CookieSessionStore, "/change", Sends::Cookie),
];

/// The rows over loopback. Each ratio is of speed, so more is better.
pub(crate) fn comparisons() -> Vec<Comparison> {
    let least = |ratio| Some(Target::AtLeast(ratio));
    vec![
        Comparison::new(REPEATED, BARE, least(0.89)),
        Comparison::new(REPEATED, BARE_SENT_A_TOKEN, least(0.91)),
        Comparison::new(MIDDLEWARE, BARE, None),
        Comparison::new(IN_MEMORY, BARE, None),
        Comparison::new(ON_REDIS, BARE, None),
        Comparison::new(ON_REDIS_CACHED, REPEATED, least(0.95)),
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

/// The same rows for counted instructions, where less is better. The targets of speed do not apply.
pub(crate) fn instruction_comparisons() -> Vec<Comparison> {
    let has_target = |row: &Comparison| row.subject == REPEATED && row.beside == BARE_SENT_A_TOKEN;
    let target = |row: &Comparison| has_target(row).then_some(Target::AtMost(1.3));
    comparisons().into_iter().map(|row| Comparison { target: target(&row), ..row }).collect()
}
