//! The event hook: a closure for an audit log or for metrics.

use std::fmt;
use std::sync::Arc;

use crate::error::VerifyErrorKind;

/// An event of logins and tokens, for an audit log, counters, or messages to users.
///
/// `Verifier`, `RefreshTokens` and `RememberMe` take a closure with `.on_event(..)`. One closure can
/// serve all of them. It is called after the stores have confirmed an event, and not for accepted
/// tokens. `Reused` is reported also if a store then fails to end the rest of the login.
/// `LoginLayer::logout_all` and `logout_others` cause one `Revoked` of `RefreshTokens` and one of
/// `RememberMe`. It runs on the thread of the request, so it must not block: send the event
/// to a channel if it needs a database. A wrong password is no event of this crate: report it in the
/// handler. Rejected session cookies are only logged.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use paseto_actix::{SecretKey, Verifier};
/// use paseto_actix::event::Event;
///
/// // Counters in the format of Prometheus; a metrics crate works in the same way.
/// static LOGINS: AtomicU64 = AtomicU64::new(0);
/// static REJECTED: AtomicU64 = AtomicU64::new(0);
///
/// fn count_and_log(event: &Event<'_>) {
///     match event {
///         Event::Login { .. } | Event::Remembered { .. } => LOGINS.fetch_add(1, Ordering::Relaxed),
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
        /// The user.
        subject: &'a str,
    },
    /// A remember-me cookie logged a user in.
    Remembered {
        /// The user.
        subject: &'a str,
    },
    /// A login ended by a logout, or a single token was revoked.
    Logout {
        /// The user. `None` if the revoked token has no `sub`.
        subject: Option<&'a str>,
    },
    /// A refresh token was exchanged for the next pair of tokens.
    Refreshed {
        /// The user.
        subject: &'a str,
    },
    /// A used token was presented again after the grace, so a copy of it exists. The login has
    /// ended.
    Reused {
        /// The user.
        subject: &'a str,
        /// The id of the login.
        login: &'a str,
    },
    /// All logins of a user, or all others, have ended.
    Revoked {
        /// The user.
        subject: &'a str,
    },
    /// A request or a cookie was rejected, for this reason.
    ///
    /// `RememberMe` and `RefreshTokens` use [`Revoked`](VerifyErrorKind::Revoked) for a login that has
    /// ended, [`CrossOrigin`](VerifyErrorKind::CrossOrigin), and
    /// [`Rejected`](VerifyErrorKind::Rejected) for a forged or expired token, other credentials, an
    /// unknown user, or another client.
    Rejected(VerifyErrorKind),
}

/// The closure of an application, if there is one.
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
