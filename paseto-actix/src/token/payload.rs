//! Encodes and decodes payloads and footers in JSON or CBOR.

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

/// The serialization format of payloads and footers. Default: JSON.
///
/// Set the same format on the [`Issuer`](crate::Issuer) and on the [`Verifier`](crate::Verifier).
/// A token does not contain its format, and the `Verifier` does not detect it.
///
/// ```
/// use paseto_actix::error::VerifyErrorKind;
/// use paseto_actix::token::Format;
/// use paseto_actix::{Issuer, SecretKey, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SecretKey::generate();
/// let trusting = || Verifier::builder().trust("https://issuer.example", key.public_key());
/// let issuer =
///     Issuer::builder("https://issuer.example").key(key.clone()).format(Format::Cbor).build()?;
///
/// let token = issuer.issue(&serde_json::json!({ "plan": "pro" }))?;
/// assert!(trusting().format(Format::Cbor).build()?.verify_str(&token).is_ok());
/// assert_eq!(
///     trusting().build()?.verify_str(&token).unwrap_err().kind(),
///     VerifyErrorKind::Malformed
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// JSON, the format of the PASETO specification.
    #[default]
    Json,
    /// CBOR ([RFC 8949](https://www.rfc-editor.org/rfc/rfc8949)), as raw bytes. PySETO writes
    /// the same format with `serializer=cbor2`.
    Cbor,
}

/// The recursion limit of the CBOR parser, in levels. It is higher than the limit of
/// [`structure`](super::structure), so that `structure` reports the error.
const CBOR_RECURSION: usize = 64;

/// Reads the registered claims, and checks the structure of the other claims.
///
/// # Errors
///
/// The cause, for the log, if the payload breaks a rule.
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

/// The major type of a map ([RFC 8949, section 3.1]).
///
/// [RFC 8949, section 3.1]: https://www.rfc-editor.org/rfc/rfc8949#section-3.1
pub(super) const CBOR_MAP: u8 = 5;

/// Deserializes JSON. Validating the whole input as UTF-8 once is faster than serde_json's
/// validation of each string.
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
    /// Whether the payload was read before. The first read does not build the index, because most
    /// tokens arrive once, and building the index takes as long as two reads.
    was_read: AtomicBool,
    index: OnceLock<Option<ClaimIndex>>,
}

impl Payload {
    /// Copies the payload, because shrinking the buffer of the caller would fragment the heap.
    ///
    /// `scan` has rejected JSON that is not UTF-8. Here it would become an empty string, which does
    /// not fit any type.
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

    /// Returns the size in bytes of this payload and its index, for this number of claims.
    pub(super) fn size_in_memory(&self, claims: usize) -> usize {
        match self {
            Self::Json(json) => json.text.len() + ClaimIndex::size_in_memory(claims),
            Self::Cbor(bytes) => bytes.len(),
        }
    }

    /// Deserializes the payload.
    ///
    /// # Errors
    ///
    /// The path of the claim, without its value, if it does not fit the type. Tracking the path is
    /// slower, so it runs only after a failure.
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

/// Deserializes a `C` again, and adds the path of the claim that does not fit to the error.
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

/// Returns the message without values of the payload. It also omits the position, because readers
/// of the log do not see the payload.
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

/// Encodes a payload: first the registered claims in the given order, then the sorted claims of the
/// application.
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

/// Encodes a footer: first the `kid`, if it is set, then the sorted keys of the application.
pub(crate) fn encode_footer<F: Serialize + ?Sized>(
    format: Format,
    kid: Option<&str>,
    footer: &F,
) -> Result<Vec<u8>, IssueError> {
    let kid: Vec<_> = kid.map(|kid| ("kid", kid.to_owned())).into_iter().collect();
    let reserved = |name: &str| {
        (name == "kid").then(|| IssueError::Footer("the Issuer writes `kid`: remove it".to_owned()))
    };
    let bytes = encode_map(format, &kid, footer, reserved)?;
    let empty: &[u8] = match format {
        Format::Json => b"{}",
        Format::Cbor => &[0xa0],
    };
    // An empty map contains no information, so the token has no footer.
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
            // A flattened field can serialize the same name twice. `serde_json::Value` keeps only
            // the last one, so this check reads the serialized text.
            let text = serde_json::to_vec(claims).map_err(serialize)?;
            from_json::<WellFormed>(&text).map_err(IssueError::Unverifiable)?;
            // Maps of `serde_json` are sorted, unless a crate of the build enables its feature
            // `preserve_order`.
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
