//! Keys that are encrypted with a password: PASERK `k4.secret-pw` and `k4.local-pw`.
//!
//! `vectors.rs` runs the official vectors, and `interop` exchanges these keys with PySETO.

use std::ops::Range;

use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix::keys::PasswordParameters;
use paseto_actix::{ConfigError, LocalKey, SecretKey};
use paseto_actix_tests::keys::{
    LOCAL_PASERK, LOCAL_PASSWORD_PASERK, PASSWORD, SECRET_PASERK, SECRET_PASSWORD_PASERK,
    SECRET_PEM,
};

const MEMORY: Range<usize> = 16..24;
const ITERATIONS: Range<usize> = 24..28;
const PARALLELISM: Range<usize> = 28..32;
const NONCE: Range<usize> = 32..56;

/// A type of key, with a key that PySETO encrypted with [`PASSWORD`]. These keys are cheap to read:
/// 8 KiB of memory for each lane and one iteration.
struct Kind {
    kind: &'static str,
    plain: &'static str,
    one_lane: &'static str,
    four_lanes: &'static str,
    read: fn(&str, &[u8]) -> Result<String, ConfigError>,
    write: fn(&[u8], &PasswordParameters) -> Result<String, ConfigError>,
}

const KINDS: [Kind; 2] = [
    Kind {
        kind: "k4.secret-pw",
        plain: SECRET_PASERK,
        one_lane: SECRET_PASSWORD_PASERK,
        four_lanes: "k4.secret-pw.0ydbS21Yu0NWZbmM6callAAAAAAAAIAAAAAAAQAAAASxv-7X-HG1qGIPKa6oVjTyj-vXYx7OCIaTIYyxH_UXcfGad_XMgiNc-ChLRvqkZPLDeOGLK_4eiKFokOJOCZWGHf1LTFDIj0pVAZRxJNQumVUK6ur5ZauQmmlXHUZVkZxLfuYSIrDfV5LaUnGiM5faIm96KmLRDnY",
        read: |text, password| {
            Ok(SecretKey::from_paserk_with_password(text, password)?.to_paserk().to_string())
        },
        write: |password, parameters| {
            SecretKey::from_paserk(SECRET_PASERK)?.to_paserk_with_password(password, parameters)
        },
    },
    Kind {
        kind: "k4.local-pw",
        plain: LOCAL_PASERK,
        one_lane: LOCAL_PASSWORD_PASERK,
        four_lanes: "k4.local-pw.QRrmE05kPb2FVl_n2ZsN0wAAAAAAAIAAAAAAAQAAAARd2oXY0_Yhr34Zp3qsc1J-fg3E57a9JYxOuDafVGe4Tmg_RGpHCg0BS565UItPbxR4YujOgK0SxpCM-9B6XW0QMvvEUOtLZ33k-2jCAv53VfzoESczZG7v",
        read: |text, password| {
            Ok(LocalKey::from_paserk_with_password(text, password)?.to_paserk().to_string())
        },
        write: |password, parameters| {
            LocalKey::from_paserk(LOCAL_PASERK)?.to_paserk_with_password(password, parameters)
        },
    },
];

impl Kind {
    fn read(&self, text: &str) -> Result<String, ConfigError> {
        (self.read)(text, PASSWORD.as_bytes())
    }

    fn bytes(&self, text: &str) -> Vec<u8> {
        let body = text.strip_prefix(self.kind).unwrap().strip_prefix('.').unwrap();
        Base64UrlUnpadded::decode_vec(body).unwrap()
    }

    fn text(&self, bytes: &[u8]) -> String {
        format!("{}.{}", self.kind, Base64UrlUnpadded::encode_string(bytes))
    }

    /// Returns a PASERK with these parameters. Its tag does not match.
    fn with_parameters(&self, memory: u64, iterations: u32, parallelism: u32) -> String {
        let mut bytes = self.bytes(self.one_lane);
        bytes[MEMORY].copy_from_slice(&memory.to_be_bytes());
        bytes[ITERATIONS].copy_from_slice(&iterations.to_be_bytes());
        bytes[PARALLELISM].copy_from_slice(&parallelism.to_be_bytes());
        self.text(&bytes)
    }
}

/// Returns the cheapest parameters that can be written.
fn minimum() -> PasswordParameters {
    PasswordParameters::default().memory(19 << 20).iterations(2)
}

#[test]
fn key_of_another_library_is_read() {
    for kind in KINDS {
        for text in [kind.one_lane, kind.four_lanes, &format!(" \"{}\"\n", kind.one_lane)] {
            assert_eq!(kind.read(text).as_deref(), Ok(kind.plain), "{text}");
        }
    }
}

#[test]
fn written_key_is_read_with_its_password_only() {
    for kind in KINDS {
        let text = (kind.write)(PASSWORD.as_bytes(), &minimum()).unwrap();
        assert_eq!(kind.read(&text).as_deref(), Ok(kind.plain));
        assert_eq!((kind.read)(&text, b"hunter3"), Err(ConfigError::WrongPassword));
        for wrong in ["hunter3", "Hunter2", "hunter2\n", "hunter2\0", " hunter2", "hunter"] {
            let result = (kind.read)(kind.one_lane, wrong.as_bytes());
            assert_eq!(result, Err(ConfigError::WrongPassword), "{wrong:?}");
        }
        let not_utf8 = b"\xff\0\xfe";
        let text = (kind.write)(not_utf8, &minimum()).unwrap();
        assert_eq!((kind.read)(&text, not_utf8).as_deref(), Ok(kind.plain));
    }
}

#[test]
fn written_key_contains_its_parameters() {
    for kind in KINDS {
        let write = |parameters| {
            let text = (kind.write)(PASSWORD.as_bytes(), &parameters).unwrap();
            kind.bytes(&text)
        };
        let numbers = |bytes: &[u8]| bytes[MEMORY.start..PARALLELISM.end].to_vec();
        assert_eq!(
            numbers(&write(PasswordParameters::default())),
            [0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1],
            "64 MiB, 3 iterations, one lane"
        );
        let [first, second] = [write(minimum()), write(minimum())];
        assert_eq!(numbers(&first), [0, 0, 0, 0, 1, 0x30, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1]);
        assert_ne!(first[..MEMORY.start], second[..MEMORY.start], "the salt is random");
        assert_ne!(first[NONCE], second[NONCE], "the nonce is random");
        assert_ne!(first[NONCE], [0; 24]);
    }
}

#[test]
fn each_changed_bit_is_rejected() {
    for kind in KINDS {
        let bytes = kind.bytes(kind.one_lane);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let error = kind.read(&kind.text(&changed)).unwrap_err();
            let is_parameter = (MEMORY.start..PARALLELISM.end).contains(&(bit / 8));
            assert!(
                error == ConfigError::WrongPassword
                    || is_parameter && matches!(error, ConfigError::MalformedKey(_)),
                "bit {bit}: {error}"
            );
        }
    }
}

#[test]
fn malicious_parameters_are_rejected_before_any_work() {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    let memory = |range: &str, found: u64| {
        format!("malformed key: `memory` of Argon2id: expected {range} bytes, found {found}")
    };
    let iterations = |range: &str, found: u32| {
        format!(
            "malformed key: `iterations` of Argon2id: expected {range} (memory × iterations: at most 1 GiB), \
             found {found}"
        )
    };
    let parallelism = |found: u32| {
        format!("malformed key: `parallelism` of Argon2id: expected 1 to 4, found {found}")
    };
    let rows = [
        (0, 1, 1, memory("8192 to 268435456", 0)),
        (8 * KIB - 1, 1, 1, memory("8192 to 268435456", 8 * KIB - 1)),
        (32 * KIB - 1, 1, 4, memory("32768 to 268435456", 32 * KIB - 1)),
        (256 * MIB + 1, 1, 1, memory("8192 to 268435456", 256 * MIB + 1)),
        (1 << 42, 1, 1, memory("8192 to 268435456", 1 << 42)),
        (1 << 63, 1, 1, memory("8192 to 268435456", 1 << 63)),
        (u64::MAX, u32::MAX, 4, memory("32768 to 268435456", u64::MAX)),
        (8 * KIB, 0, 1, iterations("1 to 16", 0)),
        (8 * KIB, 17, 1, iterations("1 to 16", 17)),
        (8 * KIB, u32::MAX, 1, iterations("1 to 16", u32::MAX)),
        (256 * MIB, 5, 1, iterations("1 to 4", 5)),
        (65 * MIB, 16, 1, iterations("1 to 15", 16)),
        (8 * KIB, 1, 0, parallelism(0)),
        (64 * KIB, 1, 5, parallelism(5)),
        (8 * KIB, 1, 1 << 24, parallelism(1 << 24)),
        (u64::MAX, u32::MAX, u32::MAX, parallelism(u32::MAX)),
    ];
    for kind in KINDS {
        for (memory, iterations, parallelism, expected) in &rows {
            let text = kind.with_parameters(*memory, *iterations, *parallelism);
            assert_eq!(kind.read(&text).unwrap_err().to_string(), *expected);
        }
        // Parameters in the range lead to a check of the tag, which does not match.
        for (memory, iterations, parallelism) in
            [(8 * KIB, 16, 1), (64 * KIB, 16, 4), (9 * KIB + 1, 1, 1)]
        {
            let text = kind.with_parameters(memory, iterations, parallelism);
            assert_eq!(kind.read(&text), Err(ConfigError::WrongPassword));
        }
    }
}

#[test]
fn most_expensive_parameters_are_read() {
    let text = KINDS[1].with_parameters(256 << 20, 4, 4);
    assert_eq!(KINDS[1].read(&text), Err(ConfigError::WrongPassword));
}

#[test]
fn weak_parameters_are_not_written() {
    let memory =
        |found: u64| format!("`memory`: expected 19922944 to 268435456 bytes, found {found}");
    let iterations = |range: &str, found: u32| {
        format!(
            "`iterations`: expected {range} (memory × iterations: at most 1 GiB), found {found}"
        )
    };
    let parameters = PasswordParameters::default();
    for kind in KINDS {
        for (parameters, expected) in [
            (parameters.memory(0), memory(0)),
            (parameters.memory((19 << 20) - 1), memory((19 << 20) - 1)),
            (parameters.memory((256 << 20) + 1024), memory((256 << 20) + 1024)),
            (
                parameters.memory((20 << 20) + 1),
                "`memory`: expected a multiple of 1024 bytes, found 20971521".to_owned(),
            ),
            (parameters.iterations(0), iterations("2 to 16", 0)),
            (parameters.iterations(1), iterations("2 to 16", 1)),
            (parameters.iterations(17), iterations("2 to 16", 17)),
            (parameters.memory(256 << 20).iterations(5), iterations("2 to 4", 5)),
        ] {
            let error = (kind.write)(PASSWORD.as_bytes(), &parameters).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}

#[test]
fn empty_password_is_rejected() {
    for kind in KINDS {
        let empty = ConfigError::WeakKey("the password is empty");
        assert_eq!((kind.write)(b"", &minimum()), Err(empty.clone()));
        assert_eq!((kind.read)(kind.one_lane, b""), Err(empty));
    }
}

#[test]
fn key_of_another_type_is_rejected() {
    for kind in KINDS {
        let body = kind.one_lane.rsplit('.').next().unwrap();
        let others =
            ["k4.secret", "k4.local", "k4.public", "k4.seal", "k4.secret-wrap", "k3", "k2"];
        for found in others {
            let text = format!("{found}.secret-pw.{body}");
            let expected = ConfigError::WrongKeyType { expected: kind.kind, found };
            assert_eq!(kind.read(&text), Err(expected), "{text}");
        }
        for other in KINDS.iter().filter(|other| other.kind != kind.kind) {
            let expected = ConfigError::WrongKeyType { expected: kind.kind, found: other.kind };
            assert_eq!(kind.read(other.one_lane), Err(expected.clone()));
            // The header decides, even if the length fits.
            assert_eq!(kind.read(&format!("{}.{body}", other.kind)), Err(expected));
        }
        let expected = ConfigError::WrongKeyType { expected: kind.kind, found: "PEM" };
        assert_eq!(kind.read(SECRET_PEM), Err(expected));
    }
}

#[test]
fn malformed_string_is_rejected() {
    for kind in KINDS {
        let good = kind.one_lane;
        let bytes = kind.bytes(good);
        let (start, _) = good.split_at(good.len() - 1);
        for text in [
            String::new(),
            kind.kind.to_owned(),
            format!("{}.", kind.kind),
            format!("{good}="),
            format!("{good}A"),
            format!("{good}.A"),
            format!("{start}+"),
            format!("{start} "),
            good.to_uppercase(),
            kind.text(&bytes[1..]),
            kind.text(&bytes[..56]),
            kind.text(&[&bytes[..], &[0]].concat()),
            kind.text(&bytes.repeat(100)),
        ] {
            let error = kind.read(&text).unwrap_err();
            assert!(matches!(error, ConfigError::MalformedKey(_)), "{text}: {error}");
        }
    }
    // The unused bits of the last character are zero in a canonical encoding.
    let secret = &KINDS[0];
    let changed = format!("{}t", secret.one_lane.strip_suffix('s').unwrap());
    assert!(matches!(secret.read(&changed), Err(ConfigError::MalformedKey(_))));
}

/// The person who knows the password can encrypt any bytes.
#[test]
fn decrypted_key_is_checked_like_another_key() {
    let other_public_key = "k4.secret-pw.QHXhiL6-gI6EeHasHl2Q6AAAAAAAACAAAAAAAQAAAAH8pax5bx6a9HCHckAiRJ7igytSxUD3T9WMBp9IdX7_dPQyDzp7BhSYAYAoyFJNYuoHii048L_FC_pa7Q3V8OgCBRdlB6mz0pY1YHEeW09itIoTaYAo0g6SP1Ov_oANCKnY6QAbHIaEnka77lPGEAPXoXiMhv4wHt4";
    let error = KINDS[0].read(other_public_key).unwrap_err();
    assert!(matches!(error, ConfigError::MalformedKey(_)), "{error}");
    let zeros = "k4.secret-pw.wVaOG2qUT8ZtQOUiQa4AvwAAAAAAACAAAAAAAQAAAAF3Cd-tIBsNJ_-tiW_uAPUclxGfZCcrnuIYP6jPNP7FQ5wxYSKQ41pNwIo2uZxVFgeH0QFlb1mv6x869_E_WHVbC9EMHXDABwkyLNNfO5gqa2tgjjDdEM26xCyTCzdV_rUoq4ONUcQ96rOUTnX2qvdYRQJLG1sXucQ";
    let error = KINDS[0].read(zeros).unwrap_err();
    assert!(matches!(error, ConfigError::WeakKey(_)), "{error}");
}

#[test]
fn errors_contain_no_key_and_no_password() {
    for kind in KINDS {
        let body = kind.one_lane.rsplit('.').next().unwrap();
        let plain = kind.plain.rsplit('.').next().unwrap();
        for error in [
            (kind.read)(kind.one_lane, b"battery staple").unwrap_err(),
            (kind.read)(kind.plain, b"battery staple").unwrap_err(),
            (kind.read)(&format!("{}~", kind.one_lane), b"battery staple").unwrap_err(),
            (kind.read)(&kind.with_parameters(1 << 63, 1, 1), b"battery staple").unwrap_err(),
            (kind.write)(b"battery staple", &minimum().memory(0)).unwrap_err(),
        ] {
            let shown = format!("{error} {error:?}");
            for secret in ["battery", &body[..8], &plain[..8]] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
}
