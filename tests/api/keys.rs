//! Keys as PASERK: reading, writing, and errors for other keys and malformed strings.

use std::ops::Range;

use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix::{ConfigError, Issuer, LocalKey, PublicKey, SecretKey, Verifier};
use paseto_actix_tests::keys::{PUBLIC_PASERK, PUBLIC_PEM, SECRET_PASERK, SECRET_PEM};
use paseto_actix_tests::{ISSUER, keys};
use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey, SymmetricKey};
use pasetors::paserk::{FormatAsPaserk, Id};
use pasetors::version4::V4;

/// A function that reads one type of PASERK, and a valid key of that type.
struct Reader {
    kind: &'static str,
    read: fn(&str) -> Result<(), ConfigError>,
    good: String,
}

fn readers() -> [Reader; 3] {
    [
        Reader {
            kind: "k4.public",
            read: |text| PublicKey::from_paserk(text).map(drop),
            good: keys::public().to_paserk(),
        },
        Reader {
            kind: "k4.secret",
            read: |text| SecretKey::from_paserk(text).map(drop),
            good: SECRET_PASERK.to_owned(),
        },
        Reader {
            kind: "k4.local",
            read: |text| LocalKey::from_paserk(text).map(drop),
            good: LocalKey::generate().to_paserk().to_string(),
        },
    ]
}

fn text_of(paserk: &impl FormatAsPaserk) -> String {
    let mut text = String::new();
    paserk.fmt(&mut text).unwrap();
    text
}

#[test]
fn paserk_and_pem_of_one_key_are_equal() {
    let (paserk, pem) = (keys::secret(), SecretKey::from_pem(SECRET_PEM).unwrap());
    let public = PublicKey::from_paserk(PUBLIC_PASERK).unwrap();
    assert_eq!(*paserk.to_paserk(), *pem.to_paserk());
    assert_eq!(PublicKey::from_pem(PUBLIC_PEM).unwrap(), public);
    assert_eq!([paserk.public_key(), pem.public_key()], [public.clone(), public.clone()]);
    assert_eq!([paserk.kid(), pem.kid()], [public.kid(); 2]);
    assert_ne!(SecretKey::generate().public_key(), public, "different keys are not equal");
}

#[test]
fn paserk_is_written_as_it_was_read() {
    assert_eq!(*keys::secret().to_paserk(), SECRET_PASERK);
    assert_eq!(keys::public().to_paserk(), PUBLIC_PASERK);
    let (secret, local) = (SecretKey::generate(), LocalKey::generate());
    let public = secret.public_key();
    assert_eq!(PublicKey::from_paserk(&public.to_paserk()).unwrap(), public);
    assert_eq!(LocalKey::from_paserk(&local.to_paserk()).unwrap(), local);
    let again = SecretKey::from_paserk(&secret.to_paserk()).unwrap();
    assert_eq!((&*again.to_paserk(), again.public_key()), (&*secret.to_paserk(), public));
}

#[test]
fn generated_keys_differ() {
    assert_ne!(SecretKey::generate().public_key(), SecretKey::generate().public_key());
    assert_ne!(LocalKey::generate(), LocalKey::generate());
    assert_ne!(LocalKey::generate().kid(), LocalKey::generate().kid());
}

/// PASERK, operation `ID`.
#[test]
fn key_id_equals_that_of_another_implementation() {
    for secret in [keys::secret(), SecretKey::generate()] {
        let reference =
            AsymmetricPublicKey::<V4>::try_from(secret.public_key().to_paserk().as_str()).unwrap();
        assert_eq!(secret.kid(), text_of(&Id::from(&reference)));
        assert_eq!(secret.public_key().kid(), secret.kid());
        assert!(secret.kid().starts_with("k4.pid."));

        let reference = AsymmetricSecretKey::<V4>::try_from(&**secret.to_paserk()).unwrap();
        assert_ne!(
            secret.kid(),
            text_of(&Id::from(&reference)),
            "the key ID is not that of the secret key"
        );
    }
    let local = LocalKey::generate();
    let reference = SymmetricKey::<V4>::try_from(&**local.to_paserk()).unwrap();
    assert_eq!(local.kid(), text_of(&Id::from(&reference)));
    assert!(local.kid().starts_with("k4.lid."));
}

/// PASETO Implementation Guide, chapter "Algorithm Lucidity".
#[test]
fn key_of_another_type_is_rejected() {
    let others = [
        ("k4.pid.", "k4.pid"),
        ("k4.sid.", "k4.sid"),
        ("k4.lid.", "k4.lid"),
        ("k4.seal.", "k4.seal"),
        ("k4.local-wrap.pie.", "k4.local-wrap"),
        ("k4.secret-wrap.pie.", "k4.secret-wrap"),
        ("k4.local-pw.", "k4.local-pw"),
        ("k4.secret-pw.", "k4.secret-pw"),
        ("k1.public.", "k1"),
        ("k1.secret.", "k1"),
        ("k2.local.", "k2"),
        ("k2.public.", "k2"),
        ("k3.public.", "k3"),
        ("k3.secret.", "k3"),
    ];
    let readers = readers();
    for Reader { kind, read, good } in &readers {
        assert_eq!(read(good), Ok(()), "{kind}");
        let wrong = |found| Err(ConfigError::WrongKeyType { expected: kind, found });
        let body = good.rsplit('.').next().unwrap();
        for (header, found) in others {
            assert_eq!(read(&format!("{header}{body}")), wrong(found), "{header} for {kind}");
        }
        for other in readers.iter().filter(|other| other.kind != *kind) {
            assert_eq!(read(&other.good), wrong(other.kind));
            // The header decides, even if the length fits.
            assert_eq!(read(&format!("{}.{body}", other.kind)), wrong(other.kind));
        }
        for pem in [SECRET_PEM, PUBLIC_PEM] {
            assert!(
                matches!(read(pem), Err(ConfigError::WrongKeyType { expected, .. }) if expected == *kind)
            );
        }
    }
}

#[test]
fn malformed_paserk_is_rejected_without_showing_the_key() {
    for Reader { kind, read, good } in readers() {
        let body = good.rsplit('.').next().unwrap();
        let bytes = Base64UrlUnpadded::decode_vec(body).unwrap();
        let encoded = |bytes: &[u8]| format!("{kind}.{}", Base64UrlUnpadded::encode_string(bytes));
        assert_eq!(encoded(&bytes), good, "the encoding of the key is correct");

        let (start, last) = good.split_at(good.len() - 1);
        let trailing_bit = last_plus_one(last);
        let bad = [
            String::new(),
            kind.to_owned(),
            format!("{kind}."),
            body.to_owned(),
            format!("{good}="),
            format!("{good}=="),
            format!("{good}\0"),
            format!("{good}."),
            format!("{good}.{body}"),
            format!("{kind}. {body}"),
            format!("{kind}..{body}"),
            format!("{kind}{body}"),
            format!("{start} {last}"),
            format!("{start}\n{last}"),
            format!("{start}+"),
            format!("{start}/"),
            format!("{start}é"),
            format!("{start}{trailing_bit}"),
            good.replacen("k4", "K4", 1),
            good.to_uppercase(),
            good.replacen("k4", "k5", 1),
            encoded(&bytes[1..]),
            encoded(&bytes[..bytes.len() - 1]),
            encoded(&[&bytes[..], &[0]].concat()),
            encoded(&bytes.repeat(2)),
            encoded(&bytes.repeat(100)),
        ];
        for text in bad {
            let error = read(&text).expect_err(&text);
            assert!(matches!(error, ConfigError::MalformedKey(_)), "{text:?}: {error:?}");
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(&body[..8]), "the error contains a part of the key: {shown}");
        }
    }
}

/// Returns the next character of the base64url alphabet. The unused bits of the last character of a
/// canonical encoding are zero. The next character sets the lowest of them and changes nothing
/// else.
fn last_plus_one(last: &str) -> char {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = ALPHABET.find(last).unwrap();
    ALPHABET[index + 1..].chars().next().unwrap()
}

#[test]
fn secret_key_with_another_public_key_is_rejected() {
    let half = |key: &SecretKey, range: Range<usize>| {
        let paserk = key.to_paserk();
        Base64UrlUnpadded::decode_vec(paserk.trim_start_matches("k4.secret.")).unwrap()[range]
            .to_vec()
    };
    let read = |seed: Vec<u8>, public: Vec<u8>| {
        let bytes = [seed, public].concat();
        SecretKey::from_paserk(&format!("k4.secret.{}", Base64UrlUnpadded::encode_string(&bytes)))
    };
    let (one, other) = (keys::secret(), SecretKey::generate());
    for key in [&one, &other] {
        assert_eq!(read(half(key, 0..32), half(key, 32..64)).unwrap().kid(), key.kid());
    }
    assert!(matches!(
        read(half(&one, 0..32), half(&other, 32..64)),
        Err(ConfigError::MalformedKey(_))
    ));
    assert!(matches!(
        read(half(&other, 0..32), half(&one, 32..64)),
        Err(ConfigError::MalformedKey(_))
    ));
    for bit in [0, 7, 100, 255] {
        let mut public = half(&one, 32..64);
        public[bit / 8] ^= 1 << (bit % 8);
        assert!(
            matches!(read(half(&one, 0..32), public), Err(ConfigError::MalformedKey(_))),
            "bit {bit}"
        );
    }
}

#[test]
fn all_zero_seed_is_rejected() {
    let read = |seed: [u8; 32]| {
        let pair = ed25519_dalek::SigningKey::from_bytes(&seed).to_keypair_bytes();
        SecretKey::from_paserk(&format!("k4.secret.{}", Base64UrlUnpadded::encode_string(&pair)))
    };
    let mut almost = [0; 32];
    almost[31] = 1;
    assert!(read(almost).is_ok());
    assert!(matches!(read([0; 32]), Err(ConfigError::WeakKey(_))));
    let all_zero = format!("k4.secret.{}", Base64UrlUnpadded::encode_string(&[0; 64]));
    assert!(matches!(SecretKey::from_paserk(&all_zero), Err(ConfigError::WeakKey(_))));
}

#[test]
fn debug_of_keys_shows_the_key_id_only() {
    fn is_shared<T: Clone + Send + Sync + Unpin + std::panic::UnwindSafe + 'static>(_: &T) {}

    let (secret, local) = (keys::secret(), LocalKey::generate());
    is_shared(&secret);
    is_shared(&local);
    is_shared(&secret.public_key());
    let issuer = Issuer::builder(ISSUER).key(secret.clone()).build().unwrap();
    assert_eq!(issuer.public_keys().collect::<Vec<_>>(), [keys::public()]);
    let verifier = Verifier::builder().trust(ISSUER, keys::public()).build().unwrap();

    let shown = format!("{secret:?} {local:?} {:?} {issuer:?} {verifier:?}", secret.public_key());
    assert_eq!(shown.matches(secret.kid()).count(), 4);
    assert!(shown.contains(local.kid()));
    for secret in [SECRET_PASERK, &local.to_paserk()] {
        assert!(!shown.contains(&secret.rsplit('.').next().unwrap()[..8]));
    }
}

/// HKDF-SHA256 of RFC 5869, computed by another implementation. With other keys, an application
/// could not decrypt its sessions after an update.
#[test]
fn derived_key_is_always_the_same_and_needs_32_bytes() {
    let key = LocalKey::derive_from([7; 32], "sessions").unwrap();
    assert_eq!(*key.to_paserk(), "k4.local.RGNAHcONsLVf1FKjPyE0A2RuLOy8rId-DwCKt8KEI1Y");
    let short = LocalKey::derive_from([7; 31], "sessions");
    assert!(matches!(short, Err(ConfigError::WeakKey(_))), "{short:?}");
}
