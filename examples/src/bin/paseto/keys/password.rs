//! `paseto keys wrap` and `unwrap`: encrypt a key with a password, and decrypt it.

use std::path::PathBuf;

use paseto_actix::keys::PasswordParameters;
use paseto_actix::{ConfigError, LocalKey, SecretKey};
use serde_json::json;
use zeroize::Zeroizing;

use super::file;
use crate::failure::Failure;
use crate::input;
use crate::options::Options;
use crate::report::Report;

pub(crate) fn wrap(options: &Options) -> Result<Report, Failure> {
    let (path, key, password) = read(options)?;
    let fails = |error: ConfigError| Failure::of_file(&path, error);
    let parameters = PasswordParameters::default();
    let (wrapped, kid) = if key.trim_start().starts_with("k4.local") {
        let key: LocalKey = key.parse().map_err(fails)?;
        (key.to_paserk_with_password(&*password, &parameters), key.kid().to_owned())
    } else {
        let key: SecretKey = key.parse().map_err(fails)?;
        (key.to_paserk_with_password(&*password, &parameters), key.kid().to_owned())
    };
    let wrapped = wrapped.map_err(fails)?;
    Ok(Report::new(format!("{wrapped}\n"), json!({ "wrapped": wrapped, "kid": kid })))
}

pub(crate) fn unwrap(options: &Options) -> Result<Report, Failure> {
    let out = options.path("out")?;
    if out.is_some() == options.flag("print") {
        return Err(Failure::Usage(
            "expected either `--out FILE` for the key, or `--print` to print the key".to_owned(),
        ));
    }
    let (path, text, password) = read(options)?;
    let fails = |error: ConfigError| Failure::of_file(&path, error);
    let text = text.trim();
    let (key, kid) = if text.starts_with("k4.local") {
        let key = LocalKey::from_paserk_with_password(text, &*password).map_err(fails)?;
        (key.to_paserk(), key.kid().to_owned())
    } else {
        let key = SecretKey::from_paserk_with_password(text, &*password).map_err(fails)?;
        (key.to_paserk(), key.kid().to_owned())
    };
    let Some(out) = out else {
        return Ok(Report::of_key(options, &[&key, "\n"], &[("key", &key), ("kid", &kid)]));
    };
    file::create(&out, &key)?;
    let text = format!("created {}\nkid     {kid}\n", out.display());
    let json = json!({ "file": out.to_string_lossy(), "kid": kid });
    Ok(Report { written: Some(out), ..Report::new(text, json) })
}

/// Reads the key and the password. Returns the path of the key for errors.
fn read(options: &Options) -> Result<(PathBuf, Zeroizing<String>, Zeroizing<String>), Failure> {
    let path = options.file()?;
    let password = options
        .path("password-file")?
        .ok_or_else(|| Failure::Usage("expected `--password-file FILE`".to_owned()))?;
    input::reject_two_inputs(options, &["password-file"])?;
    let key = input::read(&path)?;
    let text = input::read(&password)?;
    // Editors end a file with a line break, which is not a part of the password.
    let password =
        text.strip_suffix('\n').map_or(&**text, |text| text.strip_suffix('\r').unwrap_or(text));
    Ok((path, key, Zeroizing::new(password.to_owned())))
}
