//! The entry of a session's state that ties the session to a login.

use actix_session::{Session, SessionInsertError};
use serde::{Deserialize, Serialize};

/// The key of the entry.
pub(super) const LOGIN: &str = "paseto_actix.login";

/// The login that a session grew from. A session without this entry counts as one of generation 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionLogin {
    /// The user. An entry of another user than the session's is not used.
    #[serde(rename = "sub")]
    pub(crate) subject: String,
    /// The subject's generation when the user logged in.
    #[serde(rename = "gen")]
    pub(crate) generation: u64,
    /// The id of the login, which a remembered login and its sessions have in common.
    #[serde(rename = "sid", default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// The second in which the remembered login expires.
    #[serde(rename = "exp", default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<i64>,
}

impl SessionLogin {
    /// The entry of a session, if it is the entry of this user.
    #[cfg(feature = "remember")]
    pub(crate) fn of(session: &Session, subject: &str) -> Option<Self> {
        Self::read(session.entries().get(LOGIN)?, subject)
    }

    pub(super) fn read(value: &str, subject: &str) -> Option<Self> {
        serde_json::from_str(value).ok().filter(|login: &Self| login.subject == subject)
    }

    pub(crate) fn write(&self, session: &Session) -> Result<(), SessionInsertError> {
        session.insert(LOGIN, self)
    }
}

/// The subject of a session, from the value of its key: a text, or the text of another JSON value.
/// An empty text and `null` are no subject.
pub(super) fn subject_of(value: &str) -> Option<String> {
    let subject = serde_json::from_str(value).unwrap_or_else(|_| value.to_owned());
    (!subject.is_empty() && value != "null").then_some(subject)
}
