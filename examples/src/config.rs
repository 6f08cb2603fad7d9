//! The file of settings that examples read.

use std::{env, error::Error, fs};

use paseto_actix::{IssuerConfig, VerifierConfig};
use serde::Deserialize;

/// `{"issuer": {…}, "verifier": {…}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who issues tokens.
    pub issuer: IssuerConfig,
    /// Whose tokens are accepted.
    pub verifier: VerifierConfig,
}

impl Config {
    /// Reads the text of the file that `PASETO_CONFIG` names; where it is not set, a demo's, and a line that says so.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn text() -> Result<String, Box<dyn Error>> {
        let Ok(path) = env::var("PASETO_CONFIG") else {
            println!("PASETO_CONFIG is not set: using a demo key that everybody knows");
            return Ok(DEMO.to_owned());
        };
        Ok(fs::read_to_string(&path).map_err(|error| format!("PASETO_CONFIG: cannot read `{path}`: {error}"))?)
    }

    /// The settings in a text.
    ///
    /// # Errors
    ///
    /// What is wrong, and where in the text.
    pub fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let path = env::var("PASETO_CONFIG").unwrap_or_default();
        Ok(serde_json::from_str(text).map_err(|error| format!("PASETO_CONFIG: in `{path}`: {error}"))?)
    }

    /// Both at once.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text) and [`parse`](Self::parse).
    pub fn load() -> Result<Self, Box<dyn Error>> {
        Self::parse(&Self::text()?)
    }
}

const DEMO: &str = r#"{
    "issuer": {
        "iss": "https://issuer.example",
        "private_keys": [
            { "paserk": "k4.secret.tMv7Q99M4hByfZU-SnEzB_oZu32fhQQUONnhG5QqN3Qeudu7vAR8A_1wYE4AcfCYfhayi3VyJcEfAEFdDiCxog" }
        ]
    },
    "verifier": {
        "public_keys": [
            { "iss": "https://issuer.example", "paserk": "k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI" }
        ]
    }
}"#;
