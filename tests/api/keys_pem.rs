//! Keys as PEM: what OpenSSL writes, and what only looks like it.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use paseto_actix::{ConfigError, PublicKey, SecretKey};
use paseto_actix_tests::keys;
use paseto_actix_tests::keys::{PUBLIC_PASERK, PUBLIC_PEM, SECRET_PASERK, SECRET_PEM};

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
/// `[1] IMPLICIT BIT STRING`, where version 2 of PKCS#8 keeps the public half.
const PUBLIC_HALF: u8 = 0x81;

/// One element of DER.
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

/// A reader of one type of key, its label, a text that it takes and the key in it as PASERK.
struct Reader {
    read: fn(&str) -> Result<String, ConfigError>,
    label: &'static str,
    good: &'static str,
    paserk: &'static str,
}

const READERS: [Reader; 2] = [
    Reader {
        read: |text| SecretKey::from_pem(text).map(|key| key.to_paserk().to_string()),
        label: "PRIVATE KEY",
        good: SECRET_PEM,
        paserk: SECRET_PASERK,
    },
    Reader {
        read: |text| PublicKey::from_pem(text).map(|key| key.to_paserk()),
        label: "PUBLIC KEY",
        good: PUBLIC_PEM,
        paserk: PUBLIC_PASERK,
    },
];

#[track_caller]
fn assert_malformed(result: Result<String, ConfigError>, what: &str) {
    match result {
        Err(ConfigError::MalformedKey(_)) => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn what_openssl_writes_is_read() {
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

#[test]
fn text_around_the_block() {
    for Reader { read, good, paserk, .. } in READERS {
        assert_eq!(read(good).as_deref(), Ok(paserk));
        for before in ["Bag Attributes\n", "# a key\n", "# a key\n  "] {
            assert_eq!(read(&format!("{before}{good}")).as_deref(), Ok(paserk), "{before:?}");
        }
        for before in ["\0", "-", "# ", "key: "] {
            assert_malformed(read(&format!("{before}{good}")), before);
        }
        for after in ["\0", "\n# a key", "-", "\nMCowBQYDK2VwAyEA"] {
            assert_eq!(read(&format!("{good}{after}")).as_deref(), Ok(paserk), "{after:?}");
        }
        assert_malformed(read(&format!("{}{good}", "#".repeat(8192))), "too long");
    }
}

/// A second key, whatever its form and its typing mistakes, makes a text ambiguous.
#[test]
fn a_block_beside_another_key_is_rejected() {
    for Reader { read, label, good, paserk } in READERS {
        let one_line = good.replace('\n', "");
        for text in [
            format!("# retired: {one_line}\n{paserk}"),
            format!("{paserk}\n{good}"),
            format!("{good}\n# new: {paserk}"),
            format!("{}\n{good}", &good[1..]),
            format!("{good}\n{}", good.replace("-----BEGIN ", "-----BEGIN\t")),
            format!("{good}\n{}", good.replace("-----BEGIN ", "-----BEGIN")),
            format!("{}\n{good}", good.to_lowercase()),
            format!("{good}\n-----END {label}-----"),
        ] {
            assert_malformed(read(&text), &text);
        }
    }
}

#[test]
fn two_blocks() {
    for Reader { read, good, .. } in READERS {
        for other in [SECRET_PEM, PUBLIC_PEM] {
            for between in ["", "\n", "\n\n"] {
                assert_malformed(read(&format!("{good}{between}{other}")), "two blocks");
                assert!(read(&format!("{other}{between}{good}")).is_err());
            }
        }
    }
}

#[test]
fn a_truncated_text() {
    for Reader { read, good, paserk, .. } in READERS {
        assert_eq!(read(good).as_deref(), Ok(paserk));
        for length in 0..good.len() {
            assert_malformed(read(&good[..length]), &good[..length]);
        }
        // Nor does it help to close a truncated body properly.
        let lines: Vec<_> = good.lines().collect();
        for length in 0..lines[1].len() {
            let text = format!("{}\n{}\n{}", lines[0], &lines[1][..length], lines[2]);
            assert_malformed(read(&text), &text);
        }
    }
}

#[test]
fn a_block_that_is_dressed_up() {
    for Reader { read, label, good, .. } in READERS {
        let body = good.lines().nth(1).unwrap();
        let begin = format!("-----BEGIN {label}-----");
        let end = format!("-----END {label}-----");
        let bad = [
            format!("{begin}\n{body}=\n{end}"),
            format!("{begin}\nProc-Type: 4,ENCRYPTED\n\n{body}\n{end}"),
            format!("{begin}\n{}\n{end}", body.replace('+', "-").replace('A', "_")),
            format!("{begin}\n{body}\n-----END CERTIFICATE-----"),
            format!("{begin}\n{body}\n-----end {}-----", label.to_lowercase()),
            format!("{}\n{body}\n{end}", begin.to_lowercase()),
            format!("-----BEGIN  {label}-----\n{body}\n{end}"),
            format!("-----BEGIN {label} -----\n{body}\n{end}"),
            format!("{begin}\n{body}\n{}\n{end}", "A".repeat(1000)),
        ];
        for text in bad {
            assert_malformed(read(&text), &text);
        }
    }
}

#[test]
fn another_label() {
    let labels = [
        "ENCRYPTED PRIVATE KEY",
        "EC PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "RSA PUBLIC KEY",
        "CERTIFICATE",
    ];
    for (reader, other) in [(&READERS[0], &READERS[1]), (&READERS[1], &READERS[0])] {
        let wrong = |found| Err(ConfigError::WrongKeyType { expected: reader.label, found });
        assert_eq!((reader.read)(other.good), wrong(other.label));
        // The body of the right key under another label, and of another key under the right label.
        for found in labels.into_iter().chain([other.label]) {
            assert_eq!((reader.read)(&reader.good.replace(reader.label, found)), wrong(found));
        }
        assert_malformed(
            (reader.read)(&other.good.replace(other.label, reader.label)),
            "a label that lies",
        );
        for (paserk, found) in [(SECRET_PASERK, "k4.secret"), (PUBLIC_PASERK, "k4.public")] {
            assert_eq!((reader.read)(paserk), wrong(found));
        }
        assert_malformed((reader.read)(""), "an empty text");
    }
}

/// The error names the algorithm, or the damage of a key of Ed25519.
#[track_caller]
fn assert_no_ed25519(result: Result<String, ConfigError>, what: &str) {
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

#[test]
fn another_algorithm() {
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
        ("P-256 with a body that would fit", algorithm(EC, &curve), &nested),
        ("RSA", algorithm(RSA, &null), &rsa_key),
        ("RSA with a body that would fit", algorithm(RSA, &null), &nested),
        ("parameters that RFC 8410 forbids", algorithm(ED25519, &null), &nested),
        ("a curve beside Ed25519", algorithm(ED25519, &curve), &nested),
        ("Ed25519 with the body of another", algorithm(ED25519, &[]), &ec_key),
    ] {
        assert_no_ed25519(private(&algorithm, key), what);
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
        ("P-256 with a body that would fit", algorithm(EC, &curve), point()),
        ("RSA", algorithm(RSA, &null), rsa_key),
        ("RSA with a body that would fit", algorithm(RSA, &null), point()),
        ("parameters that RFC 8410 forbids", algorithm(ED25519, &null), point()),
        ("Ed25519 with the body of another", algorithm(ED25519, &[]), ec_point),
    ] {
        assert_no_ed25519(public(&algorithm, &key), what);
    }
}

#[test]
fn another_length() {
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
    assert_malformed(private(&seed()), "a seed that is not wrapped once more");
    for Reader { read, label, good, .. } in READERS {
        let mut der = Base64::decode_vec(good.lines().nth(1).unwrap()).unwrap();
        assert!(read(&pem(label, &der)).is_ok());
        der.push(0);
        assert_malformed(read(&pem(label, &der)), "a byte after the key");
    }
}

#[test]
fn the_public_half_in_a_private_key() {
    let read = |version, point: &[u8]| {
        let half = der(PUBLIC_HALF, &[&[0], point]);
        let der = pkcs8(version, &algorithm(ED25519, &[]), &der(OCTETS, &[&seed()]), &half);
        (READERS[0].read)(&pem("PRIVATE KEY", &der))
    };
    assert_eq!(read(1, &point()).as_deref(), Ok(SECRET_PASERK));
    let other =
        Base64UrlUnpadded::decode_vec(&SecretKey::generate().public_key().to_paserk()[10..])
            .unwrap();
    assert_malformed(read(1, &other), "the half of another key");
    assert_malformed(read(1, &point()[1..]), "a half of 31 bytes");
    assert_malformed(read(1, &[]), "an empty half");
    assert_malformed(read(0, &point()), "version 1, which knows no public half");
}

#[test]
fn an_all_zero_seed() {
    let read = |seed: &[u8]| {
        let der = pkcs8(0, &algorithm(ED25519, &[]), &der(OCTETS, &[seed]), &[]);
        SecretKey::from_pem(&pem("PRIVATE KEY", &der))
    };
    assert_eq!(read(&seed()).unwrap().kid(), keys::secret().kid());
    assert!(matches!(read(&[0; 32]), Err(ConfigError::WeakKey(_))));
}

#[test]
fn errors_do_not_repeat_the_key() {
    for Reader { read, good, .. } in READERS {
        let body = &good.lines().nth(1).unwrap()[20..40];
        for text in [
            format!("{good}{good}"),
            good.replace("KEY", "KEYS"),
            good.replace("BQYDK2Vw", "BQYDK2Vu"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains(body), "{error}");
        }
    }
}
