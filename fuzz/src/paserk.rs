//! Keys as PASERK. A key that is read and printed is the trimmed input, and pasetors reads the same
//! keys. Errors contain no part of the input. A key that is encrypted with a password and changed
//! is rejected.

use paseto_actix::{ConfigError, LocalKey, PublicKey, SecretKey};
use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey, SymmetricKey};
use pasetors::version4::V4;

use crate::fixtures::{assert_no_secret, from_base64url};

/// The password of the next two keys.
const PASSWORD: &str = "hunter2";
/// Cheap keys: 8 KiB of memory and one iteration.
pub(crate) const ENCRYPTED: [&str; 2] = [
    "k4.secret-pw.-pxz2Om_9r5AVn8HgipjQQAAAAAAACAAAAAAAQAAAAE8Pt6LiNkDR9i860EqABO0cBvej3fyJWxuIy_eQy_q4J4-i8CTeEYqOO7cw8jYFP_FGFz0sVF5hTVtyxm_sN8RtRYJbwBLOw77dzVeh_brlQg26IUbb29MIkQYNP_VVjfiH0HySNitvEitY0hwoRTPoX1gZ8ojV9s",
    "k4.local-pw.Ww6OBMeybccamhz9GaqvjAAAAAAAACAAAAAAAQAAAAFSgrl2ke_vqqK89VaiWa-DwdvbRulLko_zgNL0XTo6nplazPL8cpi1IBrVqsNf3TI16-uO2BCXhOfsgKFD-phSzYXNNqCQ8_GA5Fx7TZ9us2jhXjLwLgoG",
];

/// Reads a string as each type of key.
pub fn target(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if text.len() > 2000 {
        return;
    }
    let secret = SecretKey::from_paserk(text);
    check(text, "k4.secret.", secret.as_ref().map(|key| key.to_paserk().to_string()));
    let public = PublicKey::from_paserk(text);
    check(text, "k4.public.", public.as_ref().map(PublicKey::to_paserk));
    let local = LocalKey::from_paserk(text);
    check(text, "k4.local.", local.as_ref().map(|key| key.to_paserk().to_string()));
    assert!(secret.is_ok() as u8 + public.is_ok() as u8 + local.is_ok() as u8 <= 1);

    // pasetors panics for a seed of zeros, which the library rejects.
    if !matches!(secret, Err(ConfigError::WeakKey(_))) {
        assert!(AsymmetricSecretKey::<V4>::try_from(text).is_err() || secret.is_ok());
    }
    assert!(AsymmetricPublicKey::<V4>::try_from(text).is_err() || public.is_ok());
    assert!(SymmetricKey::<V4>::try_from(text).is_err() || local.is_ok());
    if let Ok(key) = &secret {
        let key = key.to_paserk();
        assert!(AsymmetricSecretKey::<V4>::try_from(key.as_str()).is_ok());
    }

    if !text.contains("-----BEGIN") {
        assert_eq!(text.parse::<SecretKey>().is_ok(), secret.is_ok());
        assert_eq!(text.parse::<PublicKey>().ok(), public.ok());
        assert_eq!(text.parse::<LocalKey>().ok(), local.ok());
    }
    check_password(text);
}

fn check(text: &str, header: &str, outcome: Result<String, &ConfigError>) {
    match outcome {
        Ok(printed) => {
            assert!(printed.starts_with(header));
            // Only blanks, quotes and escaped line breaks surround a key.
            let (before, after) = text.split_once(&printed).expect("the printed key");
            for around in [before, after] {
                let rest = around.replace("\\n", "").replace("\\r", "");
                let is_blank = |c: char| c.is_whitespace() || "\u{feff}\"'".contains(c);
                assert!(rest.chars().all(is_blank), "{rest:?}");
            }
        }
        Err(error) => assert_no_secret(&format!("{error} {error:?}"), text),
    }
}

fn check_password(text: &str) {
    // The cost is in the clear part of the key. The library accepts up to 256 MiB.
    let body = text.trim().split('.').nth(2).and_then(from_base64url).unwrap_or_default();
    let number = |range| body.get(range).map(|bytes: &[u8]| bytes.iter().any(|byte| *byte > 0));
    let is_cheap = number(16..22) != Some(true)
        && number(24..27) != Some(true)
        && body.get(22).is_none_or(|byte| *byte < 0x40)
        && body.get(27).is_none_or(|byte| *byte < 3);
    if !is_cheap {
        return;
    }
    let outcomes = [
        SecretKey::from_paserk_with_password(text, PASSWORD).map(|_| ()),
        LocalKey::from_paserk_with_password(text, PASSWORD).map(|_| ()),
    ];
    for outcome in outcomes {
        match outcome {
            Ok(()) => assert!(ENCRYPTED.iter().any(|key| text.contains(key)), "forged"),
            Err(error) => assert_no_secret(&format!("{error} {error:?}"), text),
        }
    }
}
