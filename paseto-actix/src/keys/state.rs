use time::OffsetDateTime;

/// The state of a key in a [`KeySchedule`](super::KeySchedule).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// The key is published, or decrypts. It is not active yet. A signing key signs only tokens
    /// that select it with [`TokenBuilder::key_id`](crate::issuer::TokenBuilder::key_id).
    Announced,
    /// The key signs or encrypts.
    Active,
    /// The key was active before. Its tokens are accepted until they expire.
    Retired,
}

/// The ID, the state and the times of a key at one moment.
///
/// ```
/// use paseto_actix::LocalKey;
/// use paseto_actix::keys::{KeyRing, KeyState};
///
/// let keys = KeyRing::from(LocalKey::generate());
/// let status = &keys.statuses()[0];
/// assert_eq!(status.state, KeyState::Active);
/// assert!(status.kid.starts_with("k4.lid."));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The key ID (`k4.pid` or `k4.lid`).
    pub kid: String,
    /// The state of the key.
    pub state: KeyState,
    /// The time from which the key is active. `None` if an announced key has no time yet, or if the
    /// time of activation is not known.
    pub activates_at: Option<OffsetDateTime>,
    /// The time at which the next key became active. `None` unless the key is retired and this time
    /// is known.
    pub retired_at: Option<OffsetDateTime>,
}
