//! Settings from environment variables. Each case reads them in a process of its own.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt::Debug;
use std::process::Command;

use paseto_actix::issuer::IssuerConfig;
use paseto_actix::keys::KeySchedule;
use paseto_actix::refresh::RefreshTokensConfig;
use paseto_actix::remember::RememberMeConfig;
use paseto_actix::session::PasetoSessionConfig;
use paseto_actix::verifier::VerifierConfig;
use paseto_actix::{ConfigError, SecretKey};
use paseto_actix_tests::keys::{
    LOCAL_PASERK, PUBLIC_PASERK, PUBLIC_PEM, SECRET_PASERK, SECRET_PEM,
};
use paseto_actix_tests::{ISSUER, keys};

use crate::config_keys::TestFile;

/// The variable that selects the type of settings that the child process reads. Its name does not
/// have the prefix `T_`.
const TYPE: &str = "CONFIG_TYPE";
const READ: &str = "settings: ";
const REJECTED: &str = "error: ";

/// Reads the settings in the child process that [`from_env`] starts.
#[test]
#[ignore = "runs in a process of its own"]
fn child() {
    fn show<T: Debug>(result: Result<T, ConfigError>) {
        match result {
            Ok(settings) => println!("\n{READ}{settings:?}"),
            Err(error) => println!("\n{REJECTED}{error}"),
        }
    }
    match env::var(TYPE).unwrap_or_default().as_str() {
        "issuer" => show(IssuerConfig::from_env("T_")),
        "verifier" => show(VerifierConfig::from_env("T_")),
        "session" => show(PasetoSessionConfig::from_env("T_")),
        "remember" => show(RememberMeConfig::from_env("T_")),
        "refresh" => show(RefreshTokensConfig::from_env("T_")),
        "no prefix" => show(IssuerConfig::from_env("")),
        _ => {}
    }
}

/// Returns the settings that variables with the prefix `T_` give, as `Debug` shows them, or the
/// error.
pub(crate) fn from_env<V: Into<OsString>>(
    kind: &str,
    variables: impl IntoIterator<Item = (String, V)>,
) -> Result<String, String> {
    let variables: BTreeMap<_, OsString> =
        variables.into_iter().map(|(name, value)| (format!("T_{name}"), value.into())).collect();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "config_env::child", "--ignored", "--nocapture"])
        .env(TYPE, kind)
        .envs(variables)
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    for line in output.lines() {
        if let Some(settings) = line.strip_prefix(READ) {
            return Ok(settings.to_owned());
        }
        if let Some(error) = line.strip_prefix(REJECTED) {
            return Err(error.to_owned());
        }
    }
    panic!("no result: {output}")
}

fn issuer<const N: usize>(more: [(&str, &str); N]) -> Result<String, String> {
    let required = [("ISS", ISSUER), ("PRIVATE_KEYS", SECRET_PASERK)];
    from_env(
        "issuer",
        required.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value)),
    )
}

fn read<const N: usize>(kind: &str, variables: [(&str, &str); N]) -> Result<String, String> {
    from_env(kind, variables.map(|(name, value)| (name.to_owned(), value)))
}

#[test]
fn unset_variable_has_the_default_value() {
    let default = issuer([]).unwrap();
    assert!(default.contains("ttl: 3600s") && default.contains(keys::secret().kid()), "{default}");
    assert_eq!(
        issuer([("TTL", "1h"), ("INCLUDE_KID", "true"), ("SERIALIZER", "json")]).unwrap(),
        default
    );
    assert_ne!(issuer([("EXP", "15m")]).unwrap(), default);
}

#[test]
fn variable_with_the_path_of_a_key_file_is_read_again_when_it_changes() {
    let schedule = KeySchedule::new(keys::secret()).to_json();
    let file = TestFile::new(&**schedule);
    let (path, json) = (file.path(), schedule.as_str());
    for (variable, value, file) in [
        ("PRIVATE_KEYS_FILE", path, format!("file: Some({path:?})")),
        ("PRIVATE_KEYS", json, "file: None".to_owned()),
    ] {
        let settings = read("issuer", [("ISS", ISSUER), (variable, value)]).unwrap();
        assert!(settings.contains(&file) && settings.contains(keys::secret().kid()), "{settings}");
    }
    let error = read("session", [("KEYS_FILE", path)]).unwrap_err();
    assert!(error.starts_with("`T_KEYS_FILE`: `key_file`: "), "{error}");
    assert!(error.contains("expected `k4.local`, found `k4.secret`"), "{error}");
    let error = read("verifier", [("ISS", ISSUER), ("PUBLIC_KEYS_FILE", path)]).unwrap_err();
    assert!(error.contains("expected a PASERK that begins with `k4.public.`"), "{error}");
    let assertion = TestFile::new(r#"{ "tenant": "blue" }"#);
    issuer([("IMPLICIT_ASSERTION_FILE", assertion.path())]).unwrap();
    let future = json.replace("1970-01-01", "9970-01-01");
    let error = read("issuer", [("ISS", ISSUER), ("PRIVATE_KEYS", &future)]).unwrap_err();
    assert!(error.contains("no key is active"), "{error}");
}

#[test]
fn unset_required_variable_is_an_error() {
    assert_eq!(read("issuer", []).unwrap_err(), "`T_ISS`: the variable is not set");
    assert_eq!(
        read("issuer", [("ISS", ISSUER)]).unwrap_err(),
        "`T_PRIVATE_KEYS`: the variable is not set"
    );
    assert_eq!(
        read("verifier", [("ISS", ISSUER)]).unwrap_err(),
        "`T_PUBLIC_KEYS`: the variable is not set"
    );
    let error = read("verifier", [("PUBLIC_KEYS", PUBLIC_PASERK)]).unwrap_err();
    assert_eq!(error, "`T_ISS`: the variable is not set");
    for kind in ["session", "remember", "refresh"] {
        assert_eq!(read(kind, []).unwrap_err(), "`T_KEYS`: the variable is not set");
    }
}

#[test]
fn empty_variable_is_an_error_except_for_application() {
    let empty = "found an empty string: set a value, or remove the variable";
    for name in ["AUDIENCE", "TTL", "IMPLICIT_ASSERTION", "IMPLICIT_ASSERTION_FILE", "USE_ISS"] {
        assert_eq!(issuer([(name, "")]).unwrap_err(), format!("`T_{name}`: {empty}"));
    }
    let error = read("session", [("KEYS", LOCAL_PASERK), ("COOKIE_DOMAIN", "")]).unwrap_err();
    assert_eq!(error, format!("`T_COOKIE_DOMAIN`: {empty}"));
    let session = read("session", [("KEYS", LOCAL_PASERK)]).unwrap();
    assert_eq!(read("session", [("KEYS", LOCAL_PASERK), ("APPLICATION", "")]).unwrap(), session);
}

#[test]
fn variable_of_another_type_is_an_error_except_between_issuer_and_verifier() {
    for name in
        ["PRIVATE_KEY", "TTL_FILE", "COOKIE", "COOKIE_TTL", "COOKIE_KEYS_FILE", "iss", "Ttl", ""]
    {
        let error = issuer([(name, "1")]).unwrap_err();
        assert!(
            error.starts_with(&format!("`T_{name}`: the variable is not a setting: ")),
            "{error}"
        );
    }
    assert_eq!(
        issuer([("PUBLIC_KEYS", "x"), ("LEEWAY", "x"), ("TRUSTED_ORIGINS", "x")]),
        issuer([])
    );
    for name in [
        "KEYS_FILE",
        "COOKIE_NAME",
        "COOKIE_SAMESITE",
        "GRACE",
        "SESSION_PROTECTION",
        "IDLE_LIMIT",
        "LIFETIME",
    ] {
        assert!(
            issuer([(name, "x")]).unwrap_err().contains("the variable is not a setting"),
            "{name}"
        );
    }
    for (kind, names) in [
        ("session", ["TTL", "LIFETIME", "DURATION", "CHECK_USER", "SESSION_PROTECTION"]),
        ("remember", ["TTL", "ABSOLUTE_LIMIT", "ACCESS_TTL", "GRACE", "PERSISTENT"]),
        ("refresh", ["TTL", "DURATION", "IDLE_LIMIT", "COOKIE_NAME", "CHECK_USER"]),
    ] {
        for name in names {
            let error = read(kind, [("KEYS", LOCAL_PASERK), (name, "1m")]).unwrap_err();
            assert!(
                error.starts_with(&format!("`T_{name}`: the variable is not a setting")),
                "{kind}: {error}"
            );
        }
    }
    // The name of the variable is a key. The error does not contain it.
    let error = issuer([(SECRET_PASERK, "x")]).unwrap_err();
    assert!(error.starts_with("`T_…`: the variable is not a setting"), "{error}");
    assert!(read("no prefix", []).unwrap_err().starts_with("`prefix`: expected a string"));
}

#[test]
fn variable_with_the_suffix_file_names_a_file_with_the_secret() {
    let expected = issuer([]).unwrap();
    for content in [SECRET_PASERK.to_owned(), format!("{SECRET_PASERK}\n"), SECRET_PEM.to_owned()] {
        let file = TestFile::new(content);
        let variables = [("ISS", ISSUER), ("PRIVATE_KEYS_FILE", file.path())];
        assert_eq!(read("issuer", variables).unwrap(), expected);
        let error = issuer([("PRIVATE_KEYS_FILE", file.path())]).unwrap_err();
        assert_eq!(
            error,
            "`T_PRIVATE_KEYS_FILE`: duplicate field `private_keys`: remove one of them"
        );
    }
    let wrong = TestFile::new(PUBLIC_PASERK);
    let error = read("issuer", [("ISS", ISSUER), ("PRIVATE_KEYS_FILE", wrong.path())]).unwrap_err();
    assert!(error.starts_with("`T_PRIVATE_KEYS_FILE`: wrong type of key: "), "{error}");
    let error =
        read("issuer", [("ISS", ISSUER), ("PRIVATE_KEYS_FILE", "/run/secrets/no-such-key")])
            .unwrap_err();
    let start = "`T_PRIVATE_KEYS_FILE`: cannot read the file `/run/secrets/no-such-key`: ";
    assert!(error.starts_with(start), "{error}");
    // The value is a key instead of a path.
    let error =
        read("issuer", [("ISS", ISSUER), ("PRIVATE_KEYS_FILE", SECRET_PASERK)]).unwrap_err();
    assert!(error.starts_with("`T_PRIVATE_KEYS_FILE`: cannot read the file `…`: "), "{error}");
    let assertion = TestFile::new("here");
    assert_eq!(issuer([("IMPLICIT_ASSERTION_FILE", assertion.path())]).unwrap(), expected);
}

#[test]
fn commas_separate_the_elements_of_a_list() {
    let key = [("ISS", ISSUER), ("PUBLIC_KEYS", PUBLIC_PASERK)];
    let [iss, public] = key;
    let shown = read(
        "verifier",
        [iss, public, ("AUDIENCE", "ada, bob"), ("TRUSTED_ORIGINS", "https://a,https://b")],
    );
    let shown = shown.unwrap();
    assert!(shown.contains(r#"audience: ["ada", "bob"]"#), "{shown}");
    assert!(shown.contains(r#"trusted_origins: ["https://a", "https://b"]"#), "{shown}");
    let error = read("verifier", [iss, public, ("AUD", "ada,,bob")]).unwrap_err();
    assert_eq!(error, "`T_AUD[1]`: expected a string, found an empty string");
    // The commas beside one PEM block are a part of its comment.
    let other = SecretKey::generate().public_key().to_paserk();
    for keys in [
        format!("{PUBLIC_PEM},{other}"),
        format!("{other},{PUBLIC_PEM}"),
        format!("# a key, for the API\n{PUBLIC_PEM}"),
    ] {
        read("verifier", [iss, ("PUBLIC_KEYS", keys.as_str())]).unwrap();
    }
    // An issuer accepts only one audience.
    let error = issuer([("AUDIENCE", "ada,bob")]).unwrap_err();
    assert_eq!(error, "`T_AUDIENCE`: expected one string, found several with commas between them");
}

#[cfg(unix)]
#[test]
fn value_that_is_not_utf_8_is_not_shown_in_the_error() {
    use std::os::unix::ffi::OsStringExt;

    let mut value = SECRET_PASERK.as_bytes().to_vec();
    value.push(0xff);
    let variables =
        [("ISS".to_owned(), ISSUER.into()), ("PRIVATE_KEYS".to_owned(), OsString::from_vec(value))];
    assert_eq!(
        from_env("issuer", variables).unwrap_err(),
        "`T_PRIVATE_KEYS`: the value is not UTF-8"
    );
}
