use std::borrow::Cow;

use super::{VerifyError, VerifyErrorKind};

/// The error of a check of the application: see
/// [`VerifierBuilder::check`](crate::verifier::VerifierBuilder::check) and
/// [`PasetoRequired::check`](crate::PasetoRequired::check).
///
/// The reason is logged and not sent to the client.
///
/// ```
/// use paseto_actix::VerifiedToken;
/// use paseto_actix::error::Rejection;
///
/// fn staff_only(token: &VerifiedToken) -> Result<(), Rejection> {
///     match token.subject() {
///         Some(subject) if subject.starts_with("staff:") => Ok(()),
///         _ => Err(Rejection::forbidden("the user is not one of the staff")),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Rejection {
    kind: VerifyErrorKind,
    reason: Cow<'static, str>,
}

impl Rejection {
    /// Rejects the token with `401` and `invalid_token`.
    pub fn invalid(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: VerifyErrorKind::Rejected, reason: reason.into() }
    }

    /// Accepts the token but forbids the request with `403`.
    pub fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: VerifyErrorKind::Forbidden, reason: reason.into() }
    }

    /// Reports with `503` that the check failed, for example because a database is unavailable.
    pub fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: VerifyErrorKind::Unavailable, reason: reason.into() }
    }
}

impl From<Rejection> for VerifyError {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection.kind, rejection.reason)
    }
}
