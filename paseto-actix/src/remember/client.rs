use std::fmt;

use actix_session::Session;
use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

/// Where a session keeps the fingerprint of the client that logged in.
const CLIENT: &str = "paseto_actix.client";

/// What becomes of a login whose client does not look like the one that logged in: somebody may
/// have stolen the cookies. Flask-Login's `SESSION_PROTECTION`.
///
/// How a client looks is its `User-Agent`, unless
/// [`client_fingerprint`](super::RememberMeBuilder::client_fingerprint) says otherwise. A thief can
/// send the same one: this makes theft harder, not impossible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionProtection {
    /// Nothing: clients are not looked at. The default.
    #[default]
    Off,
    /// The login is no fresh one any more.
    Basic,
    /// The user is logged out, and remember-me cookies are bound to the client too.
    Strong,
}

/// How a client looks, asked of the application.
pub(super) struct Fingerprint(Box<Look>);

type Look = dyn Fn(&HttpRequest) -> String + Send + Sync;

impl Fingerprint {
    pub(super) fn new(look: impl Fn(&HttpRequest) -> String + Send + Sync + 'static) -> Self {
        Self(Box::new(look))
    }

    pub(super) fn of(&self, req: &HttpRequest) -> String {
        Base64UrlUnpadded::encode_string(&Sha256::digest((self.0)(req))[..16])
    }
}

impl Default for Fingerprint {
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

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprint").finish_non_exhaustive()
    }
}

/// Whether the session is another client's. One that says nothing was begun without protection.
pub(super) fn is_of_another(session: &Session, client: &str) -> bool {
    !matches!(session.get::<String>(CLIENT), Ok(known) if known.as_deref().is_none_or(|known| known == client))
}

/// Binds the session to nobody: whoever was logged in is so no more.
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
