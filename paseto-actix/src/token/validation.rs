//! The rules for the claims of a token whose signature is right.

use time::{Duration, OffsetDateTime};

use crate::error::{VerifyError, VerifyErrorKind as Kind};

/// The rules of one Verifier.
#[derive(Debug)]
pub(crate) struct ClaimsValidation {
    pub(crate) leeway: Duration,
    pub(crate) exp_required: bool,
    pub(crate) audience: Audience,
}

/// The audience that a token has to name.
#[derive(Debug)]
pub(crate) enum Audience {
    /// One of these names.
    OneOf(Vec<String>),
    /// No name: a token with `aud` is rejected.
    Unnamed,
    /// Any name, or no name.
    Any,
}

/// The times of a token.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) exp: Option<OffsetDateTime>,
    pub(crate) nbf: Option<OffsetDateTime>,
    pub(crate) iat: Option<OffsetDateTime>,
}

impl ClaimsValidation {
    /// Compares the times with the time now. The other rules do not change with time.
    pub(crate) fn validate_times(&self, times: Times, now: OffsetDateTime) -> Result<(), VerifyError> {
        let reject = |kind, detail| Err(VerifyError::new(kind, detail));
        // `OffsetDateTime` ends with the year 9999, so a sum with the leeway can overflow.
        // Nanoseconds as `i128` cannot, and their comparison is faster.
        let (now, leeway) = (now.unix_timestamp_nanos(), self.leeway.whole_nanoseconds());
        let is_later = |time: OffsetDateTime| time.unix_timestamp_nanos() > now + leeway;
        match times.exp {
            Some(exp) if exp.unix_timestamp_nanos() < now - leeway => return reject(Kind::Expired, "`exp` has passed"),
            None if self.exp_required => return reject(Kind::InvalidClaim, "no `exp`"),
            _ => {}
        }
        if times.nbf.is_some_and(is_later) {
            return reject(Kind::NotYetValid, "`nbf` is yet to come");
        }
        if times.iat.is_some_and(is_later) {
            return reject(Kind::NotYetValid, "`iat` is yet to come");
        }
        Ok(())
    }

    pub(crate) fn validate_audience(&self, aud: Option<&str>) -> Result<(), VerifyError> {
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
}

#[cfg(test)]
mod tests {
    use time::{ext::NumericalDuration, macros::datetime};

    use super::*;

    fn validation() -> ClaimsValidation {
        ClaimsValidation { leeway: 5.seconds(), exp_required: true, audience: Audience::Unnamed }
    }

    #[test]
    fn edges_of_leeway_to_the_nanosecond() {
        let now = datetime!(2026-01-01 00:00 UTC);
        let at = |exp, nbf, iat| Times { exp: Some(exp), nbf: Some(nbf), iat: Some(iat) };
        let kind = |claims| validation().validate_times(claims, now).map_err(|error| error.kind());

        assert_eq!(kind(at(now - 5.seconds(), now, now)), Ok(()));
        assert_eq!(kind(at(now - 5.seconds() - 1.nanoseconds(), now, now)), Err(Kind::Expired));
        assert_eq!(kind(at(now, now + 5.seconds(), now)), Ok(()));
        assert_eq!(kind(at(now, now + 5.seconds() + 1.nanoseconds(), now)), Err(Kind::NotYetValid));
        assert_eq!(kind(at(now, now, now + 5.seconds())), Ok(()));
        assert_eq!(kind(at(now, now, now + 5.seconds() + 1.nanoseconds())), Err(Kind::NotYetValid));
    }

    #[test]
    fn the_last_moment_of_the_calendar_is_a_time_like_any_other() {
        let claims = Times { exp: Some(datetime!(9999-12-31 23:59:59 UTC)), ..Default::default() };
        for now in [datetime!(9999-12-31 23:59:58 UTC), datetime!(9999-12-31 23:59:59.999 UTC)] {
            assert!(validation().validate_times(claims, now).is_ok());
        }
    }
}
