//! Encryption of `v4.local` tokens against pasetors, in both directions. The library encrypts
//! sessions and pasetors decrypts them. Pasetors encrypts a session that is then changed, and both
//! accept or reject it.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_session::storage::{SessionKey, SessionStore};
use futures_util::FutureExt;
use paseto_actix::PasetoSessionStore;
use pasetors::Local;
use pasetors::keys::SymmetricKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::{LocalToken, V4};
use serde_json::Value as Json;

use crate::fixtures::{LOCAL, NOW, local_key};

static STORE: LazyLock<PasetoSessionStore> =
    LazyLock::new(|| PasetoSessionStore::new(local_key()).clock(|| NOW));

static KEY: LazyLock<SymmetricKey<V4>> =
    LazyLock::new(|| SymmetricKey::from(&LOCAL).expect("a key"));

/// Returns the implicit assertion of a kind of token, an application and a cookie.
pub fn assertion(kind: &str, application: &str, cookie: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in ["paseto-actix", kind, application, cookie] {
        bytes.extend((piece.len() as u64).to_le_bytes());
        bytes.extend(piece.as_bytes());
    }
    bytes
}

/// Encrypts a payload with pasetors.
pub fn encrypt(payload: &[u8], footer: Option<&[u8]>, assertion: &[u8]) -> String {
    LocalToken::encrypt(&KEY, payload, footer, Some(assertion)).expect("a token")
}

/// Decrypts a token with pasetors.
pub fn decrypt(token: &str, assertion: &[u8]) -> Option<String> {
    let token = UntrustedToken::<Local, V4>::try_from(token).ok()?;
    let decrypted = LocalToken::decrypt(&KEY, &token, None, Some(assertion)).ok()?;
    Some(decrypted.payload().to_owned())
}

/// The first byte selects the direction.
pub fn target(data: &[u8]) {
    let Some((selector, data)) = data.split_first() else { return };
    if data.len() > 3000 {
        return;
    }
    match selector % 3 {
        0 => save(data),
        1 => change(data),
        _ => {
            if let Ok(text) = str::from_utf8(data) {
                compare(text);
            }
        }
    }
}

/// Saves a session with one value per line, as `name=value`.
fn save(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let entries = text.lines().filter_map(|line| line.split_once('='));
    let state: HashMap<String, String> =
        entries.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let is_json = |text: &String| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let has_valid_values = state.values().all(is_json);
    let saved = STORE.save(state.clone(), &time::Duration::minutes(30)).now_or_never();
    let Ok(key) = saved.expect("a store without waiting") else {
        // About 1,800 bytes of JSON fit into the cookie.
        let is_large = serde_json::to_string(&state).expect("JSON").len() > 1700;
        return assert!(!has_valid_values || is_large);
    };
    assert!(has_valid_values);

    // White space around a value is not kept.
    let state: HashMap<_, _> =
        state.into_iter().map(|(name, value)| (name, trimmed(&value).to_owned())).collect();
    assert_eq!(load(key.as_ref()), Some(state.clone()));
    let payload = decrypt(key.as_ref(), &assertion("session", "", "")).expect("a token");
    assert_eq!(decrypt(key.as_ref(), &assertion("session", "", "x")), None);
    if let Ok(payload) = serde_json::from_str::<Json>(&payload) {
        assert_eq!(payload["v"], 2);
        for (name, value) in state {
            let value: Json = serde_json::from_str(&value).expect("JSON");
            assert_eq!(payload["state"][&name], value);
        }
    }
}

fn trimmed(value: &str) -> &str {
    value.trim_matches([' ', '\t', '\r', '\n'])
}

/// Applies edits of three bytes (position, byte) to a token of pasetors.
fn change(edits: &[u8]) {
    let now = NOW.unix_timestamp();
    let payload = format!(
        r#"{{"v":2,"id":"x","created":{now},"expires":{},"state":{{"user":"ada"}}}}"#,
        now + 60
    );
    let footer = edits.first().filter(|byte| **byte % 4 == 3).map(|_| &b"footer"[..]);
    let original = encrypt(payload.as_bytes(), footer, &assertion("session", "", ""));
    let mut token = original.clone().into_bytes();
    for edit in edits.get(1..).unwrap_or_default().chunks_exact(3) {
        let position = usize::from(u16::from_be_bytes([edit[0], edit[1]]));
        match position.checked_sub(token.len()) {
            None => token[position] = edit[2],
            Some(beyond) if beyond % 2 == 0 => token.push(edit[2]),
            Some(_) => token.truncate(token.len().saturating_sub(usize::from(edit[2] % 64))),
        }
    }
    let Ok(token) = String::from_utf8(token) else { return };
    assert_eq!(compare(&token), token == original && footer.is_none());
}

/// Loads a token. Returns whether both implementations accept it.
fn compare(token: &str) -> bool {
    let state = load(token);
    // Sessions have no footer. pasetors ignores a dot without a footer.
    let theirs = decrypt(token, &assertion("session", "", ""));
    let theirs = theirs.filter(|_| token.matches('.').count() == 2);
    assert_eq!(state.is_some(), theirs.is_some(), "{token}");
    state.is_some()
}

fn load(token: &str) -> Option<HashMap<String, String>> {
    let key = SessionKey::try_from(token.to_owned()).ok()?;
    STORE.load(&key).now_or_never().expect("a store without waiting").expect("no failure")
}
