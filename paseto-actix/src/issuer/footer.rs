use serde_json::{Map, Value};

use crate::{
    Format, IssueError,
    token::{Footer, encode_footer},
};

/// What the user wants in a footer besides the key's id.
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
    /// The footer's bytes, which every [`Verifier`](crate::Verifier) of the same format can read.
    pub(super) fn encode(&self, format: Format, kid: Option<&str>) -> Result<Vec<u8>, IssueError> {
        let bytes = match self {
            Self::Map(map) => encode_footer(format, kid, map)?,
            Self::Opaque(bytes) => bytes.clone(),
        };
        Footer::parse(format, &bytes).map_err(IssueError::Footer)?;
        Ok(bytes)
    }
}
