//! Memory that the library frees contains no part of a secret key.
//!
//! The allocator of this process keeps each block that is freed while it records. After the keys are
//! dropped, the test searches these blocks for the keys. Another test in this process would add blocks
//! of its own, so this is the only test.

#![allow(
    unsafe_code,
    reason = "the trait of an allocator is unsafe, and the test reads freed blocks"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod allocator;

use std::collections::{BTreeSet, HashMap};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::{env, fs, process};

use actix_session::storage::SessionStore;
use actix_web::cookie::time::Duration;
use actix_web::rt::System as Runtime;
use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding};
use blake2b_simd::Params;
use paseto_actix::issuer::IssuerConfig;
use paseto_actix::keys::KeyRing;
use paseto_actix::refresh::RefreshTokensConfig;
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::session::PasetoSessionConfig;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{Issuer, LocalKey, PasetoSessionStore, RefreshTokens, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys::{LOCAL_PASERK, SECRET_PASERK, SECRET_PEM};
use paseto_actix_tests::session::{Client, Kind};
use serde_json::json;
use sha2::{Digest, Sha512};

use crate::allocator::{IS_RECORDING, STEP, freed};

const MASTER: &[u8; 32] = b"\x9f\x1c\x77\xe0\x42\xd8\x0b\xa6\x35\xfe\x61\x94\xc3\x2d\x8a\x57\xb9\x06\xee\x73\x18\xad\x4f\xd2\x80\x3b\xf5\x6c\x21\x9a\xc7\x5e";
/// What the first step frees on purpose.
const CONTROL: [u8; 32] = *b"\x2b\xc4\x91\x0e\xfa\x67\x3d\x88\x15\xb2\xd9\x4c\xe3\x76\xa0\x59\x8d\x02\xf1\x3e\xcb\x64\x97\x1a\x70\xdd\x48\xb5\x2f\x86\xec\x13";

/// The number of bytes of a secret in a row that freed memory must not contain.
const WINDOW: usize = 8;

/// Each part of a secret with the name of the secret.
#[derive(Default)]
struct Secrets(HashMap<[u8; WINDOW], &'static str>);

impl Secrets {
    /// Adds a secret, and its base64 at each position in a longer text.
    fn add(&mut self, name: &'static str, bytes: &[u8]) {
        self.add_parts(name, bytes);
        for skipped in 0..3 {
            let groups = &bytes[skipped..];
            let groups = &groups[..groups.len() / 3 * 3];
            self.add_parts(name, Base64Unpadded::encode_string(groups).as_bytes());
            self.add_parts(name, Base64UrlUnpadded::encode_string(groups).as_bytes());
        }
    }

    fn add_parts(&mut self, name: &'static str, bytes: &[u8]) {
        self.0.extend(bytes.windows(WINDOW).map(|part| (part.try_into().unwrap(), name)));
    }

    /// Adds the keys that PASETO version 4 derives from a local key for the nonce of a token.
    fn add_keys_of_token(&mut self, key: &[u8], token: &str) {
        let body = Base64UrlUnpadded::decode_vec(token.strip_prefix("v4.local.").unwrap()).unwrap();
        for (domain, length) in [("paseto-encryption-key", 56), ("paseto-auth-key-for-aead", 32)] {
            let mut state = Params::new().hash_length(length).key(key).to_state();
            let hash = state.update(domain.as_bytes()).update(&body[..32]).finalize();
            self.add("a key of a token", &hash.as_bytes()[..32]);
        }
    }

    /// Each secret that a freed block contains, the step that freed the block, and the block's size.
    fn in_freed_memory(&self) -> BTreeSet<(&'static str, &'static str, usize)> {
        let mut begins = vec![false; 1 << 16];
        let begin = |part: &[u8]| usize::from(u16::from_le_bytes([part[0], part[1]]));
        self.0.keys().for_each(|part| begins[begin(part)] = true);
        let mut found = BTreeSet::new();
        for (step, block) in freed() {
            for part in block.windows(WINDOW).filter(|part| begins[begin(part)]) {
                if let Some(name) = self.0.get(part) {
                    found.insert((*name, STEPS[step].0, block.len()));
                }
            }
        }
        found
    }
}

/// Texts that the application owns. They outlive the recording.
struct Texts {
    damaged_pems: [String; 4],
    settings: String,
    /// The path of a file with a key.
    file: PathBuf,
}

impl Texts {
    fn new() -> Self {
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

/// What the steps used. The texts stay allocated.
#[derive(Default)]
struct Used {
    local_keys: Vec<&'static str>,
    secret_keys: Vec<&'static str>,
    tokens: Vec<(&'static str, String)>,
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

type Step = fn(&Texts, &mut Used);

const STEPS: &[(&str, Step)] = &[
    ("free the control", control),
    ("use local keys", local_keys),
    ("use secret keys", secret_keys),
    ("reject keys", rejected_keys),
    ("read settings", settings),
    ("sign and verify", sign_and_verify),
    ("save and load sessions", session_store),
    ("send requests with sessions", sessions),
    ("refresh tokens", refresh_tokens),
];

/// Frees a secret as bytes, as a text, and by growing its block.
fn control(_: &Texts, _: &mut Used) {
    let mut grown = Vec::with_capacity(40);
    grown.extend_from_slice(&CONTROL);
    black_box(&mut grown).reserve(1000);
    black_box(&mut grown).fill(0);
    drop(black_box(CONTROL.to_vec()));
    drop(black_box(Base64UrlUnpadded::encode_string(&CONTROL)));
}

fn local_keys(_: &Texts, used: &mut Used) {
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
        used.local(ring.active());
        assert!(KeyRing::new(copy.clone(), [copy]).is_err());
        drop(ring.clone());
    }
}

fn secret_keys(_: &Texts, used: &mut Used) {
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

fn rejected_keys(texts: &Texts, _: &mut Used) {
    for pem in &texts.damaged_pems {
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

fn settings(texts: &Texts, _: &mut Used) {
    for settings in [
        json!({ "iss": ISSUER, "private_keys": [{ "paserk": SECRET_PASERK }] }),
        json!({ "iss": ISSUER, "private_keys": [{ "version": 4, "key": SECRET_PEM }] }),
    ] {
        serde_json::from_value::<IssuerConfig>(settings).unwrap().build().unwrap();
    }
    serde_json::from_str::<IssuerConfig>(&texts.settings).unwrap().build().unwrap();
    for key in [
        json!({ "file": texts.file }),
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

fn issuer(used: &mut Used) -> Issuer {
    let keys = [SecretKey::from_paserk(SECRET_PASERK).unwrap(), SecretKey::generate()];
    used.secret(&keys[1]);
    let [active, standby] = keys;
    Issuer::builder(ISSUER).key(active).standby_key(standby).build().unwrap()
}

fn sign_and_verify(_: &Texts, used: &mut Used) {
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

fn session_store(_: &Texts, used: &mut Used) {
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

fn sessions(_: &Texts, used: &mut Used) {
    let active = LocalKey::generate();
    let key = used.local(&active);
    Runtime::new().block_on(async {
        let site = Kind::Middleware.site(active, &TestClock::new()).await;
        let mut client = Client::new();
        for path in ["/set?user=ada", "/set?user=bob", "/", "/renew"] {
            client.get(&site, path).await;
            used.tokens.push((key, client.session(Kind::Middleware)));
        }
        client.get(&site, "/purge").await;
    });
}

fn refresh_tokens(_: &Texts, used: &mut Used) {
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

fn key_bytes(paserk: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(paserk.rsplit_once('.').unwrap().1).unwrap()
}

#[test]
fn freed_memory_contains_no_part_of_a_key() {
    let (texts, mut used) = (Texts::new(), Used::default());
    for (number, (_, run)) in STEPS.iter().enumerate() {
        STEP.store(number, Relaxed);
        IS_RECORDING.store(true, SeqCst);
        run(&texts, &mut used);
        IS_RECORDING.store(false, SeqCst);
    }
    fs::remove_file(&texts.file).unwrap();

    let mut secrets = Secrets::default();
    secrets.add("the control", &CONTROL);
    let control: Vec<_> =
        secrets.in_freed_memory().into_iter().map(|(_, step, size)| (step, size)).collect();
    assert_eq!(control, [(STEPS[0].0, 32), (STEPS[0].0, 40), (STEPS[0].0, 43)]);

    let mut secrets = Secrets::default();
    secrets.add("the master secret", MASTER);
    for key in used.local_keys.iter().chain([&LOCAL_PASERK]) {
        secrets.add("a local key", &key_bytes(key));
    }
    for key in used.secret_keys.iter().chain([&SECRET_PASERK]) {
        // The second half is the public key.
        let seed = &key_bytes(key)[..32];
        secrets.add("the seed of a secret key", seed);
        // RFC 8032, section 5.1.5: the scalar, but for the bits that are set and cleared, and the prefix.
        secrets.add("the expanded form of a secret key", &Sha512::digest(seed));
    }
    for (key, token) in &used.tokens {
        secrets.add_keys_of_token(&key_bytes(key), token);
    }
    let found = secrets.in_freed_memory();
    assert!(found.is_empty(), "(secret, step that freed it, size of the block): {found:#?}");
}
