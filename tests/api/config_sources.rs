//! Reads the same settings from JSON, from TOML, with the crate `config`, and from environment
//! variables.

use std::collections::HashMap;
use std::fmt::Debug;

use config::{Config, Environment, File, FileFormat};
use paseto_actix::issuer::IssuerConfig;
use paseto_actix::refresh::RefreshTokensConfig;
use paseto_actix::remember::RememberMeConfig;
use paseto_actix::session::PasetoSessionConfig;
use paseto_actix::verifier::VerifierConfig;
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::assert_accepted;
use paseto_actix_tests::keys::{LOCAL_PASERK, PUBLIC_PASERK, SECRET_PASERK};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::with;
use crate::config_env::from_env;

pub(crate) type Read = Result<String, String>;

/// Returns the settings from each source as `Debug` shows them, or the error.
fn from_files<T: DeserializeOwned + Debug>(settings: &Value) -> [(&'static str, Read); 3] {
    fn show<T: Debug, E: Debug>(result: Result<T, E>, text: fn(&E) -> String) -> Read {
        result.map(|settings| format!("{settings:?}")).map_err(|error| text(&error))
    }
    let toml = toml_of(settings);
    let config =
        Config::builder().add_source(File::from_str(&toml, FileFormat::Toml)).build().unwrap();
    [
        ("JSON", show(serde_json::from_str::<T>(&settings.to_string()), ToString::to_string)),
        ("TOML", show(toml::from_str::<T>(&toml), |error| error.message().to_owned())),
        ("config", show(config.try_deserialize::<T>(), ToString::to_string)),
    ]
}

fn from_environment_source<T: DeserializeOwned + Debug>(settings: &Value) -> Read {
    let variables: HashMap<_, _> = variables_of(settings, "__")
        .into_iter()
        .map(|(name, value)| (format!("T_{name}"), value))
        .collect();
    let source =
        Environment::with_prefix("T").prefix_separator("_").separator("__").source(Some(variables));
    let config = Config::builder().add_source(source).build().unwrap();
    config
        .try_deserialize::<T>()
        .map(|settings| format!("{settings:?}"))
        .map_err(|error| error.to_string())
}

pub(crate) fn files(kind: &str, settings: &Value) -> [(&'static str, Read); 3] {
    match kind {
        "issuer" => from_files::<IssuerConfig>(settings),
        "verifier" => from_files::<VerifierConfig>(settings),
        "session" => from_files::<PasetoSessionConfig>(settings),
        "remember" => from_files::<RememberMeConfig>(settings),
        _ => from_files::<RefreshTokensConfig>(settings),
    }
}

fn environment_source(kind: &str, settings: &Value) -> Read {
    match kind {
        "issuer" => from_environment_source::<IssuerConfig>(settings),
        "verifier" => from_environment_source::<VerifierConfig>(settings),
        "session" => from_environment_source::<PasetoSessionConfig>(settings),
        "remember" => from_environment_source::<RememberMeConfig>(settings),
        _ => from_environment_source::<RefreshTokensConfig>(settings),
    }
}

/// Converts the settings to TOML with inline tables. JSON strings are valid TOML strings.
fn toml_of(settings: &Value) -> String {
    fn inline(value: &Value) -> String {
        match value {
            Value::Object(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(name, value)| format!("{} = {}", json!(name), inline(value)))
                    .collect();
                format!("{{ {} }}", fields.join(", "))
            }
            Value::Array(values) => {
                format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }
    let fields = settings.as_object().unwrap().iter();
    fields.map(|(name, value)| format!("{} = {}\n", json!(name), inline(value))).collect()
}

pub(crate) fn variables_of(settings: &Value, separator: &str) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for (name, value) in settings.as_object().unwrap() {
        let name = name.to_uppercase();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match value {
            Value::Object(_) => {
                let nested = variables_of(value, separator).into_iter();
                variables.extend(
                    nested.map(|(field, value)| (format!("{name}{separator}{field}"), value)),
                );
            }
            Value::Array(values) => {
                variables.push((name, values.iter().map(text).collect::<Vec<_>>().join(",")))
            }
            other => variables.push((name, text(other))),
        }
    }
    variables
}

pub(crate) fn required(kind: &str) -> Value {
    match kind {
        "issuer" => json!({ "iss": ISSUER, "private_keys": [SECRET_PASERK] }),
        "verifier" => json!({ "iss": ISSUER, "public_keys": [PUBLIC_PASERK] }),
        _ => json!({ "keys": [LOCAL_PASERK] }),
    }
}

#[test]
fn all_sources_give_the_same_settings() {
    let issuer = json!({ "ttl": "15m", "max_ttl": 7200, "audience": "https://api", "format": "cbor",
        "include_iss": true, "use_iat": false, "include_nbf": false, "include_jti": false, "include_kid": false,
        "implicit_assertion": "here" });
    let verifier = json!({ "leeway": "90s", "audience": ["ada"], "format": "cbor", "realm": "shop",
        "implicit_assertion": "here", "trusted_origins": ["https://a"], "accept_any_audience": false });
    let cookie = json!({ "name": "id", "path": "/shop", "domain": "example.org", "same_site": "NONE",
        "http_only": false, "partitioned": true });
    let session = json!({ "application": "shop", "cookie": cookie, "development_over_plain_http": true,
        "trusted_origins": ["https://a"], "idle_timeout": "1h", "absolute_timeout": "7d", "persistent": true,
        "decrypted_cache_capacity": 16, "subject_key": "user" });
    let remember = json!({ "application": "shop", "cookie": cookie, "development_over_plain_http": true,
        "trusted_origins": ["https://a"], "lifetime": "90d", "check_user": 30, "session_protection": "strong",
        "other_session_middleware": true, "login_page": "/login" });
    let refresh = json!({ "application": "shop", "access_ttl": "10m", "lifetime": 86400, "grace_period": "0s" });
    for (kind, changes) in [
        ("issuer", issuer),
        ("verifier", verifier),
        ("session", session),
        ("remember", remember),
        ("refresh", refresh),
    ] {
        let settings = with(required(kind), changes);
        let [(_, expected), others @ ..] = files(kind, &settings);
        let expected = expected.unwrap();
        assert_ne!(expected, files(kind, &required(kind))[0].1.clone().unwrap());
        for (source, settings) in others {
            assert_eq!(settings.unwrap(), expected, "{source}");
        }
        assert_eq!(from_env(kind, variables_of(&settings, "_")).unwrap(), expected, "{kind}");
        assert_eq!(environment_source(kind, &settings).unwrap(), expected, "{kind}");
    }
}

#[actix_web::test]
async fn example_settings_file_is_valid() {
    #[derive(Deserialize)]
    struct Example {
        issuer: IssuerConfig,
        verifier: VerifierConfig,
    }

    let text = include_str!("../../examples/paseto.toml");
    let example: Example = toml::from_str(text).unwrap();
    let token = example.issuer.build().unwrap().issue(&json!({})).unwrap();
    assert_accepted(&example.verifier.build().unwrap(), &token).await;
}
