//! Keys and implicit assertions in settings: as strings, tables, files and environment variables.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use paseto_actix::issuer::IssuerConfig;
use paseto_actix::verifier::VerifierConfig;
use paseto_actix::{LocalKey, PublicKey, SecretKey};
use paseto_actix_tests::app::{assert_accepted, assert_rejected};
use paseto_actix_tests::keys::{
    LOCAL_PASERK, PUBLIC_PASERK, PUBLIC_PEM, SECRET_PASERK, SECRET_PEM,
};
use paseto_actix_tests::{ISSUER, keys};
use serde_json::{Value, json};

/// A temporary file. It is removed when this value is dropped.
pub(crate) struct TestFile(PathBuf);

impl TestFile {
    pub(crate) fn new(content: impl AsRef<[u8]>) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("paseto-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::write(&path, content).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

fn issuer(keys: Value) -> Result<IssuerConfig, String> {
    serde_json::from_value(json!({ "iss": ISSUER, "private_keys": keys }))
        .map_err(|error| error.to_string())
}

fn error(keys: Value) -> String {
    issuer(keys).unwrap_err()
}

#[test]
fn each_form_of_a_private_key_is_accepted() {
    let (paserk, pem) = (TestFile::new(format!("{SECRET_PASERK}\n")), TestFile::new(SECRET_PEM));
    for key in [
        json!(SECRET_PASERK),
        json!(SECRET_PEM),
        json!({ "paserk": SECRET_PASERK }),
        json!({ "pem": SECRET_PEM }),
        json!({ "version": 4, "key": SECRET_PEM }),
        json!({ "version": "4", "key": SECRET_PEM }),
        json!({ "file": paserk.path() }),
        json!({ "file": pem.path() }),
    ] {
        for keys in [json!([key]), key.clone()] {
            let config = issuer(keys).unwrap();
            assert_eq!(config.private_keys.statuses().len(), 1);
            assert_eq!(config.private_keys.active().kid(), keys::secret().kid(), "{key}");
        }
        let secret: SecretKey = serde_json::from_value(key).unwrap();
        assert_eq!(secret.kid(), keys::secret().kid());
    }
}

#[test]
fn string_may_contain_several_keys() {
    let other = SecretKey::generate();
    let config = issuer(json!(format!("{}, {SECRET_PASERK}", *other.to_paserk()))).unwrap();
    let kids: Vec<_> = config.private_keys.statuses().into_iter().map(|key| key.kid).collect();
    assert_eq!(kids, [other.kid(), keys::secret().kid()]);

    // Text around a PEM block may contain commas.
    let config = issuer(json!(format!("created by ada, bob\n{SECRET_PEM}"))).unwrap();
    assert_eq!(config.private_keys.active().kid(), keys::secret().kid());
}

#[test]
fn each_form_of_a_public_or_local_key_is_accepted() {
    for key in [
        json!(PUBLIC_PASERK),
        json!({ "pem": PUBLIC_PEM }),
        json!({ "version": 4, "key": PUBLIC_PEM }),
    ] {
        assert_eq!(serde_json::from_value::<PublicKey>(key).unwrap(), keys::public());
    }
    let file = TestFile::new(LOCAL_PASERK);
    for key in
        [json!(LOCAL_PASERK), json!({ "paserk": LOCAL_PASERK }), json!({ "file": file.path() })]
    {
        assert!(serde_json::from_value::<LocalKey>(key).unwrap() == LOCAL_PASERK.parse().unwrap());
    }
    let error = |key| serde_json::from_value::<LocalKey>(key).unwrap_err().to_string();
    assert_eq!(
        error(json!({ "iss": ISSUER, "paserk": LOCAL_PASERK })).split(',').next(),
        Some("unknown field `iss`")
    );
    assert!(error(json!({ "pem": SECRET_PEM })).contains("a symmetric key has no PEM form"));
    assert!(
        error(json!({ "paserk": LOCAL_PASERK, "file": file.path() }))
            .contains("the key is given twice")
    );
    assert!(
        error(json!(7))
            .starts_with("expected a key as PASERK, or a table with `paserk`, `file` or `env`")
    );
}

#[cfg(feature = "session")]
#[test]
fn key_ring_is_read_from_a_list_a_key_or_a_string() {
    use paseto_actix::ConfigError;
    use paseto_actix::keys::KeyRing;

    let (active, old): (LocalKey, LocalKey) = (LocalKey::generate(), LOCAL_PASERK.parse().unwrap());
    let both = format!(" {} ,\n{LOCAL_PASERK}\n", *active.to_paserk());
    let expected = format!("{:?}", KeyRing::new(active.clone(), [old.clone()]).unwrap());
    assert_eq!(format!("{:?}", both.parse::<KeyRing>().unwrap()), expected);
    let read = |keys| serde_json::from_value::<KeyRing>(keys).map_err(|error| error.to_string());
    let table = json!({ "paserk": LOCAL_PASERK });
    for keys in [
        json!(both),
        json!([*active.to_paserk(), LOCAL_PASERK]),
        json!([*active.to_paserk(), table]),
    ] {
        assert_eq!(format!("{:?}", read(keys).unwrap()), expected);
    }
    for keys in [json!(LOCAL_PASERK), table.clone(), json!([table])] {
        assert!(read(keys).unwrap().active() == old);
    }
    assert_eq!(read(json!([])).unwrap_err(), "expected at least one key, found an empty list");
    assert!(read(json!([LOCAL_PASERK, LOCAL_PASERK])).unwrap_err().contains("is given twice"));
    assert!(
        read(json!([LOCAL_PASERK, "k4.local."])).unwrap_err().starts_with("`[1]`: malformed key")
    );
    assert!(matches!("".parse::<KeyRing>(), Err(ConfigError::MalformedKey(_))));
    assert!(matches!(
        format!("{LOCAL_PASERK},").parse::<KeyRing>(),
        Err(ConfigError::MalformedKey(_))
    ));
    assert!(matches!(SECRET_PASERK.parse::<KeyRing>(), Err(ConfigError::WrongKeyType { .. })));
}

#[test]
fn unset_variable_and_invalid_key_in_a_variable_are_errors() {
    // Cargo sets these variables for tests. Their values are not keys.
    let read = |name: &str| error(json!([{ "env": name }]));
    assert!(read("CARGO_PKG_NAME").starts_with("`private_keys[0].env`: malformed key: "));
    let unset = "`private_keys[0].env`: the environment variable `NO_SUCH_VARIABLE` is not set";
    assert_eq!(read("NO_SUCH_VARIABLE"), unset);
    assert!(read("").contains("the environment variable `` is not set"));
    assert!(read("A=B").contains("is not set"));
}

#[test]
fn file_without_a_valid_key_is_an_error() {
    let read = |path: &str| error(json!([{ "file": path }]));
    let start = "`private_keys[0].file`: ";
    let missing = read("/run/secrets/no-such-key");
    assert!(
        missing.starts_with(&format!("{start}cannot read the file `/run/secrets/no-such-key`: ")),
        "{missing}"
    );
    let folder = read(Path::new("/").to_str().unwrap());
    assert!(folder.starts_with(&format!("{start}cannot read the file `/`: ")), "{folder}");
    let long = TestFile::new("k4.secret.".repeat(7000));
    assert_eq!(
        read(long.path()),
        format!("{start}the file `{}` is longer than 64 KiB", long.path())
    );
    let binary = TestFile::new(b"k4.secret.\xff");
    assert_eq!(read(binary.path()), format!("{start}the file `{}` is not UTF-8", binary.path()));
    let empty = TestFile::new("");
    assert!(read(empty.path()).starts_with(&format!("{start}malformed key: ")));
    let two = TestFile::new(format!("{SECRET_PASERK}\n{SECRET_PASERK}\n"));
    assert!(read(two.path()).starts_with(&format!("{start}malformed key: ")));
}

#[actix_web::test]
async fn implicit_assertion_is_read_from_a_string_a_file_or_a_variable() {
    let issuer = |assertion: Value| {
        let settings = json!({ "iss": ISSUER, "private_keys": [SECRET_PASERK], "implicit_assertion": assertion });
        serde_json::from_value::<IssuerConfig>(settings).map_err(|error| error.to_string())
    };
    let token = |assertion| issuer(assertion).unwrap().build().unwrap().issue(&json!({})).unwrap();
    let verifier = |assertion: &str| {
        let settings = json!({ "iss": ISSUER, "public_keys": [PUBLIC_PASERK], "implicit_assertion": assertion });
        serde_json::from_value::<VerifierConfig>(settings).unwrap().build().unwrap()
    };
    for content in ["here", "here\n", "here\r\n"] {
        let file = TestFile::new(content);
        let token = token(json!({ "file": file.path() }));
        assert_accepted(&verifier("here"), &token).await;
        assert_rejected(&verifier("there"), &token).await;
    }
    let two_lines = TestFile::new("here\n\n");
    assert_accepted(&verifier("here\n"), &token(json!({ "file": two_lines.path() }))).await;
    let name = std::env::var("CARGO_PKG_NAME").unwrap();
    assert_accepted(&verifier(&name), &token(json!({ "env": "CARGO_PKG_NAME" }))).await;

    let error = |assertion| issuer(assertion).unwrap_err();
    let empty = TestFile::new("\n");
    for assertion in [json!({ "file": empty.path() }), json!("")] {
        let expected = "`implicit_assertion`: the implicit assertion is empty: set a value, or remove the field";
        assert_eq!(error(assertion), expected);
    }
    assert!(error(json!(null)).ends_with("found null"));
    for passphrase in ["s3cretPassphrase!", "550e8400-e29b-41d4-a716", "correct horse"] {
        for place in ["file", "env"] {
            assert!(!error(json!({ place: passphrase })).contains(passphrase), "{place}");
        }
    }
    assert!(
        error(json!({ "file": empty.path(), "env": "CARGO_PKG_NAME" }))
            .contains("expected a string, or a table")
    );
    assert!(
        error(json!({ "env": "NO_SUCH_VARIABLE" }))
            .contains("the environment variable `NO_SUCH_VARIABLE` is not set")
    );
    assert!(error(json!({ "url": "https://a" })).contains("unknown field `url`"));
}
