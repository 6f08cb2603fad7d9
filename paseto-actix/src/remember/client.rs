use std::fmt;

use actix_session::Session;
use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

/// The session key of the fingerprint of the client that logged in.
const CLIENT: &str = "paseto_actix.client";

/// The reaction to a session or cookie that another client sends, because it may be stolen. It
/// corresponds to `SESSION_PROTECTION` of Flask-Login.
///
/// Clients are compared by their `User-Agent` header. Set
/// [`client_fingerprint`](super::RememberMeBuilder::client_fingerprint) to compare other features.
/// This makes the use of stolen cookies harder, but an attacker can send the same header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionProtection {
    /// Clients are not compared. The default.
    #[default]
    Off,
    /// The login of another client is not fresh.
    Basic,
    /// Another client is logged out, and the remembered login is revoked.
    Strong,
}

/// Computes the fingerprint of a client from the features that a closure returns.
pub(super) struct ClientFingerprint(Box<Features>);

type Features = dyn Fn(&HttpRequest) -> String + Send + Sync;

impl ClientFingerprint {
    pub(super) fn new(features: impl Fn(&HttpRequest) -> String + Send + Sync + 'static) -> Self {
        Self(Box::new(features))
    }

    pub(super) fn of(&self, req: &HttpRequest) -> String {
        Base64UrlUnpadded::encode_string(&Sha256::digest((self.0)(req))[..16])
    }
}

impl Default for ClientFingerprint {
    fn default() -> Self {
        Self::new(|req| {
            let agents = req
                .headers()
                .get_all(USER_AGENT)
                .map(|agent| String::from_utf8_lossy(agent.as_bytes()));
            agents.collect::<Vec<_>>().join("\n")
        })
    }
}

impl fmt::Debug for ClientFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFingerprint").finish_non_exhaustive()
    }
}

/// Returns whether the session is bound to another client. A session from before the protection was
/// turned on has no fingerprint and is accepted.
pub(super) fn is_of_another(session: &Session, client: &str) -> bool {
    !matches!(session.get::<String>(CLIENT), Ok(known) if known.as_deref().is_none_or(|known| known == client))
}

/// Removes the fingerprint of a client whose user is logged out.
pub(super) fn unbind(session: &Session) {
    if session.contains_key(CLIENT) {
        session.remove(CLIENT);
    }
}

pub(super) fn bind(
    session: &Session,
    client: String,
) -> Result<(), actix_session::SessionInsertError> {
    session.insert(CLIENT, client)
}
