//! The setting `remote_keys`.

#[cfg(feature = "remote-keys")]
use std::fmt;

use crate::config::{SettingError, Table, Value, nonempty_text};

/// An element of [`VerifierConfig::remote_keys`](super::VerifierConfig::remote_keys): a remote
/// issuer and the URL of its keys.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: paseto_actix::verifier::VerifierConfig = toml::from_str(
///     r#"
///     [[remote_keys]]
///     iss = "https://issuer.example"
///     url = "https://issuer.example/.well-known/paserk.json"
///     "#,
/// )?;
/// assert_eq!(config.remote_keys[0].iss, "https://issuer.example");
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "remote-keys")]
#[derive(Clone)]
#[non_exhaustive]
pub struct RemoteKeys {
    /// The name of the issuer.
    pub iss: String,
    /// The URL of the [key set](crate::key_set) of the issuer.
    pub url: String,
}

#[cfg(feature = "remote-keys")]
impl RemoteKeys {
    /// Reads the keys of this issuer from this URL.
    #[must_use]
    pub fn new(iss: impl Into<String>, url: impl Into<String>) -> Self {
        Self { iss: iss.into(), url: url.into() }
    }
}

/// Omits the URL, which may contain a password until the builder has rejected it.
#[cfg(feature = "remote-keys")]
impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys").field("iss", &self.iss).finish_non_exhaustive()
    }
}

/// An issuer, unless it is beside `remote_keys`, and a URL.
type Source = (Option<String>, String);

/// Reads a URL, a table with `iss` and `url`, or a list of both.
pub(super) fn sources(value: Value) -> Result<Vec<Source>, SettingError> {
    if cfg!(not(feature = "remote-keys")) {
        let problem = "turn on the feature `remote-keys` of the crate paseto-actix";
        return Err(SettingError::new(problem));
    }
    let Value::List(values) = value else { return Ok(vec![source(value)?]) };
    if values.is_empty() {
        return Err(SettingError::new("expected at least one URL, found an empty list"));
    }
    let values = values.into_iter().enumerate();
    values.map(|(index, value)| source(value).map_err(|error| error.in_element(index))).collect()
}

fn source(value: Value) -> Result<Source, SettingError> {
    match value {
        Value::Table(_) => {
            let mut table = Table::new(value, &[&["iss"], &["url"]])?;
            let iss = table.optional("iss", nonempty_text)?;
            Ok((iss, table.required("url", nonempty_text)?))
        }
        Value::Text(_) | Value::Variable(_) => Ok((None, nonempty_text(value)?)),
        other => Err(SettingError::expected("a URL, or a table with `iss` and `url`", &other)),
    }
}
