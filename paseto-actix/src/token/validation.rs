//! Validates the times and the audience of a token after its signature is verified.

use time::{Duration, OffsetDateTime};

use crate::error::{VerifyError, VerifyErrorKind as Kind, quote, quote_list};

/// The claim rules of one verifier.
#[derive(Debug)]
pub(crate) struct ClaimsValidation {
    pub(crate) leeway: Duration,
    pub(crate) exp_required: bool,
    pub(crate) audience: Audience,
}

/// The accepted values of `aud`.
#[derive(Debug)]
pub(crate) enum Audience {
    /// `aud` must be one of these names.
    OneOf(Vec<String>),
    /// A token with `aud` is rejected.
    Unnamed,
    /// `aud` can have any value or be missing.
    Any,
}

/// The time claims of a token.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) exp: Option<OffsetDateTime>,
    pub(crate) nbf: Option<OffsetDateTime>,
    pub(crate) iat: Option<OffsetDateTime>,
}

impl ClaimsValidation {
    /// Compares the time claims with the current time. This check also runs for cached tokens,
    /// because its result changes with time.
    pub(crate) fn validate_times(
        &self,
        times: Times,
        now: OffsetDateTime,
    ) -> Result<(), VerifyError> {
        let reject = |kind, detail: String| Err(VerifyError::new(kind, detail));
        // The maximum of `OffsetDateTime` is in the year 9999, so adding the leeway can overflow.
        // `i128` nanoseconds cannot overflow, and comparing them is faster.
        let (now, leeway) = (now.unix_timestamp_nanos(), self.leeway.whole_nanoseconds());
        let is_later = |time: OffsetDateTime| time.unix_timestamp_nanos() > now + leeway;
        match times.exp.map(OffsetDateTime::unix_timestamp_nanos) {
            Some(exp) if exp < now - leeway => {
                let detail = format!(
                    "`exp` passed {} ago, the leeway is {}",
                    seconds(now - exp),
                    seconds(leeway)
                );
                return reject(Kind::Expired, detail);
            }
            None if self.exp_required => {
                return reject(
                    Kind::MissingClaim,
                    "the token has no `exp`: issue tokens with a `ttl`".to_owned(),
                );
            }
            _ => {}
        }
        for (name, time) in [("nbf", times.nbf), ("iat", times.iat)] {
            if let Some(time) = time.filter(|time| is_later(*time)) {
                let detail = format!(
                    "`{name}` is {} in the future, the leeway is {}: synchronize the clocks, or raise `.leeway(..)`",
                    seconds(time.unix_timestamp_nanos() - now),
                    seconds(leeway)
                );
                return reject(Kind::NotYetValid, detail);
            }
        }
        Ok(())
    }

    pub(crate) fn validate_audience(&self, aud: Option<&str>) -> Result<(), VerifyError> {
        let reject = |detail: String| Err(VerifyError::new(Kind::WrongAudience, detail));
        match (&self.audience, aud) {
            (Audience::Any, _) | (Audience::Unnamed, None) => Ok(()),
            (Audience::OneOf(names), Some(aud)) if names.iter().any(|name| name == aud) => Ok(()),
            (Audience::OneOf(names), Some(aud)) => {
                let expected = quote_list(names, "or");
                reject(format!("expected `aud` {expected}, found {}", quote(aud)))
            }
            (Audience::OneOf(names), None) => {
                let expected = quote_list(names, "or");
                reject(format!(
                    "expected `aud` {expected}, found no `aud`: call `.audience(..)` on the builder of the Issuer or the token"
                ))
            }
            (Audience::Unnamed, Some(aud)) => reject(format!(
                "expected no `aud`, found {}: call `.audience(..)` on the builder of the Verifier with the name of this \
                 service, or `.accept_any_audience()`",
                quote(aud)
            )),
        }
    }
}

/// Formats a duration of this many nanoseconds in seconds, rounded up.
fn seconds(nanoseconds: i128) -> String {
    let seconds = nanoseconds.unsigned_abs().div_ceil(1_000_000_000);
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use time::ext::NumericalDuration;
    use time::macros::datetime;

    use super::*;

    fn validation() -> ClaimsValidation {
        ClaimsValidation { leeway: 5.seconds(), exp_required: true, audience: Audience::Unnamed }
    }

    #[test]
    fn the_leeway_is_exact_to_the_nanosecond() {
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
    fn the_last_second_of_the_year_9999_does_not_overflow() {
        let claims = Times { exp: Some(datetime!(9999-12-31 23:59:59 UTC)), ..Default::default() };
        for now in [datetime!(9999-12-31 23:59:58 UTC), datetime!(9999-12-31 23:59:59.999 UTC)] {
            assert!(validation().validate_times(claims, now).is_ok());
        }
    }
}
