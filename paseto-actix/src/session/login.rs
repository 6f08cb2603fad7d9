//! The login entry of a session. It connects the session with the login of its user.

use actix_session::{Session, SessionInsertError};
use serde::{Deserialize, Serialize};

/// The key of the login entry in the session.
pub(super) const LOGIN: &str = "paseto_actix.login";

/// The login that created a session. A session without this entry counts as generation 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionLogin {
    /// The user. The entry is ignored if the session has another user.
    #[serde(rename = "sub")]
    pub(crate) subject: String,
    /// The generation of the subject at the login.
    #[serde(rename = "gen")]
    pub(crate) generation: u64,
    /// The ID of the login, which a remembered login shares with its sessions.
    #[serde(rename = "sid", default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// The Unix time at which the remembered login expires.
    #[serde(rename = "exp", default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<i64>,
}

impl SessionLogin {
    /// Returns the login entry of a session if it belongs to this user.
    #[cfg(feature = "remember")]
    pub(crate) fn of(session: &Session, subject: &str) -> Option<Self> {
        Self::read(session.entries().get(LOGIN)?, subject)
    }

    /// Parses a login entry. Returns `None` if it does not belong to this user.
    pub(super) fn read(value: &str, subject: &str) -> Option<Self> {
        serde_json::from_str(value).ok().filter(|login: &Self| login.subject == subject)
    }

    /// Writes the login entry to a session.
    pub(crate) fn write(&self, session: &Session) -> Result<(), SessionInsertError> {
        session.insert(LOGIN, self)
    }
}

/// Returns the subject of a session from the JSON value of its subject key.
///
/// A string is the subject. Another value, such as a number, is used as its JSON text. The empty
/// string and `null` are not accepted as a subject.
pub(super) fn subject_of(value: &str) -> Option<String> {
    let subject = serde_json::from_str(value).unwrap_or_else(|_| value.to_owned());
    (!subject.is_empty() && value != "null").then_some(subject)
}
