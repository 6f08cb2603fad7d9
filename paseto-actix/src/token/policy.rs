//! What is accepted of a token whose signature is right.

use std::time::Duration;

use time::OffsetDateTime;

use crate::{VerifyError, VerifyErrorKind as Kind};

/// The rules for the registered claims of a verified token.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) leeway: Duration,
    pub(crate) exp_required: bool,
    pub(crate) audience: Audience,
}

/// For whom a token has to be meant.
#[derive(Debug)]
pub(crate) enum Audience {
    /// For one of these.
    OneOf(Vec<String>),
    /// For nobody in particular: only a token without `aud` is taken.
    Unnamed,
    /// For anybody.
    Any,
}

/// The claims that are judged.
#[derive(Clone, Copy, Default)]
pub(crate) struct Judged<'a> {
    pub(super) exp: Option<OffsetDateTime>,
    pub(super) nbf: Option<OffsetDateTime>,
    pub(super) iat: Option<OffsetDateTime>,
    pub(super) aud: Option<&'a str>,
}

impl Policy {
    pub(crate) fn judge(&self, claims: Judged<'_>, now: OffsetDateTime) -> Result<(), VerifyError> {
        self.judge_times(claims, now)?;
        self.judge_audience(claims.aud)
    }

    fn judge_times(&self, claims: Judged<'_>, now: OffsetDateTime) -> Result<(), VerifyError> {
        let reject = |kind, detail| Err(VerifyError::new(kind, detail));
        match claims.exp {
            // Saturating: the last moment that the type knows is as good as never.
            Some(exp) if now > exp.saturating_add(self.leeway_signed()) => {
                return reject(Kind::Expired, "`exp` has passed");
            }
            None if self.exp_required => return reject(Kind::InvalidClaim, "no `exp`"),
            _ => {}
        }
        let latest = now.saturating_add(self.leeway_signed());
        if claims.nbf.is_some_and(|nbf| nbf > latest) {
            return reject(Kind::NotYetValid, "`nbf` is yet to come");
        }
        if claims.iat.is_some_and(|iat| iat > latest) {
            return reject(Kind::NotYetValid, "`iat` is yet to come");
        }
        Ok(())
    }

    fn judge_audience(&self, aud: Option<&str>) -> Result<(), VerifyError> {
        let reject = |detail| Err(VerifyError::new(Kind::WrongAudience, detail));
        match (&self.audience, aud) {
            (Audience::Any, _) | (Audience::Unnamed, None) => Ok(()),
            (Audience::OneOf(names), Some(aud)) if names.iter().any(|name| name == aud) => Ok(()),
            (Audience::OneOf(_), Some(_)) => reject("`aud` names another audience"),
            (Audience::OneOf(_), None) => reject(
                "the token has no `aud`, the Verifier wants one: call `.audience(..)` on the Issuer's builder or the token's",
            ),
            (Audience::Unnamed, Some(_)) => reject(
                "the token names an audience, the Verifier none: call `.audience(..)` on its builder to say who it is, \
                 or `.accept_any_audience()`",
            ),
        }
    }

    fn leeway_signed(&self) -> time::Duration {
        time::Duration::try_from(self.leeway).unwrap_or(time::Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use time::{ext::NumericalDuration, macros::datetime};

    use super::*;

    fn policy() -> Policy {
        Policy { leeway: Duration::from_secs(5), exp_required: true, audience: Audience::Unnamed }
    }

    #[test]
    fn b19_edges_of_leeway_to_the_nanosecond() {
        let now = datetime!(2026-01-01 00:00 UTC);
        let at = |exp, nbf, iat| Judged { exp: Some(exp), nbf: Some(nbf), iat: Some(iat), ..Default::default() };
        let kind = |claims| policy().judge(claims, now).map_err(|error| error.kind());

        assert_eq!(kind(at(now - 5.seconds(), now, now)), Ok(()));
        assert_eq!(kind(at(now - 5.seconds() - 1.nanoseconds(), now, now)), Err(Kind::Expired));
        assert_eq!(kind(at(now, now + 5.seconds(), now)), Ok(()));
        assert_eq!(kind(at(now, now + 5.seconds() + 1.nanoseconds(), now)), Err(Kind::NotYetValid));
        assert_eq!(kind(at(now, now, now + 5.seconds())), Ok(()));
        assert_eq!(kind(at(now, now, now + 5.seconds() + 1.nanoseconds())), Err(Kind::NotYetValid));
    }

    #[test]
    fn b19_the_last_moment_of_the_calendar_is_a_time_like_any_other() {
        let claims = Judged { exp: Some(datetime!(9999-12-31 23:59:59 UTC)), ..Default::default() };
        assert!(policy().judge(claims, datetime!(9999-12-31 23:59:58 UTC)).is_ok());
    }
}
