//! Payloads and footers as bytes, in one of two formats.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use ciborium::Value as Cbor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value as Json;

use super::claim_index::ClaimIndex;
use super::serde_message::without_values;
use super::structure::WellFormed;
use super::{RESERVED, RegisteredClaims};
use crate::error::{IssueError, quote};

/// How payload and footer are written. It is a setting of both sides and never guessed from a token.
///
/// ```
/// use paseto_actix::{Issuer, SecretKey, Verifier};
/// use paseto_actix::error::VerifyErrorKind;
/// use paseto_actix::token::Format;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SecretKey::generate();
/// let trusting = || Verifier::builder().trust("https://issuer.example", key.public_key());
/// let issuer = Issuer::builder("https://issuer.example").key(key.clone()).format(Format::Cbor).build()?;
///
/// let token = issuer.issue(&serde_json::json!({ "plan": "pro" }))?;
/// assert!(trusting().format(Format::Cbor).build()?.verify_str(&token).is_ok());
/// assert_eq!(trusting().build()?.verify_str(&token).unwrap_err().kind(), VerifyErrorKind::Malformed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// JSON, as the PASETO specification has it.
    #[default]
    Json,
    /// CBOR ([RFC 8949](https://www.rfc-editor.org/rfc/rfc8949)), raw, as PySETO writes it with `serializer=cbor2`.
    Cbor,
}

/// Deeper than the deepest payload that [`strict`](super::strict) accepts, so that the error comes
/// from there.
const CBOR_RECURSION: usize = 64;

/// Reads the registered claims, and checks the rest by the strict rules. The error is for the log.
pub(crate) fn scan(format: Format, payload: &[u8]) -> Result<RegisteredClaims, String> {
    let claims = match format {
        Format::Json => from_json(payload),
        Format::Cbor => from_cbor(payload),
    };
    claims.map_err(|problem| match (format, payload.first()) {
        (Format::Json, Some(first)) if first >> 5 == CBOR_MAP => {
            "expected JSON, found CBOR: set `.format(..)`".to_owned()
        }
        (Format::Cbor, Some(b'{')) => "expected CBOR, found JSON: set `.format(..)`".to_owned(),
        _ => problem,
    })
}

/// The major type of a map: RFC 8949, section 3.1.
pub(super) const CBOR_MAP: u8 = 5;

/// Reads JSON. One look at the whole text for UTF-8 is faster than serde_json's own look at each string.
pub(super) fn from_json<'p, T: Deserialize<'p>>(bytes: &'p [u8]) -> Result<T, String> {
    let text = str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
    serde_json::from_str(text).map_err(json_message)
}

/// A payload that [`scan`] has accepted.
pub(super) enum Payload {
    Json(JsonPayload),
    Cbor(Box<[u8]>),
}

pub(super) struct JsonPayload {
    text: Box<str>,
    /// The first read does without an index: most tokens come once, and the index takes two reads.
    was_read: AtomicBool,
    index: OnceLock<Option<ClaimIndex>>,
}

impl Payload {
    /// Copies the payload, because a buffer that shrinks leaves a hole in memory.
    ///
    /// JSON that is not UTF-8 becomes an empty text, which fits no type. But `scan` accepts no such
    /// payload.
    pub(super) fn new(format: Format, bytes: &[u8]) -> Self {
        match format {
            Format::Json => Self::Json(JsonPayload {
                text: str::from_utf8(bytes).unwrap_or_default().into(),
                was_read: AtomicBool::new(false),
                index: OnceLock::new(),
            }),
            Format::Cbor => Self::Cbor(bytes.into()),
        }
    }

    /// How many bytes a payload with this many claims takes.
    pub(super) fn size_in_memory(&self, claims: usize) -> usize {
        match self {
            Self::Json(json) => json.text.len() + ClaimIndex::size_in_memory(claims),
            Self::Cbor(bytes) => bytes.len(),
        }
    }

    /// Reads it. The error names the claim that does not fit the type, without its value.
    ///
    /// The reader that tracks the path is slower, so it runs only after a failure.
    pub(super) fn read<C: DeserializeOwned>(&self) -> Result<C, String> {
        match self {
            Self::Json(json) => json.read(),
            Self::Cbor(bytes) => {
                from_cbor(bytes).map_err(|_| mismatch(from_cbor::<Traced<C>>(bytes)))
            }
        }
    }
}

impl JsonPayload {
    fn read<C: DeserializeOwned>(&self) -> Result<C, String> {
        let text = &*self.text;
        let was_read =
            self.was_read.load(Ordering::Relaxed) || self.was_read.swap(true, Ordering::Relaxed);
        if was_read
            && let Some(index) = self.index.get_or_init(|| ClaimIndex::new(text))
            && let Some(claims) = index.read(text)
        {
            return Ok(claims);
        }
        serde_json::from_str(text).map_err(|_| mismatch(from_json::<Traced<C>>(text.as_bytes())))
    }
}

fn mismatch<C>(outcome: Result<Traced<C>, String>) -> String {
    outcome.err().unwrap_or_default()
}

/// Reads a `C` again, to name the claim that does not fit.
struct Traced<C>(PhantomData<C>);

impl<'de, C: Deserialize<'de>> Deserialize<'de> for Traced<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut track = serde_path_to_error::Track::new();
        let outcome =
            C::deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track));
        outcome.map(|_| Self(PhantomData)).map_err(|error| {
            let path = track.path().to_string();
            let problem = without_values(&error.to_string())
                .unwrap_or_else(|| "the value does not fit".to_owned());
            de::Error::custom(match path.as_str() {
                "." => problem,
                path => format!("{}: {problem}", quote(path)),
            })
        })
    }
}

/// The message without values of the payload, and without the position: a payload is one line that
/// no one sees.
fn json_message(error: serde_json::Error) -> String {
    let message = error.to_string();
    let without_position = || {
        message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned()
    };
    without_values(&message).unwrap_or_else(without_position)
}

pub(super) fn from_cbor<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T, String> {
    let value = ciborium::de::from_reader_with_recursion_limit(&mut bytes, CBOR_RECURSION)
        .map_err(cbor_message)?;
    if bytes.is_empty() { Ok(value) } else { Err("trailing bytes".to_owned()) }
}

fn cbor_message<E: std::fmt::Display + std::fmt::Debug>(error: ciborium::de::Error<E>) -> String {
    match error {
        ciborium::de::Error::Semantic(_, message) => without_values(&message).unwrap_or(message),
        ciborium::de::Error::Syntax(offset) => format!("not CBOR at byte {offset}"),
        ciborium::de::Error::RecursionLimitExceeded => format!("more than {CBOR_RECURSION} levels"),
        ciborium::de::Error::Io(_) => "the CBOR ends too early".to_owned(),
    }
}

/// Writes a payload: the registered claims in their order, then the user's, sorted.
pub(crate) fn encode_payload<C: Serialize + ?Sized>(
    format: Format,
    registered: &[(&'static str, String)],
    claims: &C,
) -> Result<Vec<u8>, IssueError> {
    let reserved = |name: &str| {
        RESERVED
            .into_iter()
            .find(|(reserved, _)| *reserved == name)
            .map(|(name, instead)| IssueError::ReservedClaim { name, instead })
    };
    encode_map(format, registered, claims, reserved)
}

/// Writes a footer: the `kid`, if there is to be one, then the user's keys, sorted.
pub(crate) fn encode_footer<F: Serialize + ?Sized>(
    format: Format,
    kid: Option<&str>,
    footer: &F,
) -> Result<Vec<u8>, IssueError> {
    let kid: Vec<_> = kid.map(|kid| ("kid", kid.to_owned())).into_iter().collect();
    let reserved = |name: &str| {
        (name == "kid").then(|| IssueError::Footer("`kid` is the signing key's id".to_owned()))
    };
    let bytes = encode_map(format, &kid, footer, reserved)?;
    let empty: &[u8] = match format {
        Format::Json => b"{}",
        Format::Cbor => &[0xa0],
    };
    // An empty map has no information, so the token gets no footer.
    Ok(if bytes == empty { Vec::new() } else { bytes })
}

fn encode_map<C: Serialize + ?Sized>(
    format: Format,
    first: &[(&'static str, String)],
    claims: &C,
    reserved: impl Fn(&str) -> Option<IssueError>,
) -> Result<Vec<u8>, IssueError> {
    match format {
        Format::Json => {
            let Json::Object(mut rest) = serde_json::to_value(claims).map_err(serialize)? else {
                return Err(IssueError::NotAMap);
            };
            if let Some(error) = rest.keys().find_map(|name| reserved(name)) {
                return Err(error);
            }
            // A map of `serde_json` keeps the last of two claims of one name, as a flattened field may make them.
            let text = serde_json::to_vec(claims).map_err(serialize)?;
            from_json::<WellFormed>(&text).map_err(IssueError::Unverifiable)?;
            // Sorted by default, but a feature that any crate of the build may have turned on keeps another order.
            rest.sort_keys();
            rest.values_mut().for_each(Json::sort_all_objects);
            let mut bytes = Vec::with_capacity(512);
            bytes.push(b'{');
            for (name, value) in first {
                json_entry(&mut bytes, name, value)?;
            }
            for (name, value) in &rest {
                json_entry(&mut bytes, name, value)?;
            }
            bytes.push(b'}');
            Ok(bytes)
        }
        Format::Cbor => {
            let Cbor::Map(rest) = Cbor::serialized(claims).map_err(serialize)? else {
                return Err(IssueError::NotAMap);
            };
            let mut sorted = BTreeMap::new();
            for (name, value) in rest {
                let Cbor::Text(name) = name else { return Err(IssueError::NotAMap) };
                if let Some(error) = reserved(&name) {
                    return Err(error);
                }
                if sorted.insert(name, sort_cbor(value)).is_some() {
                    return Err(IssueError::Unverifiable("a claim occurs twice".to_owned()));
                }
            }
            let first =
                first.iter().map(|(name, value)| (Cbor::from(*name), Cbor::from(value.as_str())));
            let rest = sorted.into_iter().map(|(name, value)| (Cbor::from(name), value));
            let mut bytes = Vec::new();
            ciborium::into_writer(&Cbor::Map(first.chain(rest).collect()), &mut bytes)
                .map_err(serialize)?;
            Ok(bytes)
        }
    }
}

fn json_entry<V: Serialize>(bytes: &mut Vec<u8>, name: &str, value: &V) -> Result<(), IssueError> {
    if bytes.len() > 1 {
        bytes.push(b',');
    }
    serde_json::to_writer(&mut *bytes, name).map_err(serialize)?;
    bytes.push(b':');
    serde_json::to_writer(&mut *bytes, value).map_err(serialize)
}

fn sort_cbor(value: Cbor) -> Cbor {
    match value {
        Cbor::Map(mut map) => {
            map.sort_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
            Cbor::Map(map.into_iter().map(|(key, value)| (key, sort_cbor(value))).collect())
        }
        Cbor::Array(items) => Cbor::Array(items.into_iter().map(sort_cbor).collect()),
        Cbor::Tag(tag, inner) => Cbor::Tag(tag, Box::new(sort_cbor(*inner))),
        scalar => scalar,
    }
}

fn serialize(error: impl std::error::Error + Send + Sync + 'static) -> IssueError {
    IssueError::Serialize(Box::new(error))
}
