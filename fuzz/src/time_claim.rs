//! Times in `exp` and `auth_time`. The verifier accepts the grammar of RFC 3339, with the values of
//! the crate `time`.

use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::token::Format;
use serde_json::json;
use time::Duration;

use crate::fixtures::{ISSUER, NOW, sign, verifier};
use crate::tree::parse_time;

/// Checks one string as a time.
pub fn target(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if text.len() > 200 {
        return;
    }
    let expected = parse_time(text);
    let payload = json!({ "iss": ISSUER, "exp": "2030-01-01T00:00:00Z", "auth_time": text });
    let outcome = verifier(Format::Json).verify_str(&sign(payload.to_string().as_bytes(), b""));
    match outcome {
        Ok(token) => {
            assert_eq!(token.auth_time(), expected, "{text}");
            assert!(expected.is_some(), "accepted {text}");
        }
        Err(error) => {
            assert_eq!(error.kind(), Kind::Malformed, "{error}");
            assert_eq!(expected, None, "rejected {text}");
        }
    }

    let payload = json!({ "iss": ISSUER, "exp": text });
    let outcome = verifier(Format::Json).verify_str(&sign(payload.to_string().as_bytes(), b""));
    let kind = match expected {
        None => Some(Kind::Malformed),
        Some(exp) if exp.unix_timestamp_nanos() + 5_000_000_000 < NOW.unix_timestamp_nanos() => {
            Some(Kind::Expired)
        }
        Some(_) => None,
    };
    assert_eq!(outcome.as_ref().err().map(|error| error.kind()), kind, "{text}");
    if let Ok(token) = outcome {
        assert_eq!(token.expires_at(), expected);
        assert!(token.expires_at().is_some_and(|exp| exp - NOW >= Duration::seconds(-5)));
    }
}
