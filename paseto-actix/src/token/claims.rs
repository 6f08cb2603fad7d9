//! Names, types and parser of the registered claims.
//!
//! Sources: PASETO's [registered claims], `scope` of [RFC 8693, section 4.2], `acr` and `auth_time`
//! of [OpenID Connect Core, section 2], `sid` of [OpenID Connect Front-Channel Logout, section 3].
//! OpenID Connect writes `auth_time` as a number. This crate writes it in RFC 3339, like the other
//! times in PASETO.
//!
//! [registered claims]: https://github.com/paseto-standard/paseto-spec/blob/master/docs/02-Implementation-Guide/04-Claims.md
//! [RFC 8693, section 4.2]: https://www.rfc-editor.org/rfc/rfc8693#section-4.2
//! [OpenID Connect Front-Channel Logout, section 3]: https://openid.net/specs/openid-connect-frontchannel-1_0.html#OPLogout
//! [OpenID Connect Core, section 2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken

use std::fmt;

use serde::de;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::Times;
use super::structure::{AnyValue, Budget, Key, MapKeys, named};

/// The name of each registered claim, and the advice of the error if an application writes it.
pub(crate) const RESERVED: [(&str, &str); 12] = [
    ("iss", "set it with `Issuer::builder(..)`"),
    ("sub", "set it with `.subject(..)`"),
    ("aud", "set it with `.audience(..)`"),
    ("exp", "set it with `.ttl(..)`"),
    ("nbf", "set it with `.not_before(..)`"),
    ("iat", "it is the time of issue"),
    ("jti", "it is random by default, set it with `.token_id(..)`"),
    ("scope", "set it with `.scopes(..)`"),
    ("auth_time", "set it with `.auth_time(..)`"),
    ("acr", "set it with `.acr(..)`"),
    ("sid", "set it with `.session_id(..)`"),
    ("sub_gen", "set it with `.generation(..)`"),
];

/// The registered claims of one token, with their types checked.
#[derive(Debug, Default)]
pub(crate) struct RegisteredClaims {
    pub(crate) iss: Option<Box<str>>,
    pub(crate) sub: Option<Box<str>>,
    pub(crate) aud: Option<Box<str>>,
    pub(crate) times: Times,
    pub(crate) jti: Option<Box<str>>,
    pub(crate) scope: Option<Box<str>>,
    pub(crate) auth_time: Option<OffsetDateTime>,
    /// Any string. OpenID Connect does not restrict the value further.
    pub(crate) acr: Option<Box<str>>,
    /// The ID of the login that issued the token.
    pub(crate) sid: Option<Box<str>>,
    /// The generation of the subject. This claim is specific to this crate, see
    /// [`RevocationStore`](crate::revocation::RevocationStore).
    pub(crate) sub_gen: u64,
    /// The number of claims in the payload, including the claims of the application.
    pub(crate) count: usize,
}

/// Returns whether a string is a scope-token of [RFC 6749, section 3.3]: one or more visible ASCII
/// characters other than `"` and `\`.
///
/// [RFC 6749, section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
pub(crate) const fn is_scope_token(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() && matches!(bytes[index], b'!' | b'#'..=b'[' | b']'..=b'~') {
        index += 1;
    }
    index > 0 && index == bytes.len()
}

fn is_scope_claim(text: &str) -> bool {
    text.is_empty() || text.split(' ').all(is_scope_token)
}

/// Reads a whole payload. Stores the registered claims, and checks the structure of all claims.
impl<'de> Deserialize<'de> for RegisteredClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClaimsVisitor)
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = RegisteredClaims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut claims = RegisteredClaims::default();
        let mut budget = Budget::new();
        let mut keys = MapKeys::default();
        while let Some(key) = keys.next(&mut map, &mut budget)? {
            let Key::Text(name) = key else {
                return Err(de::Error::custom("the name of a claim is not a string"));
            };
            match name.as_ref() {
                "iss" => claims.iss = Some(text(&mut map, "claim `iss`")?),
                "sub" => claims.sub = Some(text(&mut map, "claim `sub`")?),
                "aud" => claims.aud = Some(text(&mut map, "claim `aud`")?),
                "exp" => claims.times.exp = Some(time(&mut map, "claim `exp`")?),
                "nbf" => claims.times.nbf = Some(time(&mut map, "claim `nbf`")?),
                "iat" => claims.times.iat = Some(time(&mut map, "claim `iat`")?),
                "jti" => claims.jti = Some(text(&mut map, "claim `jti`")?),
                "scope" => claims.scope = Some(scope(&mut map)?),
                "auth_time" => claims.auth_time = Some(time(&mut map, "claim `auth_time`")?),
                "acr" => claims.acr = Some(text(&mut map, "claim `acr`")?),
                "sid" => claims.sid = Some(text(&mut map, "claim `sid`")?),
                "sub_gen" => claims.sub_gen = generation(&mut map)?,
                _ => map.next_value_seed(AnyValue { depth: 1, budget: &mut budget })?,
            }
        }
        claims.count = keys.len();
        Ok(claims)
    }
}

fn text<'de, A: MapAccess<'de>>(map: &mut A, name: &str) -> Result<Box<str>, A::Error> {
    named(map, name, "a string").map(|text| text.into_owned().into_boxed_str())
}

fn time<'de, A: MapAccess<'de>>(map: &mut A, name: &str) -> Result<OffsetDateTime, A::Error> {
    const EXPECTED: &str = "a time in RFC 3339, such as `2026-01-01T00:00:00Z`";
    parse_time(&named(map, name, EXPECTED)?).ok_or_else(|| another_string(name, EXPECTED))
}

/// Reads decimal digits from a string. All registered claims are strings.
fn generation<'de, A: MapAccess<'de>>(map: &mut A) -> Result<u64, A::Error> {
    const NAME: &str = "claim `sub_gen`";
    const EXPECTED: &str = "a number as a string, such as `\"3\"`";
    let text = named(map, NAME, EXPECTED)?;
    let generation = text.parse().ok().filter(|number: &u64| number.to_string() == text);
    generation.ok_or_else(|| another_string(NAME, EXPECTED))
}

fn scope<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Box<str>, A::Error> {
    const NAME: &str = "claim `scope`";
    const EXPECTED: &str = "a string of scopes, each separated by one space";
    let text = named(map, NAME, EXPECTED)?;
    if is_scope_claim(&text) {
        Ok(text.into_owned().into_boxed_str())
    } else {
        Err(another_string(NAME, EXPECTED))
    }
}

fn another_string<E: de::Error>(name: &str, expected: &str) -> E {
    E::custom(format_args!("{name}: expected {expected}, found another string"))
}

/// `2026-01-01T00:00:00Z` has 20 characters. A time with nanoseconds and a numeric offset has 35.
const TIME_LENGTHS: std::ops::RangeInclusive<usize> = 20..=35;

/// Parses a time in the grammar of [RFC 3339, section 5.6], with an upper-case `T` and `Z`.
///
/// The crate `time` accepts any separator in place of the `T`, so one time would have many
/// encodings.
///
/// [RFC 3339, section 5.6]: https://www.rfc-editor.org/rfc/rfc3339#section-5.6
fn parse_time(text: &str) -> Option<OffsetDateTime> {
    let strict =
        TIME_LENGTHS.contains(&text.len()) && text.as_bytes()[10] == b'T' && !text.ends_with('z');
    if strict { OffsetDateTime::parse(text, &Rfc3339).ok() } else { None }
}

/// Formats a time in whole seconds, such as `2026-01-01T00:00:00Z`. Returns `None` outside of the
/// years 0 to 9999.
pub(crate) fn format_time(time: OffsetDateTime) -> Option<String> {
    time.checked_to_offset(UtcOffset::UTC)?.replace_nanosecond(0).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formatted_time_is_parsed() {
        let time = time::macros::datetime!(2039-01-01 00:00:00.75 +01:00);
        let text = format_time(time).expect("a year below 9999");
        assert_eq!(text, "2038-12-31T23:00:00Z");
        assert_eq!(parse_time(&text), time.replace_nanosecond(0).ok());
    }

    #[test]
    fn times_outside_of_the_strict_grammar_are_rejected() {
        assert!(parse_time("2039-01-01T00:00:00+00:00").is_some());
        assert!(parse_time("2039-01-01T00:00:00.123456789-08:00").is_some());
        for text in [
            "",
            "2039-01-01",
            "2039-01-01 00:00:00Z",
            "2039-01-01t00:00:00Z",
            "2039-01-01T00:00:00z",
            "2039-01-01T00:00:00",
            "2039-01-01T00:00:00+0000",
            "2039-1-1T00:00:00.00Z",
            "2039-02-30T00:00:00Z",
            "2039-01-01T24:00:00Z",
            "+02039-01-01T00:00:00Z",
            " 2039-01-01T00:00:00Z",
            "2039-01-01T00:00:00Z ",
            "2039-01-01T00:00:00.Z",
            "2039-01-01T00:00:00.1234567890123+00:00",
        ] {
            assert_eq!(parse_time(text), None, "{text:?}");
        }
    }
}
