//! Reads tokens, settings and claims from arguments, files and the standard input.

use std::fs::File;
use std::io;
use std::io::Read;
use std::mem;
use std::path::Path;

use paseto_actix::issuer::IssuerConfig;
use paseto_actix::verifier::VerifierConfig;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::options::Options;

/// The maximum length of a file in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Reads a text from a file, or from the standard input for `-`. The text can be a key or a
/// password, so its buffer does not grow: a buffer that grows leaves copies in freed memory.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let fails = |error: io::Error| Failure::of_file(path, format!("cannot read the file: {error}"));
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 64));
    let limit = MAX_BYTES as u64 + 1;
    if path.as_os_str() == "-" {
        io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(fails)?;
    } else {
        let file = File::open(path).map_err(fails)?;
        file.take(limit).read_to_end(&mut bytes).map_err(fails)?;
    }
    if bytes.len() > MAX_BYTES {
        return Err(Failure::of_file(path, format!("more than {MAX_BYTES} bytes")));
    }
    String::from_utf8(mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        Failure::of_file(path, "not UTF-8")
    })
}

/// Returns the token of the argument or of `--token-file`. Removes line breaks at the end.
pub(crate) fn token(options: &Options) -> Result<String, Failure> {
    let text = match (options.argument(), options.path("token-file")?) {
        (Some(dash), None) if dash == "-" => read(Path::new("-"))?,
        (Some(token), None) => token
            .to_str()
            .ok_or_else(|| Failure::Rejected("the token is not UTF-8".to_owned()))?
            .to_owned()
            .into(),
        (None, Some(path)) => read(&path)?,
        (Some(_), Some(_)) => {
            return Err(Failure::Usage("TOKEN and `--token-file` are both given".to_owned()));
        }
        (None, None) => {
            return Err(Failure::Usage("expected a TOKEN, `-` or `--token-file FILE`".to_owned()));
        }
    };
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Rejects two inputs from the standard input: `-` as the argument or in these options.
pub(crate) fn reject_two_inputs(options: &Options, names: &[&str]) -> Result<(), Failure> {
    let mut inputs = usize::from(options.argument().is_some_and(|argument| argument == "-"));
    for name in names {
        inputs += usize::from(options.path(name)?.is_some_and(|path| path.as_os_str() == "-"));
    }
    if inputs > 1 {
        return Err(Failure::Usage("two arguments read the standard input".to_owned()));
    }
    Ok(())
}

/// Reads the settings in the table `verifier` of `--config`, or in the whole file. Rejects
/// `remote_keys`: the library fetches these keys in a thread, so the result would depend on the
/// network and on the time.
pub(crate) fn verifier(options: &Options) -> Result<VerifierConfig, Failure> {
    let config: VerifierConfig = settings(options, "verifier")?;
    if config.remote_keys.is_empty() {
        return Ok(config);
    }
    Err(Failure::Environment(
        "`remote_keys` is set, but this program sends no requests: add the public keys of the key \
         set to `public_keys`, and remove `remote_keys`"
            .to_owned(),
    ))
}

/// Reads the settings in the table `issuer` of `--config`, or in the whole file.
pub(crate) fn issuer(options: &Options) -> Result<IssuerConfig, Failure> {
    settings(options, "issuer")
}

fn settings<T: DeserializeOwned>(options: &Options, table: &str) -> Result<T, Failure> {
    let path = options
        .path("config")?
        .ok_or_else(|| Failure::Usage("expected `--config FILE`".to_owned()))?;
    // `Display` of an error of `toml` quotes the file, which can contain keys.
    let fails = |error: toml::de::Error| Failure::of_file(&path, error.message());
    let mut file: toml::Table = toml::from_str(&read(&path)?).map_err(fails)?;
    let values = match file.remove(table) {
        Some(values) => values,
        // The table of the other role shows that the settings of this role are missing.
        None if file.contains_key("issuer") || file.contains_key("verifier") => {
            return Err(Failure::of_file(&path, format!("no table `{table}`")));
        }
        None => file.into(),
    };
    values.try_into().map_err(fails)
}
