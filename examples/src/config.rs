//! The file of settings that the examples read.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use paseto_actix::issuer::IssuerConfig;
use paseto_actix::verifier::VerifierConfig;
use serde::Deserialize;

/// The tables `issuer` and `verifier` of a file such as `paseto.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The issuer of tokens.
    pub issuer: IssuerConfig,
    /// The verifier of tokens.
    pub verifier: VerifierConfig,
}

impl Config {
    /// Reads the file that the variable `PASETO_CONFIG` names: JSON if it has the extension `json`,
    /// otherwise TOML. If the variable is not set, prints a line, and returns the settings of a
    /// demo.
    ///
    /// # Errors
    ///
    /// The cause and the line, without the text of the line, which may have a key in it.
    pub fn load() -> Result<Self, Box<dyn Error>> {
        let Some(path) = env::var_os("PASETO_CONFIG") else {
            println!("PASETO_CONFIG is not set: using a demo key that is public");
            return Ok(parse_toml(DEMO)?);
        };
        let path = Path::new(&path);
        let in_file = |error: String| format!("PASETO_CONFIG: in `{}`: {error}", path.display());
        let text = fs::read_to_string(path)
            .map_err(|error| format!("PASETO_CONFIG: cannot read `{}`: {error}", path.display()))?;
        let config = if path.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(&text).map_err(|error| error.to_string())
        } else {
            parse_toml(&text)
        };
        Ok(config.map_err(without_keys).map_err(in_file)?)
    }
}

/// The error of `toml` shows the line itself too.
fn parse_toml(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        match error.span().and_then(|span| text.get(..span.start)) {
            Some(before) => {
                format!("{} at line {}", error.message(), before.matches('\n').count() + 1)
            }
            None => error.message().to_owned(),
        }
    })
}

/// The errors of `serde` show names and values at the top of the file.
fn without_keys(error: String) -> String {
    if error.contains("k4.") || error.contains("-----") {
        "a key is in a wrong place".to_owned()
    } else {
        error
    }
}

/// The file `paseto.toml`, whose key is public.
const DEMO: &str = include_str!("../paseto.toml");
