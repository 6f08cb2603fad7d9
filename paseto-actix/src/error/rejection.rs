use std::borrow::Cow;

use super::{VerifyError, VerifyErrorKind};

/// The rejection by a check of the application: see
/// [`VerifierBuilder::check`](crate::verifier::VerifierBuilder::check) and
/// [`PasetoRequired::check`](crate::PasetoRequired::check).
///
/// The log gets the reason. The client does not.
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
    /// Rejects the token: `401`, `invalid_token`.
    pub fn invalid(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: VerifyErrorKind::Rejected, reason: reason.into() }
    }

    /// Accepts the token and forbids the request: `403`.
    pub fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: VerifyErrorKind::Forbidden, reason: reason.into() }
    }

    /// Reports that the check failed, for example because a database is down: `503`.
    pub fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: VerifyErrorKind::Unavailable, reason: reason.into() }
    }
}

impl From<Rejection> for VerifyError {
    fn from(refusal: Rejection) -> Self {
        Self::new(refusal.kind, refusal.reason)
    }
}
