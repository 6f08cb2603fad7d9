//! Keys and their ids: what either library writes is what the other reads.

use paseto_actix::{PublicKey, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::logs::Logs;
use serde_json::{Value, json};

use super::{KeyPair, Peer, assert_refused, opened, text, verifier};

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
fn a_key_is_the_same_key_with_the_same_id_on_both_sides() {
    let Some(mut peer) = Peer::start() else { return };
    let ours = SecretKey::generate();
    let both = |paserk: &str| [json!({ "paserk": paserk }), json!({ "paserk": paserk })];
    let made_here =
        KeyPair { secret: both(&ours.to_paserk()), public: both(&ours.public_key().to_paserk()) };
    for pair in [KeyPair::documentation(), peer.generate(), peer.generate(), made_here] {
        for entry in &pair.secret {
            let theirs = peer.get("describe", json!({ "key": entry }));
            let ours = secret(entry);
            assert_eq!(theirs["paserk"], *ours.to_paserk());
            assert_eq!(theirs["peer_id"], ours.kid());
            assert!(text(&theirs["id"]).starts_with("k4.sid."));
        }
        for entry in &pair.public {
            let theirs = peer.get("describe", json!({ "key": entry }));
            let ours = public(entry);
            assert_eq!(theirs["paserk"], ours.to_paserk());
            assert_eq!(theirs["id"], ours.kid());
            assert_eq!(ours, secret(&pair.secret[0]).public_key());
        }
    }
}

/// Their token, signed by the third of three keys, and our verifier of all three.
fn signed_by_the_third(
    peer: &mut Peer,
    footer: impl FnOnce(&Value) -> Value,
) -> (Verifier, String) {
    let pairs = [peer.generate(), peer.generate(), peer.generate()];
    let trusted = verifier(false, &[&pairs[0].public[1], &pairs[1].public[1], &pairs[2].public[1]]);
    let ids = peer.get("describe", json!({ "key": pairs[2].secret[1] }));
    let ask = json!({
        "key": pairs[2].secret[1], "cbor": false, "exp": 3600, "claims": { "iss": ISSUER }, "footer": footer(&ids),
    });
    (trusted.build().expect("three keys"), peer.token("encode", ask))
}

#[actix_web::test]
async fn a_pid_that_they_write_picks_our_key() {
    let Some(mut peer) = Peer::start() else { return };
    let (trusting, token) = signed_by_the_third(&mut peer, |ids| json!({ "kid": ids["peer_id"] }));
    let logs = Logs::capture();
    opened(&trusting, &token).await;
    assert_eq!(logs.signature_checks(), 1);

    let stranger = public(&peer.generate().public[1]);
    let (trusting, token) = signed_by_the_third(&mut peer, |_| json!({ "kid": stranger.kid() }));
    let logs = Logs::capture();
    assert_refused(&trusting, &token).await;
    assert_eq!(logs.signature_checks(), 0);
}

#[actix_web::test]
async fn a_sid_that_they_write_says_nothing_to_us_so_keys_are_tried() {
    let Some(mut peer) = Peer::start() else { return };
    let with_sid: fn(&Value) -> Value = |ids| json!({ "kid": ids["id"] });
    for footer in [with_sid, |_| json!({}), |_| json!({ "n": 1 }), |_| json!("6f7061717565")] {
        let (trusting, token) = signed_by_the_third(&mut peer, footer);
        let logs = Logs::capture();
        opened(&trusting, &token).await;
        assert_eq!(logs.signature_checks(), 3, "{token}");
    }
}
