//! Errors of builders with remote keys, and the setting `remote_keys`.

use std::time::Duration;

use paseto_actix::SecretKey;
use paseto_actix::key_set::{KeySet, KeySetSource};
use paseto_actix::verifier::{RemoteKeys, VerifierConfig};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::key_server::{KeyServer, key_set};
use paseto_actix_tests::keys::PUBLIC_PASERK;
use paseto_actix_tests::remote_keys::{builder, source, token, wait_for_fetch};
use paseto_actix_tests::{ISSUER, keys};

const URL: &str = "https://issuer.example/keys.json";

/// Returns a source that never returns keys.
fn pending() -> KeySetSource {
    KeySetSource::from_fn(std::future::pending::<Result<KeySet, String>>)
        .timeout(Duration::from_millis(100))
}

#[test]
fn urls_are_checked() {
    let clock = TestClock::new();
    let begins = "`remote_keys`: expected a URL that begins with `https://` and has no fragment";
    let expected_https = "`remote_keys`: expected a URL that begins with `https://` (or `http://` on a loopback host)";
    for (url, expected) in [
        ("http://issuer.example/keys.json", expected_https),
        ("http://localhost.example/keys.json", expected_https),
        ("http://127.0.0.1.example/keys.json", expected_https),
        ("http://128.0.0.1/keys.json", expected_https),
        ("http://[::2]/keys.json", expected_https),
        ("http://0177.0.0.1/keys.json", expected_https),
        ("ftp://issuer.example/keys.json", begins),
        ("file:///etc/keys.json", begins),
        ("issuer.example", begins),
        ("/keys.json", begins),
        ("", begins),
        ("https://", begins),
        ("https://issuer.example/#keys", begins),
        ("https://issuer.example:99999/", begins),
        ("https://issuer.example:0/", begins),
        ("https://issuer.example:/", begins),
        ("https://issuer.example/a b", begins),
        ("https://ada:s3cret@issuer.example/", "`remote_keys`: expected a URL without user"),
    ] {
        let error = builder(&clock, url).build().expect_err(url).to_string();
        assert!(error.starts_with(expected), "{url}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    for loopback in ["localhost", "127.0.0.1", "127.255.0.1", "[::1]"] {
        builder(&clock, format!("http://{loopback}:1/keys.json")).build().unwrap();
    }
    let plain = KeySetSource::url("http://issuer.invalid/").dangerously_allow_plain_http();
    builder(&clock, plain).build().unwrap();
}

#[test]
fn sources_are_checked() {
    let clock = TestClock::new();
    let source = || KeySetSource::url(URL);
    let (seconds, days) =
        (Duration::from_secs, |days: u64| Duration::from_secs(days * 24 * 60 * 60));
    for (source, expected) in [
        (
            source().timeout(Duration::from_millis(99)),
            "`timeout`: expected 100 milliseconds to 60 seconds, found 0.099 s",
        ),
        (
            source().timeout(seconds(61)),
            "`timeout`: expected 100 milliseconds to 60 seconds, found 61 s",
        ),
        (
            source().max_staleness(seconds(119)),
            "`max_staleness`: expected 2 minutes to 30 days, found 119 s",
        ),
        (
            source().max_staleness(days(31)),
            "`max_staleness`: expected 2 minutes to 30 days, found 2678400 s",
        ),
        (source().root_certificates("no PEM"), "`root_certificates`: expected certificates in PEM"),
        (
            source().root_certificates(keys::SECRET_PEM),
            "`root_certificates`: expected certificates in PEM",
        ),
    ] {
        assert_eq!(builder(&clock, source).build().unwrap_err().to_string(), expected);
    }
    let two = builder(&clock, source()).remote_keys(ISSUER, source()).build().unwrap_err();
    assert_eq!(
        two.to_string(),
        "`remote_keys`: issuer `https://issuer.example` has two sources: remove one"
    );
    let unnamed = paseto_actix::Verifier::builder().remote_keys("", source()).build().unwrap_err();
    assert_eq!(unnamed.to_string(), "`iss`: the name of the issuer is empty");
}

#[actix_web::test]
async fn only_the_source_changes_the_keys_of_a_remote_issuer() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let expected = "`iss`: the keys of issuer `https://issuer.example` come from `remote_keys`: \
                    change them at the issuer, or call `remove_issuer` first";
    let both = builder(&clock, pending()).trust(ISSUER, keys::public()).build().unwrap_err();
    assert_eq!(both.to_string(), expected);

    let server = KeyServer::start(key_set(ISSUER, &[key.public_key()]));
    let verifier = builder(&clock, source(&server)).build().unwrap();
    wait_for_fetch(&verifier).await;
    let error = verifier.trust(ISSUER, keys::public()).unwrap_err();
    assert_eq!(error.to_string(), expected);
    for keys in [vec![], vec![keys::public()]] {
        assert_eq!(verifier.set_keys(ISSUER, keys).unwrap_err().to_string(), expected);
    }
    verifier.verify_str(&token(&key)).unwrap();
    verifier.trust("https://other.example", keys::public()).unwrap();
    assert!(verifier.remove_key(key.public_key().kid()));
    verifier.verify_str(&token(&key)).unwrap_err();
    assert_eq!(verifier.key_set_status().len(), 1);
}

#[test]
fn settings_contain_a_url_or_a_list() {
    let read = |toml: &str| toml::from_str::<VerifierConfig>(toml);
    let sources = |toml: &str| {
        let remote = read(toml).unwrap().remote_keys;
        remote.into_iter().map(|RemoteKeys { iss, url, .. }| (iss, url)).collect::<Vec<_>>()
    };
    let one = [(ISSUER.to_owned(), URL.to_owned())];
    assert_eq!(sources(&format!("iss = '{ISSUER}'\nremote_keys = '{URL}'")), one);
    assert_eq!(sources(&format!("iss = '{ISSUER}'\nremote_keys = ['{URL}']")), one);
    let table = format!("[[remote_keys]]\niss = '{ISSUER}'\nurl = '{URL}'\n");
    assert_eq!(sources(&table), one);
    let both = table.clone() + "[[remote_keys]]\niss = 'b'\nurl = 'https://b.example'\n";
    assert_eq!(sources(&both).len(), 2);
    let with_keys = format!("iss = 'b'\npublic_keys = ['{PUBLIC_PASERK}']\n{table}");
    let config = read(&with_keys).unwrap();
    assert_eq!((config.public_keys.len(), config.remote_keys.len()), (1, 1));
    config.build().unwrap();

    for (toml, expected) in [
        (format!("remote_keys = '{URL}'"), "missing field `iss`"),
        (String::new(), "missing field `public_keys`"),
        ("remote_keys = []".to_owned(), "`remote_keys`: expected at least one URL"),
        ("remote_keys = 1".to_owned(), "`remote_keys`: expected a URL, or a table"),
        ("[[remote_keys]]\niss = 'a'".to_owned(), "`remote_keys[0]`: missing field `url`"),
        (table.clone() + "timeout = 1", "`remote_keys[0]`: unknown field `timeout`"),
    ] {
        let error = read(&toml).unwrap_err();
        assert!(error.message().contains(expected), "{}", error.message());
    }
    let config = read("iss = 'a'\nremote_keys = 'https://ada:s3cret@b.example'").unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    config.build().unwrap_err();
}
