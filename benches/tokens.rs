//! Tokens of each format with the same claims.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use paseto_actix::{Issuer, SecretKey};
use serde_json::{Value, json};

use crate::jwt;
use crate::keys::{Claims, Format, ISSUER, KeySet, decode};

/// Issues one token for each user. `numbers` contains the numbers of the users.
pub(crate) fn issue_tokens(keys: &KeySet, format: Format, numbers: Range<usize>) -> Vec<String> {
    if format == Format::Paseto {
        let issuer = issuer(keys.secret());
        return numbers.map(|number| issue_token(&issuer, number)).collect();
    }
    let signer = jwt::Signer::new(keys, format);
    numbers.map(|number| signer.sign(&jwt_claims(number))).collect()
}

pub(crate) fn issuer(key: SecretKey) -> Issuer {
    Issuer::builder(ISSUER).key(key).build().expect("an issuer")
}

/// Returns the private claims of the user with this number.
pub(crate) fn private_claims(number: usize) -> Value {
    json!({ "email": Claims::of_user(number).email, "plan": "pro", "groups": ["a", "b", "c"] })
}

/// Issues a token of about 500 bytes for the user with this number.
pub(crate) fn issue_token(issuer: &Issuer, number: usize) -> String {
    let subject = format!("user:{number}");
    issuer
        .token(&private_claims(number))
        .subject(subject)
        .scopes(["read", "write"])
        .issue()
        .expect("a token")
}

/// Returns the same claims for a JWT, with numeric dates.
pub(crate) fn jwt_claims(number: usize) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
    json!({
        "iss": ISSUER, "sub": format!("user:{number}"), "exp": now + 3600, "nbf": now, "iat": now,
        "jti": format!("{number:022}"), "scope": "read write",
        "email": Claims::of_user(number).email, "plan": "pro", "groups": ["a", "b", "c"],
    })
}

/// Returns the token with a wrong signature. One character of the signature is replaced.
pub(crate) fn altered(token: &str) -> String {
    let end = if token.contains("v4.public.") {
        token.rfind('.').expect("a footer")
    } else {
        token.len()
    };
    let mut bytes = token.as_bytes().to_vec();
    let character = &mut bytes[end - 30];
    *character = if *character == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).expect("ASCII")
}

/// Returns the signed bytes of a token, which are PASETO's pre-authentication encoding, and the
/// signature.
pub(crate) fn signed(token: &str) -> (Vec<u8>, [u8; 64]) {
    let (body, footer) = token.trim_start_matches("v4.public.").split_once('.').expect("a footer");
    let (body, footer) = (decode(body), decode(footer));
    let (payload, signature) = body.split_at(body.len() - 64);
    let mut encoded = 4_u64.to_le_bytes().to_vec();
    for piece in [b"v4.public.", payload, &footer, b""] {
        encoded.extend((piece.len() as u64).to_le_bytes());
        encoded.extend(piece);
    }
    (encoded, signature.try_into().expect("64 bytes"))
}

/// Returns the length of the payload in bytes.
pub(crate) fn payload_len(token: &str) -> usize {
    let (body, _) = token.trim_start_matches("v4.public.").split_once('.').expect("a footer");
    decode(body).len() - 64
}

/// Returns the footer of a token.
pub(crate) fn footer(token: &str) -> String {
    let (_, footer) = token.rsplit_once('.').expect("a footer");
    String::from_utf8(decode(footer)).expect("JSON")
}
