//! The DER in PEM keys: the encoding of OpenSSL, and other algorithms, lengths and public keys.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use paseto_actix::{ConfigError, SecretKey};
use paseto_actix_tests::keys;
use paseto_actix_tests::keys::{PUBLIC_PASERK, PUBLIC_PEM, SECRET_PASERK, SECRET_PEM};

use crate::keys_pem::{READERS, Reader, assert_malformed};

const ED25519: &[u8] = &[0x2b, 101, 112];
const X25519: &[u8] = &[0x2b, 101, 110];
const X448: &[u8] = &[0x2b, 101, 111];
const ED448: &[u8] = &[0x2b, 101, 113];
/// id-ecPublicKey, 1.2.840.10045.2.1.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// prime256v1, 1.2.840.10045.3.1.7.
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// rsaEncryption, 1.2.840.113549.1.1.1.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// `[1] IMPLICIT BIT STRING`, which contains the public key in version 2 of PKCS#8 (RFC 5958,
/// section 2).
const PUBLIC_HALF: u8 = 0x81;

/// Returns an element of DER.
fn der(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let mut element = vec![tag];
    match u8::try_from(content.len()).unwrap() {
        short @ 0..0x80 => element.push(short),
        long => element.extend([0x81, long]),
    }
    element.extend(content);
    element
}

fn algorithm(oid: &[u8], parameters: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[&der(OID, &[oid]), parameters])
}

fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[algorithm, &der(BITS, &[&[0], key])])
}

fn pkcs8(version: u8, algorithm: &[u8], key: &[u8], rest: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[&der(INTEGER, &[&[version]]), algorithm, &der(OCTETS, &[key]), rest])
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = Base64::encode_string(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", lines.join("\n"))
}

fn seed() -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(SECRET_PASERK.trim_start_matches("k4.secret.")).unwrap()[..32]
        .to_vec()
}

fn point() -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(PUBLIC_PASERK.trim_start_matches("k4.public.")).unwrap()
}

/// RFC 7468, sections 10 and 13, and RFC 8410, sections 4 and 7.
#[test]
fn pem_of_openssl_is_read() {
    assert_eq!(
        pem("PRIVATE KEY", &pkcs8(0, &algorithm(ED25519, &[]), &der(OCTETS, &[&seed()]), &[])),
        SECRET_PEM
    );
    assert_eq!(pem("PUBLIC KEY", &spki(&algorithm(ED25519, &[]), &point())), PUBLIC_PEM);
    for Reader { read, good, paserk, .. } in READERS {
        let with_newline = format!("{good}\n");
        for text in
            [good, &with_newline, &good.replace('\n', "\r\n"), &with_newline.replace('\n', "\r\n")]
        {
            assert_eq!(read(text).as_deref(), Ok(paserk), "{text:?}");
        }
    }
}

/// Asserts that the error names the algorithm, or that the key is malformed.
#[track_caller]
fn assert_not_ed25519(result: Result<String, ConfigError>, what: &str) {
    match result {
        Err(ConfigError::WrongKeyType { expected: "Ed25519", found }) => {
            let name =
                if what.starts_with("P-256") { "EC" } else { what.split(' ').next().unwrap() };
            assert_eq!(found, name, "{what}");
        }
        other => {
            assert!(
                ["parameters", "a curve", "Ed25519"]
                    .into_iter()
                    .any(|start| what.starts_with(start)),
                "{what}"
            );
            assert_malformed(other, what);
        }
    }
}

/// RFC 8410, section 3.
#[test]
fn rejects_other_algorithm() {
    let curve = der(OID, &[P256]);
    let null = der(NULL, &[]);
    let integer = |byte, length: usize| der(INTEGER, &[&vec![byte; length]]);

    let private = |algorithm: &[u8], key: &[u8]| {
        (READERS[0].read)(&pem("PRIVATE KEY", &pkcs8(0, algorithm, key, &[])))
    };
    let nested = der(OCTETS, &[&seed()]);
    assert_eq!(private(&algorithm(ED25519, &[]), &nested).as_deref(), Ok(SECRET_PASERK));
    let ec_key = der(SEQUENCE, &[&integer(1, 1), &nested]);
    let rsa_key = der(
        SEQUENCE,
        &[
            &integer(0, 1),
            &integer(0x55, 65),
            &integer(3, 1),
            &integer(0x11, 20),
            &integer(0x13, 20),
        ],
    );
    for (what, algorithm, key) in [
        ("X25519", algorithm(X25519, &[]), &nested),
        ("X448", algorithm(X448, &[]), &nested),
        ("Ed448", algorithm(ED448, &[]), &nested),
        ("P-256", algorithm(EC, &curve), &ec_key),
        ("P-256 with a body of Ed25519", algorithm(EC, &curve), &nested),
        ("RSA", algorithm(RSA, &null), &rsa_key),
        ("RSA with a body of Ed25519", algorithm(RSA, &null), &nested),
        ("parameters that RFC 8410 forbids", algorithm(ED25519, &null), &nested),
        ("a curve with Ed25519", algorithm(ED25519, &curve), &nested),
        ("Ed25519 with a body of P-256", algorithm(ED25519, &[]), &ec_key),
    ] {
        assert_not_ed25519(private(&algorithm, key), what);
    }

    let public =
        |algorithm: &[u8], key: &[u8]| (READERS[1].read)(&pem("PUBLIC KEY", &spki(algorithm, key)));
    assert_eq!(public(&algorithm(ED25519, &[]), &point()).as_deref(), Ok(PUBLIC_PASERK));
    let ec_point = [&[4][..], &point(), &point()].concat();
    let rsa_key = der(SEQUENCE, &[&integer(0x55, 65), &integer(3, 1)]);
    for (what, algorithm, key) in [
        ("X25519", algorithm(X25519, &[]), point()),
        ("X448", algorithm(X448, &[]), point()),
        ("Ed448", algorithm(ED448, &[]), point()),
        ("P-256", algorithm(EC, &curve), ec_point.clone()),
        ("P-256 with a body of Ed25519", algorithm(EC, &curve), point()),
        ("RSA", algorithm(RSA, &null), rsa_key),
        ("RSA with a body of Ed25519", algorithm(RSA, &null), point()),
        ("parameters that RFC 8410 forbids", algorithm(ED25519, &null), point()),
        ("Ed25519 with a body of P-256", algorithm(ED25519, &[]), ec_point),
    ] {
        assert_not_ed25519(public(&algorithm, &key), what);
    }
}

#[test]
fn rejects_key_of_other_length() {
    let private = |key: &[u8]| {
        let der = pkcs8(0, &algorithm(ED25519, &[]), key, &[]);
        (READERS[0].read)(&pem("PRIVATE KEY", &der))
    };
    let public =
        |key: &[u8]| (READERS[1].read)(&pem("PUBLIC KEY", &spki(&algorithm(ED25519, &[]), key)));
    let long = [seed(), vec![0; 32]].concat();
    for length in [0, 1, 31, 32, 33, 64] {
        let key = &long[..length];
        let results =
            [private(&der(OCTETS, &[key])), public(&[&point()[..], &[0; 32]].concat()[..length])];
        for result in results {
            assert_eq!(result.is_ok(), length == 32, "{length}: {result:?}");
        }
    }
    assert_malformed(private(&seed()), "a seed without the inner octet string");
    for Reader { read, label, good, .. } in READERS {
        let mut der = Base64::decode_vec(good.lines().nth(1).unwrap()).unwrap();
        assert!(read(&pem(label, &der)).is_ok());
        der.push(0);
        assert_malformed(read(&pem(label, &der)), "a byte after the key");
    }
}

/// RFC 5958, section 2, and RFC 8410, section 7.
#[test]
fn public_key_in_a_private_key_must_match() {
    let read = |version, point: &[u8]| {
        let half = der(PUBLIC_HALF, &[&[0], point]);
        let der = pkcs8(version, &algorithm(ED25519, &[]), &der(OCTETS, &[&seed()]), &half);
        (READERS[0].read)(&pem("PRIVATE KEY", &der))
    };
    assert_eq!(read(1, &point()).as_deref(), Ok(SECRET_PASERK));
    let other =
        Base64UrlUnpadded::decode_vec(&SecretKey::generate().public_key().to_paserk()[10..])
            .unwrap();
    assert_malformed(read(1, &other), "the public key of another key pair");
    assert_malformed(read(1, &point()[1..]), "a public key of 31 bytes");
    assert_malformed(read(1, &[]), "an empty public key");
    assert_malformed(read(0, &point()), "a public key in version 1");
}

#[test]
fn all_zero_seed_is_rejected() {
    let read = |seed: &[u8]| {
        let der = pkcs8(0, &algorithm(ED25519, &[]), &der(OCTETS, &[seed]), &[]);
        SecretKey::from_pem(&pem("PRIVATE KEY", &der))
    };
    assert_eq!(read(&seed()).unwrap().kid(), keys::secret().kid());
    assert!(matches!(read(&[0; 32]), Err(ConfigError::WeakKey(_))));
}
