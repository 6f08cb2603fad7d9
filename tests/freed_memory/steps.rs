//! The operations of the library on keys whose freed memory the test searches.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::{env, fs, process};

use actix_session::storage::SessionStore;
use actix_web::cookie::time::Duration;
use actix_web::rt::System as Runtime;
use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix::issuer::IssuerConfig;
#[cfg(feature = "password-keys")]
use paseto_actix::keys::PasswordParameters;
use paseto_actix::keys::{KeyRing, KeySchedule};
use paseto_actix::refresh::RefreshTokensConfig;
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::session::PasetoSessionConfig;
use paseto_actix::testing::Browser;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{Issuer, LocalKey, PasetoSessionStore, RefreshTokens, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys::{LOCAL_PASERK, SECRET_PASERK, SECRET_PEM};
#[cfg(feature = "password-keys")]
use paseto_actix_tests::keys::{LOCAL_PASSWORD_PASERK, PASSWORD, SECRET_PASSWORD_PASERK};
use paseto_actix_tests::session::Kind;
use serde_json::json;

pub(crate) const MASTER: &[u8; 32] = b"\x9f\x1c\x77\xe0\x42\xd8\x0b\xa6\x35\xfe\x61\x94\xc3\x2d\x8a\x57\xb9\x06\xee\x73\x18\xad\x4f\xd2\x80\x3b\xf5\x6c\x21\x9a\xc7\x5e";
/// A value that the first step frees on purpose. The test must find it.
pub(crate) const CONTROL: [u8; 32] = *b"\x2b\xc4\x91\x0e\xfa\x67\x3d\x88\x15\xb2\xd9\x4c\xe3\x76\xa0\x59\x8d\x02\xf1\x3e\xcb\x64\x97\x1a\x70\xdd\x48\xb5\x2f\x86\xec\x13";

#[cfg(feature = "password-keys")]
pub(crate) const LONG_PASSWORD: &str = "Zq7-Vn2_pX9.kW4~tR6!";

/// Strings that the application owns. They are freed after the recording.
pub(crate) struct Strings {
    damaged_pems: [String; 4],
    settings: String,
    /// The path of a file with a key.
    pub(crate) file: PathBuf,
}

impl Strings {
    pub(crate) fn new() -> Self {
        let damaged_pems = [
            // Another algorithm, too short, an invalid character, and an invalid end.
            SECRET_PEM.replace("K2Vw", "K2Vu"),
            SECRET_PEM.replace("KjdO", "").replace("Kjd0", ""),
            SECRET_PEM.replace("Kjd0", "Kj.0"),
            SECRET_PEM.replace("-----END", "----END"),
        ];
        assert!(damaged_pems.iter().all(|pem| pem != SECRET_PEM));
        let settings =
            json!({ "iss": ISSUER, "private_keys": [{ "paserk": SECRET_PASERK }] }).to_string();
        let file = env::temp_dir().join(format!("paseto-freed-memory-{}", process::id()));
        fs::write(&file, SECRET_PASERK).unwrap();
        for (name, value) in
            [("T_ISS", ISSUER), ("T_PRIVATE_KEYS", SECRET_PASERK), ("S_KEYS", LOCAL_PASERK)]
        {
            // SAFETY: no other thread of this process uses variables.
            unsafe { env::set_var(name, value) };
        }
        Self { damaged_pems, settings, file }
    }
}

/// The keys and tokens of the steps. The strings stay allocated.
#[derive(Default)]
pub(crate) struct Used {
    pub(crate) local_keys: Vec<&'static str>,
    pub(crate) secret_keys: Vec<&'static str>,
    pub(crate) tokens: Vec<(&'static str, String)>,
}

impl Used {
    fn local(&mut self, key: &LocalKey) -> &'static str {
        let text = Box::leak(Box::new(key.to_paserk()));
        self.local_keys.push(text);
        text
    }

    fn secret(&mut self, key: &SecretKey) {
        self.secret_keys.push(Box::leak(Box::new(key.to_paserk())));
    }
}

pub(crate) type Step = fn(&Strings, &mut Used);

pub(crate) const STEPS: &[(&str, Step)] = &[
    ("free the control", control),
    ("use local keys", local_keys),
    ("use secret keys", secret_keys),
    ("reject keys", rejected_keys),
    #[cfg(feature = "password-keys")]
    ("use keys with a password", keys_with_a_password),
    ("read settings", settings),
    ("rotate the keys of a key file", key_file),
    ("sign and verify", sign_and_verify),
    ("save and load sessions", session_store),
    ("send requests with sessions", sessions),
    ("refresh tokens", refresh_tokens),
];

/// Frees a secret as bytes, as a string, and by a growing block.
fn control(_: &Strings, _: &mut Used) {
    let mut grown = Vec::with_capacity(40);
    grown.extend_from_slice(&CONTROL);
    black_box(&mut grown).reserve(1000);
    black_box(&mut grown).fill(0);
    drop(black_box(CONTROL.to_vec()));
    drop(black_box(Base64UrlUnpadded::encode_string(&CONTROL)));
}

fn local_keys(_: &Strings, used: &mut Used) {
    for key in [
        LocalKey::generate(),
        LocalKey::from_paserk(LOCAL_PASERK).unwrap(),
        LocalKey::derive_from(MASTER, "sessions").unwrap(),
    ] {
        used.local(&key);
        let copy = key.clone();
        let read = LocalKey::from_paserk(&copy.to_paserk()).unwrap();
        assert!(
            read == key
                && read.kid().starts_with("k4.lid.")
                && format!("{read:?}").contains(read.kid())
        );
        let ring = KeyRing::new(LocalKey::generate(), [key, LocalKey::generate()]).unwrap();
        used.local(&ring.active());
        assert!(KeyRing::new(copy.clone(), [copy]).is_err());
        drop(ring.clone());
    }
}

fn secret_keys(_: &Strings, used: &mut Used) {
    for key in [
        SecretKey::generate(),
        SecretKey::from_paserk(SECRET_PASERK).unwrap(),
        SecretKey::from_pem(SECRET_PEM).unwrap(),
    ] {
        used.secret(&key);
        let copy = key.clone();
        drop(key);
        let read = SecretKey::from_paserk(&copy.to_paserk()).unwrap();
        assert!(
            read.kid().starts_with("k4.pid.")
                && format!("{read:?}").contains(read.public_key().kid())
        );
    }
}

fn rejected_keys(strings: &Strings, _: &mut Used) {
    for pem in &strings.damaged_pems {
        assert!(SecretKey::from_pem(pem).is_err(), "{pem}");
    }
    for text in
        [SECRET_PEM, LOCAL_PASERK, &SECRET_PASERK[..95], &SECRET_PASERK[..SECRET_PASERK.len() - 1]]
    {
        drop(SecretKey::from_paserk(text).unwrap_err().to_string());
    }
    for text in [SECRET_PEM, SECRET_PASERK, &LOCAL_PASERK[..LOCAL_PASERK.len() - 1]] {
        drop(LocalKey::from_paserk(text).unwrap_err().to_string());
    }
    assert!(LocalKey::derive_from(&MASTER[..31], "sessions").is_err());
}

#[cfg(feature = "password-keys")]
fn keys_with_a_password(_: &Strings, _: &mut Used) {
    for password in [PASSWORD, "another password"] {
        let secret = SecretKey::from_paserk_with_password(SECRET_PASSWORD_PASERK, password);
        let local = LocalKey::from_paserk_with_password(LOCAL_PASSWORD_PASERK, password);
        assert_eq!([secret.is_ok(), local.is_ok()], [password == PASSWORD; 2]);
    }
    let minimum = PasswordParameters::default().memory(19 << 20).iterations(2);
    let key = SecretKey::from_paserk(SECRET_PASERK).unwrap();
    drop(key.to_paserk_with_password(LONG_PASSWORD, &minimum).unwrap());
    let key = LocalKey::from_paserk(LOCAL_PASERK).unwrap();
    drop(key.to_paserk_with_password(LONG_PASSWORD, &minimum).unwrap());
}

fn settings(strings: &Strings, _: &mut Used) {
    for settings in [
        json!({ "iss": ISSUER, "private_keys": [{ "paserk": SECRET_PASERK }] }),
        json!({ "iss": ISSUER, "private_keys": [{ "version": 4, "key": SECRET_PEM }] }),
    ] {
        serde_json::from_value::<IssuerConfig>(settings).unwrap().build().unwrap();
    }
    serde_json::from_str::<IssuerConfig>(&strings.settings).unwrap().build().unwrap();
    for key in [
        json!({ "file": strings.file }),
        json!({ "env": "T_PRIVATE_KEYS" }),
        json!({ "pem": SECRET_PEM }),
    ] {
        serde_json::from_value::<SecretKey>(key).unwrap();
    }
    for key in [
        json!({ "file": SECRET_PASERK }),
        json!({ "env": SECRET_PASERK }),
        json!({ "pem": SECRET_PASERK }),
    ] {
        assert!(serde_json::from_value::<SecretKey>(key).is_err());
    }
    IssuerConfig::from_env("T_").unwrap().build().unwrap();
    PasetoSessionConfig::from_env("S_").unwrap().build().unwrap();
    assert!(RefreshTokensConfig::from_env("T_P").is_err());
    for keys in [json!(LOCAL_PASERK), json!([LOCAL_PASERK]), json!({ "env": "S_KEYS" })] {
        serde_json::from_value::<KeyRing>(keys).unwrap();
    }
    LOCAL_PASERK.parse::<KeyRing>().unwrap();
}

fn key_file(_: &Strings, used: &mut Used) {
    let path = std::env::temp_dir().join(format!("paseto-key-file-{}", std::process::id()));
    let mut schedule = KeySchedule::new(SecretKey::generate());
    std::fs::write(&path, schedule.to_json().as_bytes()).unwrap();
    let ring = KeyRing::<SecretKey>::from_file(&path).unwrap();
    used.secret(&ring.active());
    schedule.announce(SecretKey::generate(), None).unwrap();
    std::fs::write(&path, schedule.to_json().as_bytes()).unwrap();
    assert_eq!(ring.reload(), Ok(true));
    std::fs::write(&path, &schedule.to_json().as_bytes()[..200]).unwrap();
    assert!(ring.reload().is_err());
    std::fs::remove_file(&path).unwrap();

    let changed = KeyRing::from(LocalKey::generate());
    let (old, new) = (changed.active(), LocalKey::generate());
    used.local(&old);
    used.local(&new);
    changed.announce(new.clone()).unwrap();
    changed.activate(new.kid()).unwrap();
    changed.remove(old.kid()).unwrap();
}

fn issuer(used: &mut Used) -> Issuer {
    let keys = [SecretKey::from_paserk(SECRET_PASERK).unwrap(), SecretKey::generate()];
    used.secret(&keys[1]);
    let [active, announced] = keys;
    let issuer = Issuer::builder(ISSUER).key(active).build().unwrap();
    issuer.announce(announced).unwrap();
    issuer
}

fn sign_and_verify(_: &Strings, used: &mut Used) {
    let issuer = issuer(used);
    let verifier =
        issuer.public_keys().fold(Verifier::builder(), |builder, key| builder.trust(ISSUER, key));
    let verifier = verifier.build().unwrap();
    for _ in 0..2 {
        verifier
            .verify_str(&issuer.issue(&json!({ "email": "ada@example.org" })).unwrap())
            .unwrap();
    }
}

fn session_store(_: &Strings, used: &mut Used) {
    let (active, retired) = (LocalKey::generate(), LocalKey::from_paserk(LOCAL_PASERK).unwrap());
    let key = used.local(&active);
    let retired_key = used.local(&retired);
    Runtime::new().block_on(async {
        let state = || HashMap::from([("user".to_owned(), "\"ada\"".to_owned())]);
        let old =
            PasetoSessionStore::new(retired.clone()).save(state(), &Duration::HOUR).await.unwrap();
        let store = PasetoSessionStore::new(KeyRing::new(active, [retired]).unwrap());
        let new = store.save(state(), &Duration::HOUR).await.unwrap();
        for (key, token) in [(retired_key, old), (key, new)] {
            assert_eq!(store.load(&token).await.unwrap().unwrap(), state());
            let changed = token.as_ref().to_lowercase().try_into().unwrap();
            assert!(store.load(&changed).await.unwrap().is_none());
            used.tokens.push((key, token.as_ref().to_owned()));
        }
    });
}

fn sessions(_: &Strings, used: &mut Used) {
    let active = LocalKey::generate();
    let key = used.local(&active);
    Runtime::new().block_on(async {
        let site = Kind::Middleware.site(active, &TestClock::new()).await;
        let mut browser = Browser::new();
        for path in ["/set?user=ada", "/set?user=bob", "/", "/renew"] {
            browser.get(&site, path).await;
            used.tokens.push((key, Kind::Middleware.value(&browser)));
        }
        browser.get(&site, "/purge").await;
    });
}

fn refresh_tokens(_: &Strings, used: &mut Used) {
    let issuer = issuer(used);
    let active = LocalKey::generate();
    let key = used.local(&active);
    Runtime::new().block_on(async {
        let tokens = RefreshTokens::builder(issuer, active)
            .token_family_store(MemoryTokenFamilyStore::new(10))
            .revocation_store(MemoryRevocationStore::new(10))
            .build()
            .unwrap();
        let first = tokens.login("ada").await.unwrap().issue(&json!({})).unwrap();
        let second = tokens.refresh(&first.refresh_token).await.unwrap().issue(&json!({})).unwrap();
        tokens.logout_with_refresh_token(&second.refresh_token).await.unwrap();
        for pair in [first, second] {
            used.tokens.push((key, pair.refresh_token.to_string()));
        }
    });
}
