//! Each library reads the key set of the other.

use std::thread;

use actix_web::rt::System;
use actix_web::{App, HttpServer};
use paseto_actix::key_set::{KeySet, KeySetService};
use paseto_actix::{Issuer, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use serde_json::json;

use super::{KeyPair, Peer, text};

#[test]
fn peer_verifies_tokens_with_a_published_key_set_that_changes() {
    let Some(mut peer) = Peer::start() else { return };
    let (old, new) = (SecretKey::generate(), SecretKey::generate());
    let issuer = Issuer::builder(ISSUER).key(old.clone()).build().unwrap();
    let published = issuer.clone();
    let app = move || App::new().service(KeySetService::new(published.clone()));
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/.well-known/paserk.json", server.addrs()[0]);
    let server = server.disable_signals().run();
    let handle = server.handle();
    // The peer blocks this thread.
    let thread = thread::spawn(|| System::new().block_on(server));

    let mut verify = |token: &str| {
        peer.call("verify_with_key_set", json!({ "url": url, "token": token }))
            .map(|verified| verified["claims"]["user"].clone())
    };
    let claims = json!({ "user": "ada" });
    let by_old = issuer.issue(&claims).unwrap();
    assert_eq!(verify(&by_old), Ok(json!("ada")));
    issuer.announce(new.clone()).unwrap();
    issuer.activate(new.kid()).unwrap();
    let by_new = issuer.issue(&claims).unwrap();
    assert_eq!((verify(&by_old), verify(&by_new)), (Ok(json!("ada")), Ok(json!("ada"))));
    issuer.remove_key(old.kid()).unwrap();
    assert!(verify(&by_old).unwrap_err().contains("unknown kid"));
    assert_eq!(verify(&by_new), Ok(json!("ada")));
    drop(handle.stop(false));
    thread.join().unwrap().unwrap();
}

#[test]
fn tokens_of_the_peer_are_verified_with_its_key_set() {
    let Some(mut peer) = Peer::start() else { return };
    let pairs: Vec<KeyPair> = (0..3).map(|_| peer.generate()).collect();
    let keys: Vec<_> = pairs.iter().map(|pair| pair.public[1].clone()).collect();
    let document = peer.get("key_set", json!({ "iss": ISSUER, "keys": keys }));
    let key_set = KeySet::from_json(text(&document["document"]).as_bytes()).unwrap();
    let verifier = Verifier::builder()
        .trust_keys(key_set.issuer(), key_set.keys().iter().cloned())
        .build()
        .unwrap();
    for pair in &pairs {
        let arguments = json!({
            "iss": ISSUER, "key": pair.secret[1], "use_kid": true, "iat": true, "exp": 60,
            "cbor": false, "claims": { "user": "ada" },
        });
        let token = peer.token("issue", arguments);
        assert_eq!(
            verifier.verify_str(&token).unwrap().claims::<serde_json::Value>().unwrap()["user"],
            "ada"
        );
    }
}
