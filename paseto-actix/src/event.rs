//! Events for audit logs and metrics.

use std::fmt;
use std::sync::Arc;

use crate::error::VerifyErrorKind;

/// A login, a logout, a refresh, a rejected token or a changed key, for audit logs, metrics and
/// messages to users.
///
/// The builders of [`Verifier`](crate::Verifier), [`RefreshTokens`](crate::RefreshTokens) and
/// [`RememberMe`](crate::RememberMe) accept a closure with `.on_event(..)`. You can pass the same
/// closure to all of them.
///
/// The closure is called after the stores have confirmed an event. There is one exception: `Reused`
/// is reported even if the store then fails to revoke the login. `LoginLayer::logout_all` and
/// `logout_others` cause one `Revoked` event of `RefreshTokens` and one of `RememberMe`.
///
/// The closure runs on the thread of the request or of the change, so it must not block. To write
/// events to a database, send them to a channel first.
///
/// There is no event for an accepted token, for a wrong password, or for a rejected session cookie.
/// The handler can report a wrong password. Rejected session cookies are only logged. See the
/// chapter [observability](crate::guide::observability).
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use paseto_actix::event::Event;
/// use paseto_actix::{SecretKey, Verifier};
///
/// // Counters in the Prometheus text format. A metrics crate works in the same way.
/// static LOGINS: AtomicU64 = AtomicU64::new(0);
/// static REJECTED: AtomicU64 = AtomicU64::new(0);
///
/// fn count_and_log(event: &Event<'_>) {
///     match event {
///         Event::Login { .. } | Event::Remembered { .. } => {
///             LOGINS.fetch_add(1, Ordering::Relaxed)
///         }
///         Event::Rejected(_) => REJECTED.fetch_add(1, Ordering::Relaxed),
///         _ => 0,
///     };
///     println!("audit: {event:?}");
/// }
///
/// fn metrics() -> String {
///     let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
///     format!("logins_total {}\ntokens_rejected_total {}\n", read(&LOGINS), read(&REJECTED))
/// }
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .on_event(count_and_log)
///     .build()?;
/// # let _ = (verifier, metrics());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A user logged in with credentials.
    Login {
        /// The subject: the user ID.
        subject: &'a str,
    },
    /// A remember-me cookie logged a user in.
    Remembered {
        /// The subject: the user ID.
        subject: &'a str,
    },
    /// A user logged out, or a single token was revoked.
    Logout {
        /// The subject: the user ID. `None` if the revoked token has no `sub`.
        subject: Option<&'a str>,
    },
    /// A refresh token was exchanged for the next pair of tokens.
    Refreshed {
        /// The subject: the user ID.
        subject: &'a str,
    },
    /// A used refresh token or remember-me cookie was sent again after the grace period, so a copy
    /// of it exists. The login is revoked.
    Reused {
        /// The subject: the user ID.
        subject: &'a str,
        /// The ID of the login.
        login: &'a str,
    },
    /// All logins of a user were revoked, or all logins except the current one.
    Revoked {
        /// The subject: the user ID.
        subject: &'a str,
    },
    /// A request or a cookie was rejected for this reason.
    ///
    /// `RememberMe` and `RefreshTokens` use four kinds:
    ///
    /// - [`Revoked`](VerifyErrorKind::Revoked) for a revoked login.
    /// - [`CrossOrigin`](VerifyErrorKind::CrossOrigin) for a request from another origin.
    /// - [`Expired`](VerifyErrorKind::Expired) for an expired refresh token.
    /// - [`Rejected`](VerifyErrorKind::Rejected) for a forged token, an expired remember-me cookie,
    ///   changed credentials, an unknown user, or another client.
    Rejected(VerifyErrorKind),
    /// The keys that a [`Verifier`](crate::Verifier) trusts for an issuer changed after it was
    /// built.
    KeysChanged {
        /// The name of the issuer.
        issuer: &'a str,
        /// The key IDs (`k4.pid`) of the added keys.
        added: &'a [String],
        /// The key IDs (`k4.pid`) of the removed keys.
        removed: &'a [String],
    },
}

/// The optional event closure of an application.
#[derive(Clone, Default)]
pub(crate) struct EventHook(Option<Arc<Hook>>);

type Hook = dyn Fn(&Event<'_>) + Send + Sync;

impl EventHook {
    pub(crate) fn new(hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(crate) fn emit(&self, event: Event<'_>) {
        if let Some(hook) = &self.0 {
            hook(&event);
        }
    }
}

impl fmt::Debug for EventHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventHook").finish_non_exhaustive()
    }
}
