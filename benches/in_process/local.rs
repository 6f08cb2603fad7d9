//! The time to encrypt and to decrypt 512 bytes as `v4.local`. The subject of paseto-actix is the
//! session store, so its time includes JSON and the ID of the session.

use std::collections::HashMap;

use actix_session::storage::{SessionKey, SessionStore};
use futures_util::FutureExt;
use paseto_actix::{LocalKey, PasetoSessionStore};
use pasetors::Local;
use pasetors::keys::{Generate, SymmetricKey};
use pasetors::token::UntrustedToken;
use pasetors::version4::{LocalToken, V4};
use rusty_paseto::core::{
    Key, Local as RustyLocal, Paseto, PasetoNonce, PasetoSymmetricKey, Payload, V4 as RustyV4,
};
use serde_json::json;
use time::Duration;

use crate::group::{Comparison, Group, Target, Unit};
use crate::sampler::{Subject, sample};
use crate::selection::Run;

const BATCH: usize = 200;
const PAYLOAD: [u8; 512] = [b'x'; 512];

const SAVE: &str = "PasetoSessionStore encrypts";
const LOAD: &str = "PasetoSessionStore decrypts";

pub(super) fn measure(run: &Run) -> Group {
    let mut group = Group::new("v4.local of 512 bytes", Unit::Nanoseconds);
    group.comparisons = vec![
        Comparison::new(SAVE, "pasetors encrypts", None),
        Comparison::new(SAVE, "rusty_paseto encrypts", Some(Target::AtMost(1.0))),
        Comparison::new(LOAD, "pasetors decrypts", None),
        Comparison::new(LOAD, "rusty_paseto decrypts", Some(Target::AtMost(1.0))),
    ];
    let (key, rusty_key) = (
        SymmetricKey::<V4>::generate().expect("a key"),
        RustyKey::from(Key::<32>::try_new_random().expect("random bytes")),
    );
    let subjects = store().into_iter().chain(by_pasetors(&key)).chain(by_rusty_paseto(&rusty_key));
    sample(&mut group, run, subjects.collect());
    group
}

fn store() -> [Subject<'static>; 2] {
    let store = PasetoSessionStore::new(LocalKey::generate());
    let token = save(&store, state_of_512_bytes());
    let wrong: SessionKey = token.as_ref().to_lowercase().try_into().expect("a short enough key");
    let (saving, loading, other) = (store.clone(), store.clone(), store);
    let encrypt = move |calls| {
        // The store consumes the state. Creating the state does not count.
        let states: Vec<_> = (0..calls).map(|_| state_of_512_bytes()).collect();
        let start = std::time::Instant::now();
        for state in states {
            std::hint::black_box(save(&saving, state));
        }
        start.elapsed()
    };
    let decrypt = move || load(&loading, &token).expect("a session");
    [
        Subject::timed(SAVE, BATCH, encrypt),
        Subject::new(LOAD, BATCH, decrypt).rejects(move || load(&other, &wrong).is_none()),
    ]
}

fn by_pasetors(key: &SymmetricKey<V4>) -> [Subject<'_>; 2] {
    let encrypt = || LocalToken::encrypt(key, &PAYLOAD, None, None).expect("a token");
    let token = encrypt();
    let decrypt = move || {
        let token = UntrustedToken::<Local, V4>::try_from(token.as_str()).expect("a token");
        LocalToken::decrypt(key, &token, None, None).expect("a payload")
    };
    [
        Subject::new("pasetors encrypts", BATCH, encrypt),
        Subject::new("pasetors decrypts", BATCH, decrypt),
    ]
}

type RustyKey = PasetoSymmetricKey<RustyV4, RustyLocal>;

fn by_rusty_paseto(key: &RustyKey) -> [Subject<'_>; 2] {
    let encrypt = || {
        let nonce = Key::<32>::try_new_random().expect("random bytes");
        let payload = str::from_utf8(&PAYLOAD).expect("ASCII");
        let mut builder = Paseto::<RustyV4, RustyLocal>::builder();
        builder.set_payload(Payload::from(payload));
        builder.try_encrypt(key, &PasetoNonce::from(&nonce)).expect("a token")
    };
    let token = encrypt();
    let decrypt = move || {
        Paseto::<RustyV4, RustyLocal>::try_decrypt(&token, key, None, None).expect("a payload")
    };
    [
        Subject::new("rusty_paseto encrypts", BATCH, encrypt),
        Subject::new("rusty_paseto decrypts", BATCH, decrypt),
    ]
}

/// Returns a state that the store serializes to 512 bytes.
fn state_of_512_bytes() -> HashMap<String, String> {
    let around = json!({ "v": 2, "id": "x".repeat(22), "created": 2_000_000_000, "expires": 2_000_000_000, "state": { "x": "" } });
    let value = "x".repeat(512 - around.to_string().len());
    HashMap::from([("x".to_owned(), format!("\"{value}\""))])
}

fn save(store: &PasetoSessionStore, state: HashMap<String, String>) -> SessionKey {
    store.save(state, &Duration::HOUR).now_or_never().expect("no waiting").expect("a token")
}

fn load(store: &PasetoSessionStore, token: &SessionKey) -> Option<HashMap<String, String>> {
    store.load(token).now_or_never().expect("no waiting").expect("no error")
}
