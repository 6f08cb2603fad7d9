use serde_json::{Map, Value};

use crate::error::IssueError;
use crate::keys::SecretKey;
use crate::token::{Footer, Format, encode_footer};

/// The footer of the application, without the key ID.
#[derive(Clone, Debug)]
pub(super) enum FooterContent {
    Map(Value),
    Opaque(Vec<u8>),
}

impl Default for FooterContent {
    fn default() -> Self {
        Self::Map(Value::Object(Map::new()))
    }
}

impl FooterContent {
    /// Encodes the footer. Each [`Verifier`](crate::Verifier) with the same format can read it.
    pub(super) fn encode(
        &self,
        format: Format,
        key: &SecretKey,
        include_kid: bool,
    ) -> Result<Vec<u8>, IssueError> {
        let bytes =
            match self {
                Self::Map(map) => encode_footer(format, include_kid.then(|| key.kid()), map)
                    .map_err(|error| match error {
                        IssueError::NotAMap => IssueError::Footer(
                            "expected a struct or a map with string keys".to_owned(),
                        ),
                        other => other,
                    })?,
                Self::Opaque(bytes) => bytes.clone(),
            };
        match Footer::parse(format, &bytes).map_err(IssueError::Footer)?.kid {
            Some(other) if other != key.kid() => {
                Err(IssueError::Footer("`kid` is not the ID of the signing key".to_owned()))
            }
            _ => Ok(bytes),
        }
    }
}
