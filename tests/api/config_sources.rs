//! The same settings, and the same mistakes, in JSON, in TOML, through the crate `config`, and in
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

use crate::config_env::from_env;

/// Parts of the keys that no error shows.
const SECRET_PARTS: [&str; 2] = ["tMv7Q99M4hByfZU", "cHFyc3R1dnd4eXp7"];

type Read = Result<String, String>;

/// The settings from each source as `Debug` shows them, or the error.
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

fn files(kind: &str, settings: &Value) -> [(&'static str, Read); 3] {
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

/// A JSON text is the same in TOML. Tables are inline.
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

fn variables_of(settings: &Value, separator: &str) -> Vec<(String, String)> {
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

fn with(mut settings: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("changes are a table") };
    settings.as_object_mut().unwrap().extend(changes);
    settings
}

fn required(kind: &str) -> Value {
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

/// Each mistake: the type, the changes, the field, and the text behind the path.
fn mistakes() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let duration = "expected seconds as a whole number, or a string of a whole number and the unit s, m, h or d";
    let boolean = "expected `true` or `false`, found a string";
    let format = "expected `json` or `cbor`, found a string";
    let same_site = "expected `Strict`, `Lax` or `None`, found a string";
    let size = "expected a whole number of at least 0, found a string";
    vec![
        ("issuer", json!({ "ttl": "soon" }), "ttl", duration),
        ("issuer", json!({ "exp": "15 m" }), "exp", duration),
        ("issuer", json!({ "max_ttl": "-1s" }), "max_ttl", duration),
        ("issuer", json!({ "ttl": SECRET_PASERK }), "ttl", duration),
        ("issuer", json!({ "include_kid": "yes" }), "include_kid", boolean),
        ("issuer", json!({ "use_iss": SECRET_PASERK }), "use_iss", boolean),
        ("issuer", json!({ "format": "yaml" }), "format", format),
        ("issuer", json!({ "serializer": SECRET_PASERK }), "serializer", format),
        ("issuer", json!({ "private_keys": "rosebud" }), "private_keys", "malformed key: "),
        (
            "issuer",
            json!({ "private_keys": &SECRET_PASERK[..90] }),
            "private_keys",
            "malformed key: ",
        ),
        (
            "issuer",
            json!({ "private_keys": PUBLIC_PASERK }),
            "private_keys",
            "wrong type of key: expected `k4.secret`",
        ),
        (
            "issuer",
            json!({ "private_keys": [SECRET_PASERK, "rosebud"] }),
            "private_keys[1]",
            "malformed key: ",
        ),
        (
            "verifier",
            json!({ "public_keys": SECRET_PASERK }),
            "public_keys",
            "wrong type of key: expected `k4.public`",
        ),
        ("verifier", json!({ "skew": "1.5s" }), "skew", duration),
        ("issuer", json!({ "iss": "'https://a'" }), "iss", "the value is in quotes: remove them"),
        ("issuer", json!({ "iss": "https://a " }), "iss", "expected a string without blanks"),
        ("verifier", json!({ "any_aud": "1" }), "any_aud", boolean),
        (
            "session",
            json!({ "keys": SECRET_PASERK }),
            "keys",
            "wrong type of key: expected `k4.local`",
        ),
        ("session", json!({ "keys": [LOCAL_PASERK, LOCAL_PASERK] }), "keys", "the key k4.lid."),
        ("session", json!({ "cookie": { "same_site": "Lux" } }), "cookie.same_site", same_site),
        (
            "session",
            json!({ "cookie": { "samesite": LOCAL_PASERK } }),
            "cookie.samesite",
            same_site,
        ),
        ("session", json!({ "cookie": { "http_only": "no" } }), "cookie.http_only", boolean),
        (
            "session",
            json!({ "decrypted_cache_capacity": "many" }),
            "decrypted_cache_capacity",
            size,
        ),
        ("session", json!({ "idle_timeout": LOCAL_PASERK }), "idle_timeout", duration),
        (
            "remember",
            json!({ "session_protection": "weak" }),
            "session_protection",
            "expected `off`, `basic` or `strong`, found a string",
        ),
        ("remember", json!({ "check_user": "1w" }), "check_user", duration),
        ("refresh", json!({ "grace_period": "10 sec" }), "grace_period", duration),
        ("refresh", json!({ "keys": " " }), "keys", "malformed key: the text is empty"),
    ]
}

#[track_caller]
fn assert_error(source: &str, result: Read, expected: &str) {
    let error = result.unwrap_err();
    assert!(error.contains(expected), "{source}: {error:?} has no {expected:?}");
    for secret in SECRET_PARTS {
        assert!(!error.contains(secret), "{source}: {error}");
    }
}

#[test]
fn all_sources_report_a_mistake_in_the_same_words() {
    for (kind, changes, path, text) in mistakes() {
        let settings = with(required(kind), changes);
        for (source, result) in files(kind, &settings) {
            assert_error(source, result, &format!("`{path}`: {text}"));
        }
        let variable = path.replace('.', "_").to_uppercase();
        let result = from_env(kind, variables_of(&settings, "_"));
        assert_error("from_env", result, &format!("`T_{variable}`: {text}"));
    }
}

#[test]
fn all_sources_report_unknown_missing_and_duplicate_fields() {
    for (kind, settings, in_file, in_variables) in [
        (
            "issuer",
            json!({ "private_keys": [SECRET_PASERK] }),
            "missing field `iss`",
            "`T_ISS`: the variable is not set",
        ),
        (
            "issuer",
            json!({ "iss": "a" }),
            "missing field `private_keys`",
            "`T_PRIVATE_KEYS`: the variable is not set",
        ),
        ("session", json!({}), "missing field `keys`", "`T_KEYS`: the variable is not set"),
        (
            "issuer",
            with(required("issuer"), json!({ "secret_key": LOCAL_PASERK })),
            "unknown field `secret_key`, expected one of `iss`, `private_keys`",
            "`T_SECRET_KEY`: the variable is not a setting",
        ),
        (
            "session",
            with(required("session"), json!({ "cookie": { "secure": false } })),
            "`cookie`: unknown field `secure`, expected one of `name`, `path`",
            "`T_COOKIE_SECURE`: the variable is not a setting",
        ),
        (
            "issuer",
            with(required("issuer"), json!({ "ttl": 1, "exp": 1 })),
            "duplicate field `ttl`",
            "duplicate field `ttl`",
        ),
        (
            "verifier",
            with(required("verifier"), json!({ "audience": "a", "aud": "a" })),
            "duplicate field `audience`",
            "duplicate field `audience`",
        ),
        (
            "session",
            with(
                required("session"),
                json!({ "cookie": { "same_site": "Lax", "samesite": "Lax" } }),
            ),
            "duplicate field `same_site`",
            "duplicate field `same_site`",
        ),
    ] {
        for (source, result) in files(kind, &settings) {
            assert_error(source, result, in_file);
        }
        assert_error("from_env", from_env(kind, variables_of(&settings, "_")), in_variables);
    }
}

#[test]
fn files_report_mistakes_that_variables_cannot_have() {
    let keys = |key: Value| with(required("issuer"), json!({ "private_keys": [key] }));
    for (settings, text) in [
        (
            with(required("issuer"), json!({ "iss": 17 })),
            "`iss`: expected a string, found a number",
        ),
        (with(required("issuer"), json!({ "ttl": true })), "found a boolean"),
        (with(required("issuer"), json!({ "ttl": 1.5 })), "found a number with a fraction"),
        (with(required("issuer"), json!({ "ttl": -17 })), "found a negative number"),
        (
            keys(json!({ "env": "NO_SUCH_VARIABLE" })),
            "the environment variable `NO_SUCH_VARIABLE` is not set",
        ),
        (keys(json!({ "env": SECRET_PASERK })), "the environment variable `…` is not set"),
        (
            keys(json!({ "file": "/run/secrets/no-such-key" })),
            "cannot read the file `/run/secrets/no-such-key`: ",
        ),
        (keys(json!({ "file": SECRET_PASERK })), "cannot read the file `…`: "),
        (keys(json!({ SECRET_PASERK: "paserk" })), "`private_keys[0]`: unknown field `…`"),
        (keys(json!({ "version": SECRET_PASERK })), "`private_keys[0].version`: expected 4"),
        (keys(json!([[[[[[[[SECRET_PASERK]]]]]]]])), "nested too deep"),
    ] {
        for (source, result) in files("issuer", &settings) {
            assert!(!result.clone().unwrap_err().contains("17"), "{source}: no value");
            assert_error(source, result, text);
        }
    }
}

#[actix_web::test]
async fn the_file_of_the_examples_is_valid() {
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
