//! Encodings of keys as they occur in secrets files, environment variables, shells and editors.
//!
//! Each encoding is read as the key or rejected with its cause. It is never read as another key.

use std::fmt::Debug;
use std::str::FromStr;

use paseto_actix::{ConfigError, LocalKey, PublicKey, SecretKey};
use paseto_actix_tests::keys::{
    LOCAL_PASERK, PUBLIC_PASERK, PUBLIC_PEM, SECRET_PASERK, SECRET_PEM,
};
use proptest::prelude::*;
use serde::de::DeserializeOwned;

/// An encoding of a key, and the function that reads it.
struct Form {
    text: &'static str,
    /// The key as PASERK.
    paserk: &'static str,
    read: fn(&str) -> Result<String, ConfigError>,
}

impl Form {
    const fn new(
        text: &'static str,
        paserk: &'static str,
        read: fn(&str) -> Result<String, ConfigError>,
    ) -> Self {
        Self { text, paserk, read }
    }
}

fn secret(key: SecretKey) -> String {
    key.to_paserk().to_string()
}

fn public(key: PublicKey) -> String {
    key.to_paserk()
}

fn local(key: LocalKey) -> String {
    key.to_paserk().to_string()
}

/// Reads a key with `FromStr`, from a JSON string and with the constructor. All three must agree.
fn agree<K>(
    text: &str,
    read: fn(&str) -> Result<K, ConfigError>,
    paserk: fn(K) -> String,
) -> Result<String, ConfigError>
where
    K: FromStr<Err = ConfigError> + DeserializeOwned + Debug,
{
    let outcome = read(text).map(paserk);
    let parsed = text.parse::<K>().map(paserk);
    assert_eq!(parsed.clone().ok(), outcome.clone().ok(), "`FromStr`: {text:?}");
    let deserialized =
        serde_json::from_value::<K>(text.into()).map(paserk).map_err(|error| error.to_string());
    assert_eq!(deserialized, parsed.map_err(|error| error.to_string()), "serde: {text:?}");
    outcome
}

const PEMS: [Form; 2] = [
    Form::new(SECRET_PEM, SECRET_PASERK, |text| agree(text, SecretKey::from_pem, secret)),
    Form::new(PUBLIC_PEM, PUBLIC_PASERK, |text| agree(text, PublicKey::from_pem, public)),
];

const PASERKS: [Form; 3] = [
    Form::new(SECRET_PASERK, SECRET_PASERK, |text| agree(text, SecretKey::from_paserk, secret)),
    Form::new(PUBLIC_PASERK, PUBLIC_PASERK, |text| agree(text, PublicKey::from_paserk, public)),
    Form::new(LOCAL_PASERK, LOCAL_PASERK, |text| agree(text, LocalKey::from_paserk, local)),
];

#[test]
fn each_pem_encoding_is_read_as_the_key() {
    for Form { text, paserk, read } in PEMS {
        let encodings = [
            ("as OpenSSL writes it", format!("{text}\n")),
            ("without a line break at the end", text.to_owned()),
            ("with several at the end", format!("{text}\n\n\n")),
            ("with blank lines at the start", format!("\n \n{text}")),
            ("with CRLF", format!("{text}\n").replace('\n', "\r\n")),
            ("with CR", format!("{text}\n").replace('\n', "\r")),
            ("indented", format!("    {}\n", text.replace('\n', "\n    "))),
            ("with line breaks as text", format!("{text}\n").replace('\n', "\\n")),
            ("with CRLF as text", format!("{text}\n").replace('\n', "\\r\\n")),
            ("on one line", text.replace('\n', " ")),
            ("on one line without blanks", text.replace('\n', "")),
            ("with a comment before it", format!("# created 2026-01-01\n{text}")),
            ("with a comment after it", format!("{text}\nPublic-Key: 1e:b9:db:bb\n")),
            ("with a byte order mark", format!("\u{feff}{text}")),
            ("in quotes", format!("\"{}\"\n", text.replace('\n', "\\n"))),
            ("with narrow lines", narrow(text)),
        ];
        for (name, encoding) in encodings {
            assert_eq!(read(&encoding).as_deref(), Ok(paserk), "{name}: {encoding:?}");
        }
    }
}

/// Returns the same block with lines of 20 characters.
fn narrow(pem: &str) -> String {
    let [begin, body, end] = pem.lines().collect::<Vec<_>>().try_into().expect("three lines");
    let lines: Vec<_> =
        body.as_bytes().chunks(20).map(|line| str::from_utf8(line).expect("ASCII")).collect();
    format!("{begin}\n{}\n{end}\n", lines.join("\n"))
}

#[test]
fn each_paserk_encoding_is_read_as_the_key_or_an_error() {
    for Form { text, paserk, read } in PASERKS {
        let (header, body) = text.rsplit_once('.').expect("a PASERK");
        let length = body.len();
        for (name, encoding) in [
            ("as it is", text.to_owned()),
            ("with a line break", format!("{text}\n")),
            ("with CRLF", format!("{text}\r\n")),
            ("with CR", format!("{text}\r")),
            ("with several line breaks", format!("\n\n{text}\n\n")),
            ("indented", format!("\t  {text}  ")),
            ("with a line break as text", format!("{text}\\n")),
            ("with a byte order mark", format!("\u{feff}{text}")),
            ("in double quotes", format!("\"{text}\"")),
            ("in single quotes", format!("'{text}'\n")),
            ("in quotes with blanks", format!(" \" {text}\\n\" ")),
        ] {
            assert_eq!(read(&encoding).as_deref(), Ok(paserk), "{name}: {encoding:?}");
        }
        for (encoding, error) in [
            (
                format!("{header}. {body}"),
                format!("expected base64url after `{header}.`, found a blank or a line break"),
            ),
            (
                format!("{text}="),
                format!("expected base64url after `{header}.`, found padding (`=`): remove it"),
            ),
            (
                text[..text.len() - 1].to_owned(),
                format!(
                    "expected {length} characters after `{header}.`, found {}: a part is missing",
                    length - 1
                ),
            ),
            (
                format!("{text}A"),
                format!(
                    "expected {length} characters after `{header}.`, found {}: remove the rest",
                    length + 1
                ),
            ),
            (format!("\"{text}"), format!("expected a PASERK that begins with `{header}.`")),
            (format!("# a key\n{text}"), format!("expected a PASERK that begins with `{header}.`")),
        ] {
            assert_eq!(
                read(&encoding),
                Err(ConfigError::MalformedKey(error.into())),
                "{encoding:?}"
            );
        }
    }
}

/// Generates white space and the escaped line breaks of environment files.
fn blank() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        " ", "\t", "\n", "\r\n", "\r", "\u{a0}", "\u{2003}", "\u{feff}", "\\n", "\\r\\n", "",
    ])
}

/// Returns the text with blanks inserted at these positions.
fn with_blanks(text: &str, insertions: &[(prop::sample::Index, &str)]) -> String {
    let mut encoding = text.to_owned();
    for (index, blank) in insertions {
        let at = index.index(encoding.len() + 1);
        // A blank inside of an escaped line break or a character would change its meaning.
        if encoding.is_char_boundary(at) && !encoding[..at].ends_with('\\') {
            encoding.insert_str(at, blank);
        }
    }
    encoding
}

proptest! {
    #[test]
    fn blanks_around_a_key_and_in_pem_base64_are_ignored(
        form in 0..5_usize,
        around in (blank(), blank()),
        insertions in prop::collection::vec((any::<prop::sample::Index>(), blank()), 0..6),
    ) {
        let Form { text, paserk, read } = PEMS.iter().chain(&PASERKS).nth(form).expect("five forms");
        let inner = match text.lines().collect::<Vec<_>>()[..] {
            // A byte order mark is valid only at the start of a string.
            [begin, body, end] => format!("{begin}{}{end}", with_blanks(body, &insertions).replace('\u{feff}', "")),
            _ => (*text).to_owned(),
        };
        let encoding = format!("{}{inner}{}", around.0, around.1);
        prop_assert_eq!(read(&encoding), Ok((*paserk).to_owned()), "{:?}", encoding);
    }

    #[test]
    fn inserted_blanks_never_give_another_key(
        form in 0..5_usize,
        insertions in prop::collection::vec((any::<prop::sample::Index>(), blank()), 1..4),
    ) {
        let Form { text, paserk, read } = PEMS.iter().chain(&PASERKS).nth(form).expect("five forms");
        match read(&with_blanks(text, &insertions)) {
            Ok(found) => prop_assert_eq!(&found, paserk),
            Err(error) => {
                let error = format!("{error} {error:?}");
                let body = text.split(['\n', '.']).max_by_key(|part| part.len()).expect("a body");
                prop_assert!(!error.contains(&body[8..16]), "{}", error);
            }
        }
    }
}
