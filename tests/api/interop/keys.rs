//! Each library reads the keys and key IDs of the other.

use paseto_actix::{PublicKey, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::logs::Logs;
use serde_json::{Value, json};

use super::{KeyPair, Peer, assert_rejected, send_accepted, text, verifier};

fn secret(entry: &Value) -> SecretKey {
    match entry["paserk"].as_str() {
        Some(paserk) => SecretKey::from_paserk(paserk),
        None => SecretKey::from_pem(text(&entry["key"])),
    }
    .expect("a key")
}

fn public(entry: &Value) -> PublicKey {
    match entry["paserk"].as_str() {
        Some(paserk) => PublicKey::from_paserk(paserk),
        None => PublicKey::from_pem(text(&entry["key"])),
    }
    .expect("a key")
}

#[test]
fn key_has_the_same_id_in_both_libraries() {
    let Some(mut peer) = Peer::start() else { return };
    let own = SecretKey::generate();
    let both = |paserk: &str| [json!({ "paserk": paserk }), json!({ "paserk": paserk })];
    let made_here =
        KeyPair { secret: both(&own.to_paserk()), public: both(&own.public_key().to_paserk()) };
    for pair in [KeyPair::documentation(), peer.generate(), peer.generate(), made_here] {
        for entry in &pair.secret {
            let described = peer.get("describe", json!({ "key": entry }));
            let own = secret(entry);
            assert_eq!(described["paserk"], *own.to_paserk());
            assert_eq!(described["peer_id"], own.kid());
            assert!(text(&described["id"]).starts_with("k4.sid."));
        }
        for entry in &pair.public {
            let described = peer.get("describe", json!({ "key": entry }));
            let own = public(entry);
            assert_eq!(described["paserk"], own.to_paserk());
            assert_eq!(described["id"], own.kid());
            assert_eq!(own, secret(&pair.secret[0]).public_key());
        }
    }
}

/// Returns a token of Flask-PASETO-Extended that the third of three keys signed, and a verifier of
/// all three keys.
fn signed_by_the_third(
    peer: &mut Peer,
    footer: impl FnOnce(&Value) -> Value,
) -> (Verifier, String) {
    let pairs = [peer.generate(), peer.generate(), peer.generate()];
    let trusted = verifier(false, &[&pairs[0].public[1], &pairs[1].public[1], &pairs[2].public[1]]);
    let ids = peer.get("describe", json!({ "key": pairs[2].secret[1] }));
    let arguments = json!({
        "key": pairs[2].secret[1], "cbor": false, "exp": 3600, "claims": { "iss": ISSUER }, "footer": footer(&ids),
    });
    (trusted.build().expect("three keys"), peer.token("encode", arguments))
}

#[actix_web::test]
async fn public_key_id_of_the_peer_selects_the_key() {
    let Some(mut peer) = Peer::start() else { return };
    let (trusting, token) = signed_by_the_third(&mut peer, |ids| json!({ "kid": ids["peer_id"] }));
    let logs = Logs::capture();
    send_accepted(&trusting, &token).await;
    assert_eq!(logs.signature_checks(), 1);

    let stranger = public(&peer.generate().public[1]);
    let (trusting, token) = signed_by_the_third(&mut peer, |_| json!({ "kid": stranger.kid() }));
    let logs = Logs::capture();
    assert_rejected(&trusting, &token).await;
    assert_eq!(logs.signature_checks(), 0);
}

#[actix_web::test]
async fn secret_key_id_of_the_peer_is_ignored_and_keys_are_tried() {
    let Some(mut peer) = Peer::start() else { return };
    let with_sid: fn(&Value) -> Value = |ids| json!({ "kid": ids["id"] });
    for footer in [with_sid, |_| json!({}), |_| json!({ "n": 1 }), |_| json!("6f7061717565")] {
        let (trusting, token) = signed_by_the_third(&mut peer, footer);
        let logs = Logs::capture();
        send_accepted(&trusting, &token).await;
        assert_eq!(logs.signature_checks(), 3, "{token}");
    }
}
