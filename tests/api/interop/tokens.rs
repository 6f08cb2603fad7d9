//! A thousand tokens in each direction, in all combinations of the options that both libraries
//! have.

use std::collections::BTreeSet;

use paseto_actix_tests::{ISSUER, parts};
use serde_json::{Map, Value, json};

use super::{KeyPair, Peer, assert_rejected, hex, issuer, send_accepted, text, verifier};

const TOKENS: usize = 1000;
const TTL: u64 = 3600;

/// A combination of options. Each option is a digit of the number of the token.
struct Form {
    number: usize,
    cbor: bool,
    /// The index of the key in both arrays of a [`KeyPair`]: PEM or PASERK.
    written: usize,
    kid: Kid,
    exp: bool,
    iat: bool,
    footer: Footer,
    assertion: &'static [u8],
}

#[derive(Clone, Copy, PartialEq)]
enum Kid {
    None,
    /// The ID of the public key.
    Pid,
    /// The ID of the secret key, which Flask-PASETO-Extended writes.
    Sid,
}

#[derive(Clone, Copy, PartialEq)]
enum Footer {
    None,
    Map,
    Bytes,
}

impl Form {
    fn of(number: usize) -> Self {
        let mut rest = number;
        let mut digit = |base: usize| {
            let digit = rest % base;
            rest /= base;
            digit
        };
        Self {
            number,
            cbor: digit(2) == 1,
            written: digit(2),
            kid: [Kid::None, Kid::Pid, Kid::Sid][digit(3)],
            exp: digit(2) == 1,
            iat: digit(2) == 1,
            footer: [Footer::None, Footer::Map, Footer::Bytes][digit(3)],
            assertion: [b"".as_slice(), b"tenant-7", b"\x00\xff\x80"][digit(3)],
        }
    }

    fn claims(&self) -> Value {
        let values = [
            json!(null),
            json!([true, false, [], {}]),
            json!("\u{0}\n\"\\/ \u{e9}\u{1f511}\u{2028}"),
            json!([u64::MAX, i64::MIN, -1, 0]),
            json!([0.5, -2.25, 1.0, 65536.125]),
            json!({ "": "", "nested": { "deeper": [{ "still": 1 }] } }),
            json!("x".repeat(300)),
        ];
        json!({
            "user": { "email": format!("user-{}@bar.example", self.number) },
            "clé": values[self.number % values.len()],
        })
    }

    /// Returns the names of the time claims that both libraries can write or omit.
    fn times(&self) -> impl Iterator<Item = &'static str> {
        [("exp", self.exp), ("iat", self.iat)]
            .into_iter()
            .filter(|(_, on)| *on)
            .map(|(name, _)| name)
    }

    fn footer_map(&self) -> Map<String, Value> {
        let entries = [("realm", json!("tést")), ("n", json!(self.number))];
        let entries = entries.into_iter().filter(|_| self.footer == Footer::Map);
        entries.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Returns bytes that are neither a JSON nor a CBOR value.
    fn footer_bytes(&self) -> Option<Vec<u8>> {
        (self.footer == Footer::Bytes)
            .then(|| [&[0xff, 0x00], self.number.to_be_bytes().as_slice()].concat())
    }

    /// Returns the expected footer, as hex if it is opaque, or null if the token has none.
    fn footer(&self, kid: Option<&str>) -> Value {
        let mut map = self.footer_map();
        if let Some(kid) = kid {
            map.insert("kid".to_owned(), kid.into());
        }
        match self.footer_bytes() {
            Some(bytes) => hex(&bytes).into(),
            None if map.is_empty() => Value::Null,
            None => map.into(),
        }
    }
}

/// Returns the documentation's key and generated keys of the peer.
fn key_pairs(peer: &mut Peer) -> Vec<KeyPair> {
    let mut pairs = vec![KeyPair::documentation()];
    // With five keys, each key is combined with each option, because no option has a multiple of
    // five values.
    pairs.extend((0..4).map(|_| peer.generate()));
    pairs
}

/// Returns the token with one flipped bit. The number selects the bit.
fn flipped(token: &str, number: usize) -> String {
    let (mut body, mut footer) = parts::split(token);
    let at = number * 31 % (body.len() + footer.len());
    let length = body.len();
    let byte = if at < length { &mut body[at] } else { &mut footer[at - length] };
    *byte ^= 1 << (number % 8);
    parts::join(&body, &footer)
}

/// Returns the payload as an independent decoder reads it.
fn payload(cbor: bool, token: &str) -> Value {
    let (body, _) = parts::split(token);
    let payload = &body[..body.len() - 64];
    if cbor {
        ciborium::from_reader(payload).expect("CBOR")
    } else {
        serde_json::from_slice(payload).expect("JSON")
    }
}

fn map(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("a map")
}

/// Asserts that the claims are the given claims, `iss` and the registered claims with these names.
fn assert_claims(claims: &Value, given: &Value, registered: impl Iterator<Item = &'static str>) {
    assert_eq!(claims["iss"], ISSUER);
    for (name, value) in map(given) {
        assert_eq!(claims[name], *value);
    }
    let names =
        map(given).keys().cloned().chain(registered.map(str::to_owned)).chain(["iss".to_owned()]);
    assert_eq!(map(claims).keys().cloned().collect::<BTreeSet<_>>(), names.collect());
}

#[actix_web::test]
async fn tokens_of_the_peer_are_accepted() {
    let Some(mut peer) = Peer::start() else { return };
    let pairs = key_pairs(&mut peer);
    let mut by_issuer = 0;
    for form in (0..TOKENS).map(Form::of) {
        let (pair, other) =
            (&pairs[form.number % pairs.len()], &pairs[(form.number + 1) % pairs.len()]);
        let secret = &pair.secret[form.written];
        let ids = peer.get("describe", json!({ "key": secret }));
        let kid = match form.kid {
            Kid::None => None,
            Kid::Pid => Some(text(&ids["peer_id"])),
            Kid::Sid => Some(text(&ids["id"])),
        };
        let footer = form.footer(kid);
        let mut arguments = json!({
            "key": secret,
            "cbor": form.cbor,
            "exp": if form.exp { TTL } else { 0 },
            "iat": form.iat,
            "claims": form.claims(),
        });
        // PySETO issues the tokens for which the issuer of Flask-PASETO-Extended has no setting.
        let signed =
            if form.footer == Footer::None && form.assertion.is_empty() && form.kid != Kid::Pid {
                by_issuer += 1;
                arguments["iss"] = ISSUER.into();
                arguments["use_kid"] = (form.kid == Kid::Sid).into();
                peer.get("issue", arguments)
            } else {
                arguments["claims"]["iss"] = ISSUER.into();
                arguments["assertion"] = hex(form.assertion).into();
                if !footer.is_null() {
                    arguments["footer"] = footer.clone();
                }
                peer.get("encode", arguments)
            };

        let token = text(&signed["token"]);
        let trusting = |pair: &KeyPair, assertion: &[u8]| {
            let builder =
                verifier(form.cbor, &[&pair.public[form.written]]).implicit_assertion(assertion);
            let builder =
                if form.exp { builder } else { builder.dangerously_accept_tokens_without_expiry() };
            builder.build().unwrap()
        };
        let seen = send_accepted(&trusting(pair, form.assertion), token).await;
        assert_claims(&seen["claims"], &form.claims(), form.times());
        assert_eq!(seen["claims"], signed["claims"]);
        assert_eq!(seen["kid"], ids["peer_id"]);
        assert_eq!(seen["footer"], hex(&parts::split(token).1));
        if let Some(bytes) = form.footer_bytes() {
            assert_eq!(seen["footer"], hex(&bytes));
        }

        assert_rejected(&trusting(other, form.assertion), token).await;
        assert_rejected(&trusting(pair, b"tenant-8"), token).await;
        assert_rejected(&trusting(pair, form.assertion), &flipped(token, form.number)).await;
    }
    assert!(by_issuer > 50, "Flask-PASETO-Extended itself issued only {by_issuer} tokens");
}

#[actix_web::test]
async fn peer_accepts_our_tokens() {
    let Some(mut peer) = Peer::start() else { return };
    let pairs = key_pairs(&mut peer);
    let mut by_verifier = 0;
    for form in (0..TOKENS).map(Form::of) {
        let (pair, other) =
            (&pairs[form.number % pairs.len()], &pairs[(form.number + 1) % pairs.len()]);
        let mut builder = issuer(form.cbor, &pair.secret[form.written])
            .include_kid(form.kid != Kid::None)
            .include_iat(form.iat)
            .implicit_assertion(form.assertion)
            .footer(&form.footer_map());
        if let Some(bytes) = form.footer_bytes() {
            builder = builder.footer_bytes(bytes);
        }
        if !form.exp {
            builder = builder.dangerously_without_expiry();
        }
        let issuer = builder.build().unwrap();
        let token =
            issuer.token(&form.claims()).subject("ada").audience("any-service").issue().unwrap();

        // The verifier of Flask-PASETO-Extended does not support implicit assertions, so PySETO
        // reads these tokens.
        let reader = if form.assertion.is_empty() { "verify" } else { "decode" };
        by_verifier += usize::from(form.assertion.is_empty());
        let arguments = |pair: &KeyPair, assertion: &[u8], token: &str| {
            let keys = [&pair.public[form.written]];
            json!({ "keys": keys, "cbor": form.cbor, "token": token, "assertion": hex(assertion) })
        };
        let seen = peer.get(reader, arguments(pair, form.assertion, &token));
        assert_claims(
            &seen["claims"],
            &form.claims(),
            form.times().chain(["sub", "aud", "nbf", "jti"]),
        );
        assert_eq!(seen["claims"], payload(form.cbor, &token));
        let pid = text(&peer.get("describe", json!({ "key": pair.public[0] }))["id"]).to_owned();
        let expected = form.footer((form.kid != Kid::None).then_some(&pid));
        assert_eq!(seen["footer"], if expected.is_null() { "".into() } else { expected });

        let forged = Err("VerifyError: Failed to verify.".to_owned());
        assert_eq!(peer.call(reader, arguments(other, form.assertion, &token)), forged);
        assert_eq!(peer.call("decode", arguments(pair, b"tenant-8", &token)), forged);
        assert_eq!(
            peer.call(reader, arguments(pair, form.assertion, &flipped(&token, form.number))),
            forged
        );
    }
    assert!(by_verifier > 50, "Flask-PASETO-Extended itself verified only {by_verifier} tokens");
}
