//! Differences between the two libraries: tokens and keys that one accepts and the other rejects. A
//! migration must know each of them.
//!
//! The results of Flask-PASETO-Extended apply to the versions in `python/requirements.txt`.

use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix::{PublicKey, SecretKey, Verifier};
use paseto_actix_tests::{ISSUER, keys, parts};
use serde_json::{Value, json};

use super::{KeyPair, Peer, format, verifier};

const EXP: &str = "2099-01-01T00:00:00+00:00";

/// The libraries that accept a token or key.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Accepts {
    Both,
    OnlyOriginal,
    Neither,
}
use Accepts::{Both, Neither, OnlyOriginal};

impl Accepts {
    fn of(original: bool, own: bool, name: &str) -> Self {
        match (original, own) {
            (true, true) => Both,
            (true, false) => OnlyOriginal,
            (false, false) => Neither,
            (false, true) => panic!("{name}: we accept a value that the original rejects"),
        }
    }
}

fn compare(peer: &mut Peer, cbor: bool, token: &str, name: &str) -> (Accepts, String) {
    let pair = KeyPair::documentation();
    let original =
        peer.call("accepts", json!({ "keys": [pair.public[1]], "cbor": cbor, "token": token }));
    let verifier: Verifier = verifier(cbor, &[&pair.public[1]]).build().expect("one key");
    let own = verifier.verify_str(token);
    (
        Accepts::of(original.is_ok(), own.is_ok(), name),
        format!("original: {original:?}, own: {own:?}"),
    )
}

fn assert_all(peer: &mut Peer, cbor: bool, cases: Vec<(&str, String, Accepts)>) {
    let mut differences = Vec::new();
    for (name, token, accepts) in cases {
        let (found, why) = compare(peer, cbor, &token, name);
        if found != accepts {
            differences.push(format!("{name}: expected {accepts:?}, found {found:?}; {why}"));
        }
    }
    assert!(differences.is_empty(), "{}: {differences:#?}", format(cbor));
}

fn sign(payload: &str) -> String {
    parts::sign(&keys::secret(), payload.as_bytes(), b"", b"")
}

fn claims(more: &str) -> String {
    sign(&format!(r#"{{"iss":"{ISSUER}","exp":"{EXP}"{more}}}"#))
}

fn expiring(exp: &str) -> String {
    sign(&format!(r#"{{"iss":"{ISSUER}","exp":{exp}}}"#))
}

fn nested(depth: usize) -> String {
    format!(r#","deep":{}1{}"#, "[".repeat(depth), "]".repeat(depth))
}

#[test]
fn claims_that_only_our_library_checks() {
    let Some(mut peer) = Peer::start() else { return };
    let cases = vec![
        ("a valid token", claims(""), Both),
        ("no `exp`", sign(&format!(r#"{{"iss":"{ISSUER}"}}"#)), OnlyOriginal),
        ("no `iss`", sign(&format!(r#"{{"exp":"{EXP}"}}"#)), OnlyOriginal),
        (
            "another `iss`",
            sign(&format!(r#"{{"iss":"https://other.example","exp":"{EXP}"}}"#)),
            OnlyOriginal,
        ),
        ("an unexpected `aud`", claims(r#","aud":"https://api.example""#), OnlyOriginal),
        ("issued in the future", claims(r#","iat":"2098-01-01T00:00:00Z""#), OnlyOriginal),
        ("`iat` is not a string", claims(r#","iat":1700000000"#), OnlyOriginal),
        ("`sub` is not a string", claims(r#","sub":7"#), OnlyOriginal),
        ("`scope` is a list", claims(r#","scope":["read"]"#), OnlyOriginal),
        ("valid in the future", claims(r#","nbf":"2098-01-01T00:00:00Z""#), Neither),
        ("with `Z`", expiring(r#""2099-01-01T00:00:00Z""#), Both),
        ("with another zone", expiring(r#""2099-01-01T00:00:00.25-08:00""#), Both),
        ("a number", expiring("4070908800"), Neither),
        ("without a zone", expiring(r#""2099-01-01T00:00:00""#), OnlyOriginal),
        ("without seconds", expiring(r#""2099-01-01T00:00Z""#), OnlyOriginal),
        ("with a space", expiring(r#""2099-01-01 00:00:00Z""#), OnlyOriginal),
        ("a zone without a colon", expiring(r#""2099-01-01T00:00:00+0000""#), OnlyOriginal),
        ("compact", expiring(r#""20990101T000000Z""#), OnlyOriginal),
        ("a date", expiring(r#""2099-01-01""#), OnlyOriginal),
        ("a year", expiring(r#""2099""#), OnlyOriginal),
    ];
    assert_all(&mut peer, false, cases);
}

#[test]
fn json_that_only_the_original_accepts() {
    let Some(mut peer) = Peer::start() else { return };
    let cases = vec![
        ("a claim twice", claims(r#","admin":false,"admin":true"#), OnlyOriginal),
        ("`NaN`", claims(r#","n":NaN"#), OnlyOriginal),
        ("a large number", claims(r#","n":1180591620717411303424"#), Both),
        ("fifteen levels below the payload", claims(&nested(15)), Both),
        ("sixteen levels below the payload", claims(&nested(16)), OnlyOriginal),
        ("a list", sign("[]"), OnlyOriginal),
        ("a string", sign(r#""""#), OnlyOriginal),
        (
            "a byte order mark",
            sign(&format!("\u{feff}{{\"iss\":\"{ISSUER}\",\"exp\":\"{EXP}\"}}")),
            OnlyOriginal,
        ),
        ("no JSON", sign("{"), Neither),
        ("CBOR", parts::sign(&keys::secret(), &[0xa0], b"", b""), Neither),
        ("an empty payload", sign(""), Neither),
        ("over 8,192 bytes", claims(&format!(r#","x":"{}""#, "x".repeat(6100))), OnlyOriginal),
    ];
    assert_all(&mut peer, false, cases);
}

#[test]
fn encodings_and_footers_that_only_the_original_accepts() {
    let Some(mut peer) = Peer::start() else { return };
    let with_footer = |footer: &str| {
        let payload = format!(r#"{{"iss":"{ISSUER}","exp":"{EXP}"}}"#);
        parts::sign(&keys::secret(), payload.as_bytes(), footer.as_bytes(), b"")
    };
    let token = claims("");
    let in_the_middle = |junk: &str| format!("{}{junk}{}", &token[..30], &token[30..]);
    let pid = SecretKey::generate().kid().to_owned();
    let cases = vec![
        ("a trailing dot", format!("{token}."), OnlyOriginal),
        ("padding", format!("{token}===="), OnlyOriginal),
        ("line breaks", in_the_middle("\n\n\n\n"), OnlyOriginal),
        ("characters outside of base64", in_the_middle("!!!!"), OnlyOriginal),
        ("white space before", format!(" {token}"), Neither),
        ("five parts", format!("{token}.e30.e30"), Neither),
        ("another case", token.replace("v4.public", "v4.PUBLIC"), Neither),
        ("a flat footer", with_footer(r#"{"realm":"test","n":1,"x":null}"#), Both),
        ("an opaque footer", with_footer("realm"), Both),
        ("a list as a footer", with_footer("[1]"), Both),
        ("a nested footer", with_footer(r#"{"realm":{"name":"test"}}"#), OnlyOriginal),
        ("a broken map as a footer", with_footer(r#"{"realm":"#), OnlyOriginal),
        ("two kids", with_footer(r#"{"kid":"a","kid":"b"}"#), OnlyOriginal),
        ("a kid that is not a string", with_footer(r#"{"kid":1}"#), OnlyOriginal),
        ("a kid of another scheme", with_footer(r#"{"kid":"2026-01"}"#), Both),
        ("the pid of another key", with_footer(&format!(r#"{{"kid":"{pid}"}}"#)), OnlyOriginal),
        ("1,024 bytes of footer", with_footer(&"x".repeat(1024)), Both),
        ("1,025 bytes of footer", with_footer(&"x".repeat(1025)), OnlyOriginal),
    ];
    assert_all(&mut peer, false, cases);
}

#[test]
fn cbor_that_the_original_writes_or_accepts() {
    let Some(mut peer) = Peer::start() else { return };
    let named = format!("'iss': '{ISSUER}', 'exp': '{EXP}'");
    // Python values that only CBOR can represent.
    let values = [
        ("bytes", "b'\\x00\\xff'", Both),
        ("a date and time", "datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)", Both),
        ("a large number", "2 ** 70", Both),
        ("a larger number", "2 ** 130", Both),
        ("a large negative number", "-2 ** 70", Both),
        ("a decimal", "decimal.Decimal('1.5')", Both),
        ("a set", "{1}", Both),
        ("not a number", "float('nan')", Both),
        ("a number as a nested key", "{1: 2}", Both),
        ("a Boolean as a nested key", "{True: 2}", OnlyOriginal),
        ("bytes as a nested key", "{b'k': 2}", OnlyOriginal),
        ("null as a nested key", "{None: 2}", OnlyOriginal),
    ];
    let mut cases = Vec::new();
    let key = &KeyPair::documentation().secret[1];
    let mut python =
        |claims: &str| peer.token("encode", json!({ "key": key, "cbor": true, "python": claims }));
    for (name, value, accepts) in values {
        cases.push((name, python(&format!("{{{named}, 'value': {value}}}")), accepts));
    }
    cases.push(("a number as a key", python(&format!("{{{named}, 1: 2}}")), OnlyOriginal));
    let exp = "datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)";
    cases.push((
        "`exp` as a date and time",
        python(&format!("{{'iss': '{ISSUER}', 'exp': {exp}}}")),
        Neither,
    ));

    let plain = Value::from_iter([("iss", ISSUER), ("exp", EXP)]);
    let mut bytes = Vec::new();
    ciborium::into_writer(&plain, &mut bytes).unwrap();
    let entries = bytes[1..].to_vec();
    let sign = |bytes: &[u8]| parts::sign(&keys::secret(), bytes, b"", b"");
    cases.extend([
        ("a valid token", sign(&bytes), Both),
        ("indefinite length", sign(&[&[0xbf], entries.as_slice(), &[0xff]].concat()), Both),
        ("trailing bytes", sign(&[bytes.as_slice(), &[0]].concat()), OnlyOriginal),
        (
            "a claim twice",
            sign(&[&[0xa4], entries.as_slice(), &[0x61, b'x', 0, 0x61, b'x', 1]].concat()),
            OnlyOriginal,
        ),
        ("undefined", sign(&[&[0xa3], entries.as_slice(), &[0x61, b'x', 0xf7]].concat()), Both),
        ("cut off", sign(&bytes[..bytes.len() - 1]), Neither),
        ("JSON", claims(""), Neither),
    ]);
    assert_all(&mut peer, true, cases);
}

#[test]
fn keys_that_only_the_original_accepts() {
    let Some(mut peer) = Peer::start() else { return };
    let secret =
        |key: &str| SecretKey::from_paserk(key).is_ok() || SecretKey::from_pem(key).is_ok();
    let public = |key: &str| {
        let key = PublicKey::from_paserk(key).or_else(|_| PublicKey::from_pem(key));
        key.is_ok_and(|key| Verifier::builder().trust(ISSUER, key).build().is_ok())
    };
    let halves = |key: &SecretKey| parts::signing_key(key).to_keypair_bytes();
    let paserk =
        |kind: &str, bytes: &[u8]| format!("{kind}.{}", Base64UrlUnpadded::encode_string(bytes));
    let (own, other) = (halves(&keys::secret()), halves(&SecretKey::generate()));
    let mixed = [&own[..32], &other[32..]].concat();
    let identity = [&[1], [0; 31].as_slice()].concat();
    let secret_pem = keys::SECRET_PEM;
    let cases = [
        ("secret PASERK", keys::SECRET_PASERK.to_owned(), secret as fn(&str) -> bool, Both),
        ("secret PASERK, halves of two keys", paserk("k4.secret", &mixed), secret, OnlyOriginal),
        ("secret PASERK, one half only", paserk("k4.secret", &own[..32]), secret, OnlyOriginal),
        (
            "secret PASERK, more than both halves",
            paserk("k4.secret", &[own, other].concat()),
            secret,
            OnlyOriginal,
        ),
        ("secret PASERK with padding", format!("{}==", keys::SECRET_PASERK), secret, OnlyOriginal),
        ("all-zero seed", paserk("k4.secret", &[0; 64]), secret, OnlyOriginal),
        ("secret PEM", secret_pem.to_owned(), secret, Both),
        ("PEM with a line break at its end", format!("{secret_pem}\n"), secret, Both),
        ("PEM with line breaks of DOS", secret_pem.replace('\n', "\r\n"), secret, Both),
        ("PEM twice", format!("{secret_pem}\n{secret_pem}"), secret, OnlyOriginal),
        ("PEM and other text", format!("{secret_pem}\nwords"), secret, Both),
        ("public PASERK", keys::PUBLIC_PASERK.to_owned(), public, Both),
        ("public PEM", keys::PUBLIC_PEM.to_owned(), public, Both),
        ("secret PASERK to verify with", keys::SECRET_PASERK.to_owned(), public, OnlyOriginal),
        ("secret PEM to verify with", secret_pem.to_owned(), public, OnlyOriginal),
        ("public PASERK to sign with", keys::PUBLIC_PASERK.to_owned(), secret, OnlyOriginal),
        ("identity as a public key", paserk("k4.public", &identity), public, OnlyOriginal),
        (
            "not a point of the curve",
            paserk("k4.public", &[&[2], [0; 31].as_slice()].concat()),
            public,
            OnlyOriginal,
        ),
        ("key of version 2", keys::PUBLIC_PASERK.replace("k4", "k2"), public, OnlyOriginal),
        ("local key", paserk("k4.local", &own[..32]), public, OnlyOriginal),
    ];
    for (name, key, is_accepted, accepts) in &cases {
        let entry = if key.starts_with('k') {
            json!({ "paserk": key })
        } else {
            json!({ "version": 4, "key": key })
        };
        let original = peer.call("describe", json!({ "key": entry }));
        assert_eq!(
            Accepts::of(original.is_ok(), is_accepted(key), name),
            *accepts,
            "{name}: {original:?}"
        );
    }
    // Our library ignores blanks around a key. Flask-PASETO-Extended requires the PEM block at the
    // start.
    let blank = format!("\n{secret_pem}");
    assert!(
        peer.call("describe", json!({ "key": { "version": 4, "key": blank } })).is_err()
            && secret(&blank)
    );
}
