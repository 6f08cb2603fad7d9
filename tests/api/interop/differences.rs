//! Where the two libraries part: forms that one takes and the other refuses. A migration has to know each of them.
//!
//! What is said of the original holds for the versions in `python/requirements.txt`.

use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix::{PublicKey, SecretKey, Verifier};
use paseto_actix_tests::{ISSUER, keys, parts};
use serde_json::{Value, json};

use super::{KeyPair, Peer, format, verifier};

const EXP: &str = "2099-01-01T00:00:00+00:00";

/// Which of the two takes a form.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Takes {
    Both,
    OnlyTheirs,
    Neither,
}
use Takes::{Both, Neither, OnlyTheirs};

impl Takes {
    fn of(theirs: bool, ours: bool, name: &str) -> Self {
        match (theirs, ours) {
            (true, true) => Both,
            (true, false) => OnlyTheirs,
            (false, false) => Neither,
            (false, true) => panic!("{name}: we take what the original refuses"),
        }
    }
}

fn judge(peer: &mut Peer, cbor: bool, token: &str, name: &str) -> (Takes, String) {
    let pair = KeyPair::documentation();
    let theirs =
        peer.ask("accepts", json!({ "keys": [pair.public[1]], "cbor": cbor, "token": token }));
    let verifier: Verifier = verifier(cbor, &[&pair.public[1]]).build().expect("one key");
    let ours = verifier.verify_str(token);
    (Takes::of(theirs.is_ok(), ours.is_ok(), name), format!("theirs: {theirs:?}, ours: {ours:?}"))
}

fn assert_all(peer: &mut Peer, cbor: bool, cases: Vec<(&str, String, Takes)>) {
    let mut surprises = Vec::new();
    for (name, token, takes) in cases {
        let (found, why) = judge(peer, cbor, &token, name);
        if found != takes {
            surprises.push(format!("{name}: {found:?}, not {takes:?}; {why}"));
        }
    }
    assert!(surprises.is_empty(), "{}: {surprises:#?}", format(cbor));
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
fn claims_that_the_original_does_not_look_at() {
    let Some(mut peer) = Peer::start() else { return };
    let cases = vec![
        ("all as it should be", claims(""), Both),
        ("no `exp`", sign(&format!(r#"{{"iss":"{ISSUER}"}}"#)), OnlyTheirs),
        ("no `iss`", sign(&format!(r#"{{"exp":"{EXP}"}}"#)), OnlyTheirs),
        (
            "another `iss`",
            sign(&format!(r#"{{"iss":"https://other.example","exp":"{EXP}"}}"#)),
            OnlyTheirs,
        ),
        ("an `aud` that nobody asked for", claims(r#","aud":"https://api.example""#), OnlyTheirs),
        ("issued in the future", claims(r#","iat":"2098-01-01T00:00:00Z""#), OnlyTheirs),
        ("`iat` is no text", claims(r#","iat":1700000000"#), OnlyTheirs),
        ("`sub` is no text", claims(r#","sub":7"#), OnlyTheirs),
        ("`scope` is a list", claims(r#","scope":["read"]"#), OnlyTheirs),
        ("valid in the future", claims(r#","nbf":"2098-01-01T00:00:00Z""#), Neither),
        ("with `Z`", expiring(r#""2099-01-01T00:00:00Z""#), Both),
        ("with another zone", expiring(r#""2099-01-01T00:00:00.25-08:00""#), Both),
        ("a number", expiring("4070908800"), Neither),
        ("without a zone", expiring(r#""2099-01-01T00:00:00""#), OnlyTheirs),
        ("without seconds", expiring(r#""2099-01-01T00:00Z""#), OnlyTheirs),
        ("with a space", expiring(r#""2099-01-01 00:00:00Z""#), OnlyTheirs),
        ("a zone without a colon", expiring(r#""2099-01-01T00:00:00+0000""#), OnlyTheirs),
        ("compact", expiring(r#""20990101T000000Z""#), OnlyTheirs),
        ("a date", expiring(r#""2099-01-01""#), OnlyTheirs),
        ("a year", expiring(r#""2099""#), OnlyTheirs),
    ];
    assert_all(&mut peer, false, cases);
}

#[test]
fn json_that_the_original_is_lenient_with() {
    let Some(mut peer) = Peer::start() else { return };
    let cases = vec![
        ("a claim twice", claims(r#","admin":false,"admin":true"#), OnlyTheirs),
        ("`NaN`", claims(r#","n":NaN"#), OnlyTheirs),
        ("a large number", claims(r#","n":1180591620717411303424"#), Both),
        ("fifteen levels below the payload", claims(&nested(15)), Both),
        ("sixteen levels below the payload", claims(&nested(16)), OnlyTheirs),
        ("a list", sign("[]"), OnlyTheirs),
        ("a text", sign(r#""""#), OnlyTheirs),
        (
            "a byte order mark",
            sign(&format!("\u{feff}{{\"iss\":\"{ISSUER}\",\"exp\":\"{EXP}\"}}")),
            OnlyTheirs,
        ),
        ("no JSON", sign("{"), Neither),
        ("CBOR", parts::sign(&keys::secret(), &[0xa0], b"", b""), Neither),
        ("nothing", sign(""), Neither),
        ("over 8,192 bytes", claims(&format!(r#","x":"{}""#, "x".repeat(6100))), OnlyTheirs),
    ];
    assert_all(&mut peer, false, cases);
}

#[test]
fn spellings_and_footers_that_the_original_is_lenient_with() {
    let Some(mut peer) = Peer::start() else { return };
    let with_footer = |footer: &str| {
        let payload = format!(r#"{{"iss":"{ISSUER}","exp":"{EXP}"}}"#);
        parts::sign(&keys::secret(), payload.as_bytes(), footer.as_bytes(), b"")
    };
    let token = claims("");
    let in_the_middle = |junk: &str| format!("{}{junk}{}", &token[..30], &token[30..]);
    let pid = SecretKey::generate().kid().to_owned();
    let cases = vec![
        ("a trailing dot", format!("{token}."), OnlyTheirs),
        ("padding", format!("{token}===="), OnlyTheirs),
        ("line breaks", in_the_middle("\n\n\n\n"), OnlyTheirs),
        ("characters outside of base64", in_the_middle("!!!!"), OnlyTheirs),
        ("white space before", format!(" {token}"), Neither),
        ("five parts", format!("{token}.e30.e30"), Neither),
        ("another case", token.replace("v4.public", "v4.PUBLIC"), Neither),
        ("a flat footer", with_footer(r#"{"realm":"test","n":1,"x":null}"#), Both),
        ("an opaque footer", with_footer("realm"), Both),
        ("a list as a footer", with_footer("[1]"), Both),
        ("a nested footer", with_footer(r#"{"realm":{"name":"test"}}"#), OnlyTheirs),
        ("a broken map as a footer", with_footer(r#"{"realm":"#), OnlyTheirs),
        ("two kids", with_footer(r#"{"kid":"a","kid":"b"}"#), OnlyTheirs),
        ("a kid that is no text", with_footer(r#"{"kid":1}"#), OnlyTheirs),
        ("a kid of another scheme", with_footer(r#"{"kid":"2026-01"}"#), Both),
        ("the pid of another key", with_footer(&format!(r#"{{"kid":"{pid}"}}"#)), OnlyTheirs),
        ("1,024 bytes of footer", with_footer(&"x".repeat(1024)), Both),
        ("1,025 bytes of footer", with_footer(&"x".repeat(1025)), OnlyTheirs),
    ];
    assert_all(&mut peer, false, cases);
}

#[test]
fn cbor_that_the_original_writes_or_is_lenient_with() {
    let Some(mut peer) = Peer::start() else { return };
    let named = format!("'iss': '{ISSUER}', 'exp': '{EXP}'");
    // Values that only CBOR has, as Python's types are written.
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
        ("a Boolean as a nested key", "{True: 2}", OnlyTheirs),
        ("bytes as a nested key", "{b'k': 2}", OnlyTheirs),
        ("nothing as a nested key", "{None: 2}", OnlyTheirs),
    ];
    let mut cases = Vec::new();
    let key = &KeyPair::documentation().secret[1];
    let mut python =
        |claims: &str| peer.token("encode", json!({ "key": key, "cbor": true, "python": claims }));
    for (name, value, takes) in values {
        cases.push((name, python(&format!("{{{named}, 'value': {value}}}")), takes));
    }
    cases.push(("a number as a key", python(&format!("{{{named}, 1: 2}}")), OnlyTheirs));
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
        ("all as it should be", sign(&bytes), Both),
        ("no declared length", sign(&[&[0xbf], entries.as_slice(), &[0xff]].concat()), Both),
        ("trailing bytes", sign(&[bytes.as_slice(), &[0]].concat()), OnlyTheirs),
        (
            "a claim twice",
            sign(&[&[0xa4], entries.as_slice(), &[0x61, b'x', 0, 0x61, b'x', 1]].concat()),
            OnlyTheirs,
        ),
        ("undefined", sign(&[&[0xa3], entries.as_slice(), &[0x61, b'x', 0xf7]].concat()), Both),
        ("cut off", sign(&bytes[..bytes.len() - 1]), Neither),
        ("JSON", claims(""), Neither),
    ]);
    assert_all(&mut peer, true, cases);
}

#[test]
fn keys_that_the_original_is_lenient_with() {
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
    let (ours, other) = (halves(&keys::secret()), halves(&SecretKey::generate()));
    let mixed = [&ours[..32], &other[32..]].concat();
    let identity = [&[1], [0; 31].as_slice()].concat();
    let secret_pem = keys::SECRET_PEM;
    let cases = [
        ("secret PASERK", keys::SECRET_PASERK.to_owned(), secret as fn(&str) -> bool, Both),
        ("secret PASERK, halves of two keys", paserk("k4.secret", &mixed), secret, OnlyTheirs),
        ("secret PASERK, one half only", paserk("k4.secret", &ours[..32]), secret, OnlyTheirs),
        (
            "secret PASERK, more than both halves",
            paserk("k4.secret", &[ours, other].concat()),
            secret,
            OnlyTheirs,
        ),
        ("secret PASERK with padding", format!("{}==", keys::SECRET_PASERK), secret, OnlyTheirs),
        ("all-zero seed", paserk("k4.secret", &[0; 64]), secret, OnlyTheirs),
        ("secret PEM", secret_pem.to_owned(), secret, Both),
        ("PEM with a line break at its end", format!("{secret_pem}\n"), secret, Both),
        ("PEM with line breaks of DOS", secret_pem.replace('\n', "\r\n"), secret, Both),
        ("PEM twice", format!("{secret_pem}\n{secret_pem}"), secret, OnlyTheirs),
        ("PEM and words", format!("{secret_pem}\nwords"), secret, Both),
        ("public PASERK", keys::PUBLIC_PASERK.to_owned(), public, Both),
        ("public PEM", keys::PUBLIC_PEM.to_owned(), public, Both),
        ("secret PASERK to verify with", keys::SECRET_PASERK.to_owned(), public, OnlyTheirs),
        ("secret PEM to verify with", secret_pem.to_owned(), public, OnlyTheirs),
        ("public PASERK to sign with", keys::PUBLIC_PASERK.to_owned(), secret, OnlyTheirs),
        ("identity as a public key", paserk("k4.public", &identity), public, OnlyTheirs),
        (
            "no point of the curve",
            paserk("k4.public", &[&[2], [0; 31].as_slice()].concat()),
            public,
            OnlyTheirs,
        ),
        ("key of version 2", keys::PUBLIC_PASERK.replace("k4", "k2"), public, OnlyTheirs),
        ("local key", paserk("k4.local", &ours[..32]), public, OnlyTheirs),
    ];
    for (name, key, we_load, takes) in &cases {
        let entry = if key.starts_with('k') {
            json!({ "paserk": key })
        } else {
            json!({ "version": 4, "key": key })
        };
        let theirs = peer.ask("describe", json!({ "key": entry }));
        assert_eq!(Takes::of(theirs.is_ok(), we_load(key), name), *takes, "{name}: {theirs:?}");
    }
    // The crate ignores blanks around a key, and a PEM block begins on a line of its own.
    let blank = format!("\n{secret_pem}");
    assert!(
        peer.ask("describe", json!({ "key": { "version": 4, "key": blank } })).is_err()
            && secret(&blank)
    );
}
