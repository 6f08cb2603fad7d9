//! The first seeds of each target, by hand.

use std::iter;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};
use paseto_actix::SecretKey;
use paseto_actix::key_set::KeySet;
use paseto_actix::keys::KeySchedule;
use serde_json::{Value as Json, json};

use crate::fixtures::{ISSUER, NOW, local_key, secret_key, sign, signing_key};
use crate::paserk::ENCRYPTED;

const EXP: &str = "2030-01-01T00:00:00Z";

/// Returns the seeds of a target.
pub(crate) fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "payload_json" => payloads().iter().map(|payload| payload.to_string().into()).collect(),
        "payload_cbor" => payloads().iter().map(cbor).chain(cbor_payloads()).collect(),
        "time_claim" => bytes(&[
            EXP,
            "2026-01-01T00:00:00.5+01:00",
            "2025-12-31T23:59:54.999999999Z",
            "2016-12-31T23:59:60Z",
            "0000-01-01T00:00:00-23:59",
            "9999-12-31T23:59:59.99999999999999Z",
            "2026-02-30T24:00:00z",
        ]),
        "footer" => footers(),
        "issue" => claims(),
        "token" => {
            let payload = payloads()[0].to_string();
            let token = sign(payload.as_bytes(), b"");
            let [signed, footer] =
                [format!("sign:{payload}"), format!("sign:{payload}|{{\"kid\":\"x\"}}")];
            // Tokens of 8,192 and 8,193 bytes.
            let [longest, too_long] = [6072, 6073].map(|len| {
                let start = format!(r#"{{"iss":"{ISSUER}","exp":"{EXP}","a":""#);
                format!("sign:{start}{}\"}}", "x".repeat(len - start.len() - 2))
            });
            let dotted = format!("{token}.");
            let short = ["v4.local.AAAA", "eyJ", ""];
            let texts = [&*token, &dotted, &signed, &footer];
            bytes(&[&texts[..], &short, &[&longest, &too_long]].concat())
        }
        "forgery" => {
            let edits = [&[0, 0, 0, 10, b'A'][..], &[1, 1, 0, 50, b'='], &[2, 6, 0, 99, 0], &[0]];
            edits.map(<[u8]>::to_vec).to_vec()
        }
        "paserk" => paserks(),
        "pem" => pems(),
        "ed25519" => (0..7)
            .flat_map(|case| [vec![case, 0, 1, 1, 2], vec![case, 1, 2, 7, 255, 3, 4]])
            .chain([[&[6, 2, 0][..], &[0xff; 32]].concat(), [&[4, 3][..], &[1; 64]].concat()])
            .collect(),
        "local" => bytes(&[
            "\0user=\"ada\"\ncart=[1,2.50,null]\nname= {\"a\":\"\\u00e9\"} ",
            "\0actix_identity.user_id=\"ada\"\n\"=1e999\nx=\"\\ud800\"",
            "\0a=b",
            "\x01\0\0\x0aA",
            "\x01\x03\0\x0aA",
            "\x01\0",
            "\x02v4.local.AAAA",
        ]),
        "session" => sessions(),
        "settings" => settings(),
        "key_set" => key_sets(),
        "key_schedule" => key_schedules(),
        "redirect_path" => bytes(&[
            "/account?tab=keys#top",
            "//evil.example/",
            "/\\evil.example/",
            "/\t/evil.example",
            "/..//evil.example",
            "/.//evil.example",
            "/%2f/evil@x:80",
            "https://evil.example/",
            "/é",
        ]),
        "request" => bytes(&[
            "cid=$A; other=1\naBearer $A",
            "cid=$A\naBearer $B",
            "cid=\"$A\"; id=$A\ncid=$A;id=;id=\"\"",
            "c%69d=$A; xid=$A; ID=$A; id = $X ",
            "aBearer $A\naBearer $A",
            "abearer  $X==\ncid",
            "aBasic x\na\u{e9}",
            "a$A",
            "aBearer\u{a0}$A",
        ]),
        "csrf_form" => bytes(&[
            "\0\0csrf_token=$T&a=1&b=+%20%C3%A9%zz",
            "\0\x01a=1&a=2&=&&b",
            "\0\x01csrf_token=$T",
            "\x02\0csrf%5Ftoken=$T&csrf_token=$T",
            "\x01\0csrf_token=$T",
            "\0\x02a=b",
            "\0\0",
            "\0\0a=1&csrf_token=$U",
            "\0\0csrf_token=$W",
        ]),
        "token_endpoints" => bytes(&[
            "\0\0grant_type=refresh_token&refresh_token=$R",
            "\0\x01{\"refresh_token\":\"$R\",\"x\":[1]}",
            "\0\x01{\"grant_type\":null,\"refresh_token\":\"$R\",\"refresh_token\":\"\"}",
            "\x01\0refresh_token=$R",
            "\x01\x04",
            "\x02\0token=$A&token_type_hint=x",
            "\x02\x02token=%76$R&token",
            "\x02\x01 {\"token\":\"$R\"}",
            "\0\x01[\"refresh_token\",\"$R\",null]",
            "\0\x03x",
            "\x01\x01{\"refresh_token\":\"$R\"",
            "\x02\x01{\"token\":\"$R\"}}",
        ]),
        other => panic!("no seeds for {other}"),
    }
}

fn bytes(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn cbor(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("CBOR");
    bytes
}

fn payloads() -> Vec<Json> {
    let mut deep = json!(1);
    for _ in 0..15 {
        deep = json!([deep]);
    }
    let many: serde_json::Map<_, _> = (0..254).map(|n| (n.to_string(), json!(null))).collect();
    vec![
        json!({ "iss": ISSUER, "exp": EXP }),
        json!({ "iss": ISSUER, "exp": EXP, "a": { "x": [1, 2.5, null] }, "b": "é\u{1f600}\n", "list": [1, 255] }),
        json!({
            "iss": ISSUER, "sub": "ada", "exp": EXP, "nbf": "2026-01-01T00:00:05Z", "iat": "2025-12-31T23:00:00-01:00",
            "jti": "x", "scope": "read write", "auth_time": EXP, "acr": "2", "sid": "s", "sub_gen": "3", "b": ""
        }),
        json!({ "iss": ISSUER, "exp": EXP, "aud": "api" }),
        json!({ "iss": "https://other.example", "exp": EXP, "scope": "a  b" }),
        json!({ "iss": ISSUER, "exp": "2025-01-01T00:00:00Z", "sub_gen": "03" }),
        json!({ "iss": ISSUER, "exp": EXP, "deep": deep }),
        json!({ "iss": ISSUER, "exp": EXP, "many": many }),
        json!([1]),
    ]
}

/// Payloads in CBOR with types that JSON does not have.
fn cbor_payloads() -> impl Iterator<Item = Vec<u8>> {
    let base = cbor(&json!({ "iss": ISSUER, "exp": EXP }));
    let with = |rest: &[u8]| [&[base[0] + 1], &base[1..], b"\x61a", rest].concat();
    let rests: [&[u8]; 8] = [
        b"\xc2\x49\x01\0\0\0\0\0\0\0\0",
        b"\xc0\x61x",
        b"\x5f\x41a\x41b\xff",
        b"\x9f\x01\xff",
        b"\xbf\x20\x01\x01\xf7\xff",
        b"\xfb\x7f\xf8\0\0\0\0\0\0",
        b"\xd9\xd9\xf7\xa2\x01\x02\x01\x03",
        b"\x7f\x61a\x61b\xff",
    ];
    rests.into_iter().map(with).collect::<Vec<_>>().into_iter()
}

fn footers() -> Vec<Vec<u8>> {
    let key = secret_key();
    let mut seeds =
        bytes(&["\0", "\0opaque", "\0{\"kid\":\"k4.pid.x\"}", "\0 {\"kid\":\"x\",\"a\":[]}"]);
    seeds.push(format!("\0{{\"kid\":\"{}\",\"a\":1.5}}", key.kid()).into());
    seeds.push([&[1][..], &cbor(&json!({ "kid": key.kid(), "n": null }))].concat());
    seeds.push([&[1][..], &cbor(&json!({ "kid": ["x"], "a": "b" }))].concat());
    seeds.push(b"\x01\xbf\x63kid\x61x\x01\xc2\x41\x01\xff".to_vec());
    seeds
}

fn claims() -> Vec<Vec<u8>> {
    let values = [
        json!({ "plan": "pro", "n": [1, -1, 2.5, u64::MAX, null, true, { "é": {} }] }),
        json!({ "": {}, "exp": 1 }),
        json!(["plan"]),
    ];
    let prefixed = |selector: u8, data: Vec<u8>| iter::once(selector).chain(data).collect();
    let json = values.iter().map(|value| prefixed(0, value.to_string().into()));
    let cbor_seeds = values.iter().map(|value| prefixed(1, cbor(value)));
    let tagged =
        [prefixed(1, b"\xa2\x61a\xc2\x42\x01\x02\x61b\xd8\x20\xa1\x01\xf9\x7e\0".to_vec())];
    // With the claims of the issuer, 256 keys and 257 keys.
    let many = [251, 252].map(|count| {
        let claims: serde_json::Map<_, _> = (0..count).map(|n| (n.to_string(), json!(n))).collect();
        Json::Object(claims)
    });
    let many_json = many.iter().map(|value| prefixed(0, value.to_string().into()));
    let many_cbor = many.iter().map(|value| prefixed(1, cbor(value)));
    json.chain(cbor_seeds).chain(tagged).chain(many_json).chain(many_cbor).collect()
}

fn paserks() -> Vec<Vec<u8>> {
    let (secret, public) = (secret_key().to_paserk(), secret_key().public_key().to_paserk());
    let local = local_key().to_paserk();
    let quoted = format!("\u{feff} \"{}\\n\" ", *local);
    let zero = format!("k4.secret.{}", "A".repeat(86));
    let mut seeds = bytes(&[&secret, &public, &local, &quoted, &zero, &secret[..60], "k4.pid.x"]);
    seeds.extend(ENCRYPTED.map(|key| key.as_bytes().to_vec()));
    seeds
}

fn pems() -> Vec<Vec<u8>> {
    let secret = signing_key().to_pkcs8_pem(LineEnding::LF).expect("PEM");
    let public = signing_key().verifying_key().to_public_key_pem(LineEnding::CRLF).expect("PEM");
    let short = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEILTL+0PfTOIQcn2VPkpxMwf6Gbt9n4UEFDjZ4RuUKjd0\n-----END PRIVATE KEY-----";
    let escaped = short.replace('\n', "\\n");
    let comment = format!("# my key, of 2026\n{public}\nend");
    let other = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAHrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI=\n-----END PUBLIC KEY-----";
    bytes(&[&secret, &public, short, &escaped, &comment, other, "-----BEGIN RSA PRIVATE KEY-----"])
}

fn sessions() -> Vec<Vec<u8>> {
    let now = NOW.unix_timestamp();
    let session = |created: i64, expires: i64, rest: &str, state: &str| {
        format!(
            r#"{{"v":2,"id":"x","created":{created},"expires":{expires}{rest},"state":{state}}}"#
        )
    };
    let seeds = [
        session(now, now + 60, "", "{}"),
        session(now, now + 60, r#","persistent":true"#, r#"{"user":"ada","cart":[1,2.50,null]}"#),
        session(now, now + 60, r#","persistent":null"#, r#"{"a":1,"a":{"b":2},"visits":7}"#),
        session(now + 305, i64::MAX, "", r#"{"\u0061":"\ud800","é":1e999}"#),
        session(i64::MIN, now, "", "[]"),
        session(now, now + 60, "", r#"{"actix_identity.user_id":"\"ada\"","paseto_login":{}}"#),
        format!(r#"[2,"x",{now},{},null,{{"a":1}}]"#, now + 60),
        session(now, now + 1800, "", r#"{"visits":1}"#),
        session(now, now + 60, "", &format!(r#"{{"a":"{}"}}"#, "x".repeat(2800))),
        session(now, now + 60, "", &format!(r#"{{"a":"{}"}}"#, "x".repeat(2900))),
    ];
    seeds.map(String::into_bytes).to_vec()
}

fn settings() -> Vec<Vec<u8>> {
    let (secret, public) = (secret_key().to_paserk(), secret_key().public_key().to_paserk());
    let local = local_key().to_paserk();
    let texts = [
        format!(
            "\0iss = \"{ISSUER}\"\npublic_keys = [\"{public}\"]\nleeway = \"10s\"\naudience = [\"a\", \"b\"]\n"
        ),
        format!("\0[[public_keys]]\niss = \"{ISSUER}\"\npaserk = \"{public}\"\n"),
        format!("\0iss = \"{}\"\npublic_keys = \"x\"\nformat = \"cbor\"\n", *secret),
        format!(
            "\x01iss = \"{ISSUER}\"\nprivate_keys = [{{ paserk = \"{}\" }}]\nttl = 900\n",
            *secret
        ),
        format!("\x01name = \"{ISSUER}\"\nkeys = \"{}\"\ninclude_iat = \"true\"\n", *secret),
        format!("\x02keys = [\"{}\"]\nidle_timeout = \"30m\"\npersistent = true\n", *local),
        format!("\x02keys = \"{}\"\napplication = \"shop\"\n[cookie]\nname = \"id\"\n", *local),
        format!(
            "\x03keys = [\"{}\"]\nlifetime = \"30d\"\ntrusted_origins = [\"https://a.example\"]\n",
            *local
        ),
        format!("\x03keys = {{ version = 4, key = \"{}\" }}\nunknown = 1.5\n", *secret),
    ];
    texts.map(String::into_bytes).to_vec()
}

fn key_sets() -> Vec<Vec<u8>> {
    let keys = || [secret_key().public_key(), SecretKey::public_key(&other_key())];
    let document = KeySet::new(ISSUER, keys()).expect("a key set").to_json();
    let public = secret_key().public_key();
    let (kid, paserk) = (public.kid(), public.to_paserk());
    let texts = [
        document.clone(),
        document.replace("k4.pid.", "k4.pid.A"),
        json!({ "iss": "a", "x": [{}], "keys": [{ "kid": "x", "paserk": "k3.public.AAAA" }, { "kid": kid, "paserk": paserk, "use": "sig" }] }).to_string(),
        json!({ "iss": "a", "keys": [], "note": *secret_key().to_paserk() }).to_string(),
        document.replace("iss", "i\\u0073s"),
        document.replace("k4.public", "k4\\u002epublic"),
        r#"{"iss":"a","iss":"b","keys":[]}"#.to_owned(),
    ];
    texts.map(String::into_bytes).to_vec()
}

fn key_schedules() -> Vec<Vec<u8>> {
    let mut signing = KeySchedule::new(secret_key());
    signing.announce(other_key(), Some(NOW)).expect("a new key");
    let mut symmetric = KeySchedule::new(local_key());
    let next = paseto_actix::LocalKey::derive_from([7; 32], "next").expect("a key");
    symmetric.announce(next, None).expect("a new key");
    let local = local_key().to_paserk();
    let texts = [
        signing.to_json().to_string(),
        symmetric.to_json().to_string(),
        signing.to_json().replace("2026", "9999"),
        json!({ "version": 1, "keys": [{ "paserk": *local, "activates_at": "2026-01-01t00:00:00.5+23:59" }] }).to_string(),
        json!({ "version": 2, "keys": [{ "paserk": *local }] }).to_string(),
        json!({ "version": 1, "keys": [{ "paserk": *local, "kid": "x", "more": 1 }] }).to_string(),
        json!({ "version": 1, "keys": [{ "paserk": *local, "kid": "x" }] }).to_string(),
        json!({ "version": 1, "keys": [{ "paserk": *secret_key().to_paserk(), "kid": "x" }] }).to_string(),
    ];
    texts.map(String::into_bytes).to_vec()
}

fn other_key() -> SecretKey {
    let pem = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).to_pkcs8_pem(LineEnding::LF);
    SecretKey::from_pem(&pem.expect("PEM")).expect("a key")
}
