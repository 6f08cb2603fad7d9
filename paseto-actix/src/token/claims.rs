//! The registered claims: their names, their types, and how they are read from a payload.
//!
//! Sources: PASETO's [registered claims], `scope` of [RFC 8693, section 4.2], `auth_time` of [OpenID Connect Core,
//! section 2], which, like every time in PASETO, is written in RFC 3339 here, `sid` of [OpenID Connect Front-Channel Logout,
//! section 3].
//!
//! [registered claims]: https://github.com/paseto-standard/paseto-spec/blob/master/docs/02-Implementation-Guide/04-Claims.md
//! [RFC 8693, section 4.2]: https://www.rfc-editor.org/rfc/rfc8693#section-4.2
//! [OpenID Connect Front-Channel Logout, section 3]: https://openid.net/specs/openid-connect-frontchannel-1_0.html#OPLogout
//! [OpenID Connect Core, section 2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken

use std::{borrow::Cow, fmt};

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use time::OffsetDateTime;

use super::{
    strict::{Budget, Key, Keys, Text, Value},
    time_claim::parse_time,
};

/// Each registered claim, with what to do instead of writing it by hand.
pub(crate) const RESERVED: [(&str, &str); 11] = [
    ("iss", "it is the name that the Issuer was built with"),
    ("sub", "call `.subject(..)`"),
    ("aud", "call `.audience(..)`"),
    ("exp", "call `.ttl(..)`"),
    ("nbf", "call `.not_before(..)`"),
    ("iat", "it is the time of issue"),
    ("jti", "it is random, or call `.token_id(..)`"),
    ("scope", "call `.scopes(..)`"),
    ("auth_time", "call `.auth_time(..)`"),
    ("sid", "call `.session_id(..)`"),
    ("sub_gen", "call `.generation(..)`"),
];

/// The registered claims of one token, each of the right type.
#[derive(Debug, Default)]
pub(crate) struct RegisteredClaims<'p> {
    pub(crate) iss: Option<Cow<'p, str>>,
    pub(crate) sub: Option<Cow<'p, str>>,
    pub(crate) aud: Option<Cow<'p, str>>,
    pub(crate) exp: Option<OffsetDateTime>,
    pub(crate) nbf: Option<OffsetDateTime>,
    pub(crate) iat: Option<OffsetDateTime>,
    pub(crate) jti: Option<Cow<'p, str>>,
    pub(crate) scope: Option<Cow<'p, str>>,
    pub(crate) auth_time: Option<OffsetDateTime>,
    /// The login that the token is of.
    pub(crate) sid: Option<Cow<'p, str>>,
    /// The subject's generation, a claim of our own: see [`Revocations`](crate::Revocations).
    pub(crate) sub_gen: Option<u64>,
    /// How many claims there are, those of the user among them.
    pub(crate) count: usize,
}

impl RegisteredClaims<'_> {
    /// The same without the payload.
    fn into_owned(self) -> RegisteredClaims<'static> {
        let own = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        let Self { iss, sub, aud, jti, scope, sid, exp, nbf, iat, auth_time, sub_gen, count } = self;
        let [iss, sub, aud, jti, scope, sid] = [iss, sub, aud, jti, scope, sid].map(own);
        RegisteredClaims { iss, sub, aud, jti, scope, sid, exp, nbf, iat, auth_time, sub_gen, count }
    }
}

/// For readers that lend nothing.
pub(super) struct OwnedClaims(pub(super) RegisteredClaims<'static>);

impl<'de> Deserialize<'de> for OwnedClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RegisteredClaims::deserialize(deserializer).map(|claims| Self(claims.into_owned()))
    }
}

/// Whether a text is a scope-token of [RFC 6749, section 3.3]: visible ASCII but `"` and `\`.
///
/// [RFC 6749, section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
pub(crate) fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'))
}

fn is_scope_claim(text: &str) -> bool {
    text.is_empty() || text.split(' ').all(is_scope_token)
}

/// Reads a whole payload, keeps the registered claims, and holds everything else to the strict rules.
impl<'de> Deserialize<'de> for RegisteredClaims<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Payload)
    }
}

struct Payload;

impl<'de> Visitor<'de> for Payload {
    type Value = RegisteredClaims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut claims = RegisteredClaims::default();
        let mut budget = Budget::new();
        let mut keys = Keys::default();
        while let Some(key) = keys.next(&mut map, &mut budget)? {
            let Key::Text(name) = key else {
                return Err(de::Error::custom("a claim whose name is no text"));
            };
            match name.as_ref() {
                "iss" => claims.iss = Some(map.next_value::<Text>()?.0),
                "sub" => claims.sub = Some(map.next_value::<Text>()?.0),
                "aud" => claims.aud = Some(map.next_value::<Text>()?.0),
                "exp" => claims.exp = Some(map.next_value::<Time>()?.0),
                "nbf" => claims.nbf = Some(map.next_value::<Time>()?.0),
                "iat" => claims.iat = Some(map.next_value::<Time>()?.0),
                "jti" => claims.jti = Some(map.next_value::<Text>()?.0),
                "scope" => claims.scope = Some(map.next_value::<Scope>()?.0),
                "auth_time" => claims.auth_time = Some(map.next_value::<Time>()?.0),
                "sid" => claims.sid = Some(map.next_value::<Text>()?.0),
                "sub_gen" => claims.sub_gen = Some(map.next_value::<Generation>()?.0),
                _ => map.next_value_seed(Value { depth: 1, budget: &mut budget })?,
            }
        }
        claims.count = keys.len();
        Ok(claims)
    }
}

struct Time(OffsetDateTime);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        parse_time(&text).map(Self).ok_or_else(|| de::Error::custom("a time that is not in RFC 3339"))
    }
}

/// Decimal digits as a text, like every registered claim.
struct Generation(u64);

impl<'de> Deserialize<'de> for Generation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        let generation = text.parse().ok().filter(|number: &u64| number.to_string() == text);
        generation.map(Self).ok_or_else(|| de::Error::custom("a generation that is no number"))
    }
}

struct Scope<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Scope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        if is_scope_claim(&text) {
            Ok(Self(text))
        } else {
            Err(de::Error::custom("a scope that is no list of scope-tokens"))
        }
    }
}
