//! Keys as PEM: the block, its label, and the text around the block.

use paseto_actix::{ConfigError, PublicKey, SecretKey};
use paseto_actix_tests::keys::{PUBLIC_PASERK, PUBLIC_PEM, SECRET_PASERK, SECRET_PEM};

/// A function that reads one type of key, with its label, a valid PEM string and the key as PASERK.
pub(crate) struct Reader {
    pub(crate) read: fn(&str) -> Result<String, ConfigError>,
    pub(crate) label: &'static str,
    pub(crate) good: &'static str,
    pub(crate) paserk: &'static str,
}

pub(crate) const READERS: [Reader; 2] = [
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
pub(crate) fn assert_malformed(result: Result<String, ConfigError>, what: &str) {
    match result {
        Err(ConfigError::MalformedKey(_)) => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn text_around_a_block_is_ignored_if_it_starts_on_its_own_line() {
    for Reader { read, good, paserk, .. } in READERS {
        assert_eq!(read(good).as_deref(), Ok(paserk));
        for before in [
            "Bag Attributes\n",
            "# a key\n",
            "# a key\n  ",
            "# a key\r",
            "# a key\\n",
            "# a key\\r ",
        ] {
            assert_eq!(read(&format!("{before}{good}")).as_deref(), Ok(paserk), "{before:?}");
        }
        for before in ["\0", "-", "# ", "key: "] {
            assert_malformed(read(&format!("{before}{good}")), before);
        }
        for after in ["\0", "\n# a key", "-", "\nMCowBQYDK2VwAyEA"] {
            assert_eq!(read(&format!("{good}{after}")).as_deref(), Ok(paserk), "{after:?}");
        }
        let longest = format!("{}\n{good}", "#".repeat(8192 - good.len() - 1));
        assert_eq!(read(&longest).as_deref(), Ok(paserk));
        assert_malformed(read(&format!("#{longest}")), "a PEM of more than 8192 bytes");
    }
}

/// A second key makes the string ambiguous, whatever its form and its typing errors.
#[test]
fn block_with_another_key_is_rejected() {
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
fn two_blocks_are_rejected() {
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
fn truncated_pem_is_rejected() {
    for Reader { read, good, paserk, .. } in READERS {
        assert_eq!(read(good).as_deref(), Ok(paserk));
        for length in 0..good.len() {
            assert_malformed(read(&good[..length]), &good[..length]);
        }
        // A truncated body with a correct end line is rejected too.
        let lines: Vec<_> = good.lines().collect();
        for length in 0..lines[1].len() {
            let text = format!("{}\n{}\n{}", lines[0], &lines[1][..length], lines[2]);
            assert_malformed(read(&text), &text);
        }
    }
}

#[test]
fn block_with_unusual_syntax_is_rejected() {
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
fn rejects_other_pem_label() {
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
        // The body of the right key with another label, and of another key with the right label.
        for found in labels.into_iter().chain([other.label]) {
            assert_eq!((reader.read)(&reader.good.replace(reader.label, found)), wrong(found));
        }
        assert_malformed(
            (reader.read)(&other.good.replace(other.label, reader.label)),
            "a body of another key type",
        );
        for (paserk, found) in [(SECRET_PASERK, "k4.secret"), (PUBLIC_PASERK, "k4.public")] {
            assert_eq!((reader.read)(paserk), wrong(found));
        }
        assert_malformed((reader.read)(""), "an empty string");
    }
}

#[test]
fn errors_do_not_contain_the_key() {
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
