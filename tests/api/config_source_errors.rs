//! The same mistakes in JSON, in TOML, with the crate `config`, and in environment variables.

use paseto_actix_tests::keys::{LOCAL_PASERK, PUBLIC_PASERK, SECRET_PASERK};
use serde_json::{Value, json};

use crate::config::with;
use crate::config_env::from_env;
use crate::config_sources::{Read, files, required, variables_of};

/// Parts of the keys. Errors must not contain them.
const SECRET_PARTS: [&str; 2] = ["tMv7Q99M4hByfZU", "cHFyc3R1dnd4eXp7"];

/// Returns each mistake as the type, the changes, the path of the field, and the error text after
/// the path.
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
        (
            "issuer",
            json!({ "iss": "'https://a'" }),
            "iss",
            "the value is in quotes: remove the quotes",
        ),
        (
            "issuer",
            json!({ "iss": "https://a " }),
            "iss",
            "expected a string without surrounding whitespace",
        ),
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
        ("refresh", json!({ "keys": " " }), "keys", "malformed key: the string is empty"),
    ]
}

#[track_caller]
fn assert_error(source: &str, result: Read, expected: &str) {
    let error = result.unwrap_err();
    assert!(error.contains(expected), "{source}: expected {expected:?} in {error:?}");
    for secret in SECRET_PARTS {
        assert!(!error.contains(secret), "{source}: {error}");
    }
}

#[test]
fn all_sources_return_the_same_error() {
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
            assert!(
                !result.clone().unwrap_err().contains("17"),
                "{source}: the error contains the value"
            );
            assert_error(source, result, text);
        }
    }
}
