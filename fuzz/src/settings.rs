//! Settings in TOML. All types of settings read the same value from TOML and from JSON. Errors
//! contain no key and no secret. The first byte selects the type.

use std::fmt::{Debug, Display};

use paseto_actix::issuer::IssuerConfig;
use paseto_actix::remember::RememberMeConfig;
use paseto_actix::session::PasetoSessionConfig;
use paseto_actix::verifier::VerifierConfig;
use serde::de::DeserializeOwned;
use toml::Value;

use crate::fixtures::assert_no_secret;

/// Reads settings of one type.
pub fn target(data: &[u8]) {
    let Some((selector, data)) = data.split_first() else { return };
    let Ok(text) = str::from_utf8(data) else { return };
    if text.len() > 4000 {
        return;
    }
    // Settings with `file` and `env` read files and variables of the machine.
    let Ok(value) = toml::from_str::<Value>(text) else { return };
    if !is_portable(&value) {
        return;
    }
    match selector % 4 {
        0 => check(text, &value, |config: VerifierConfig| result(config.build())),
        1 => check(text, &value, |config: IssuerConfig| result(config.build())),
        2 => check(text, &value, |config: PasetoSessionConfig| result(config.build())),
        _ => check(text, &value, |config: RememberMeConfig| {
            _ = config.into_builder();
            Ok(())
        }),
    }
}

fn result<T>(outcome: Result<T, paseto_actix::ConfigError>) -> Result<(), String> {
    outcome.map(|_| ()).map_err(|error| shown(&error))
}

fn shown(error: &(impl Debug + Display)) -> String {
    format!("{error} {error:?}")
}

fn check<T: DeserializeOwned + Clone + Debug>(
    text: &str,
    value: &Value,
    build: impl Fn(T) -> Result<(), String>,
) {
    let from_toml = toml::from_str::<T>(text);
    let json = serde_json::to_string(value).expect("JSON");
    let from_json = serde_json::from_str::<T>(&json);
    assert_eq!(from_toml.is_ok(), from_json.is_ok(), "{text}");
    match (from_toml, from_json) {
        (Ok(config), Ok(other)) => {
            assert_eq!(format!("{config:?}"), format!("{other:?}"));
            assert_no_secret(&format!("{config:?}"), &secrets(text));
            if let Err(error) = build(config) {
                assert_no_secret(&error, &secrets(text));
            }
        }
        (Err(error), Err(other)) => {
            // `Display` of an error of TOML quotes the line of the file. Only the message counts.
            assert_no_secret(error.message(), &secrets(text));
            assert_no_secret(&shown(&other), &secrets(text));
        }
        _ => {}
    }
}

/// Returns the parts of a text that are keys.
fn secrets(text: &str) -> String {
    let parts = ["k4.secret.", "k4.local."].iter().flat_map(|header| text.split(header).skip(1));
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let data = parts.map(|part| part.split(|c| !is_base64(c)).next().unwrap_or_default());
    data.collect::<Vec<_>>().join(" ")
}

fn is_portable(value: &Value) -> bool {
    match value {
        Value::Table(table) => table
            .iter()
            .all(|(name, value)| !matches!(name.as_str(), "file" | "env") && is_portable(value)),
        Value::Array(items) => items.iter().all(is_portable),
        // JSON has no such values.
        Value::Datetime(_) => false,
        Value::Float(number) => number.is_finite(),
        _ => true,
    }
}
