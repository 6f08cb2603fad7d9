//! Parses the arguments of a command. Error messages contain names of options, and no values: a
//! value can be a token or a password.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use lexopt::{Arg, Error, Parser};

use crate::failure::Failure;

/// The arguments that a command accepts.
#[derive(Debug)]
pub(crate) struct Syntax {
    /// The options with a value.
    pub(crate) values: &'static [&'static str],
    /// The options without a value. Each command also accepts `--json`.
    pub(crate) flags: &'static [&'static str],
    /// The maximum number of arguments that are not options.
    pub(crate) arguments: usize,
}

/// The parsed arguments.
#[derive(Debug, Default)]
pub(crate) struct Options {
    values: Vec<(&'static str, OsString)>,
    flags: Vec<&'static str>,
    arguments: Vec<OsString>,
}

impl Options {
    pub(crate) fn parse(arguments: &[OsString], syntax: &Syntax) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut parser = Parser::from_args(arguments);
        while let Some(argument) = parser.next().map_err(describe)? {
            match argument {
                Arg::Long("json") => options.flags.push("json"),
                Arg::Long(name) => {
                    let known = |names: &'static [&'static str]| {
                        names.iter().copied().find(|known| *known == name)
                    };
                    if let Some(name) = known(syntax.values) {
                        options.values.push((name, parser.value().map_err(describe)?));
                    } else if let Some(name) = known(syntax.flags) {
                        options.flags.push(name);
                    } else {
                        return Err(unknown(&format!("--{name}")));
                    }
                }
                Arg::Short(name) => return Err(unknown(&format!("-{name}"))),
                Arg::Value(argument) if options.arguments.len() < syntax.arguments => {
                    options.arguments.push(argument);
                }
                Arg::Value(_) => {
                    let problem = match syntax.arguments {
                        0 => "the command accepts only options".to_owned(),
                        1 => "more than one argument".to_owned(),
                        limit => format!("more than {limit} arguments"),
                    };
                    return Err(Failure::Usage(problem));
                }
            }
        }
        Ok(options)
    }

    /// Returns the argument that is not an option.
    pub(crate) fn argument(&self) -> Option<&OsStr> {
        self.arguments.first().map(OsString::as_os_str)
    }

    /// Returns the argument that is not an option, as a path.
    pub(crate) fn file(&self) -> Result<PathBuf, Failure> {
        self.argument().map(PathBuf::from).ok_or_else(|| Failure::Usage("expected a FILE".into()))
    }

    pub(crate) fn second_argument(&self) -> Option<&OsStr> {
        self.arguments.get(1).map(OsString::as_os_str)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.flags.contains(&name)
    }

    /// Returns the values of an option.
    ///
    /// # Errors
    ///
    /// A value that is not UTF-8.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&str>, Failure> {
        let values = self.values.iter().filter(|(known, _)| *known == name);
        let not_utf8 = || Failure::Usage(format!("`--{name}` is not UTF-8"));
        values.map(|(_, value)| value.to_str().ok_or_else(not_utf8)).collect()
    }

    /// Returns the value of an option that has at most one.
    ///
    /// # Errors
    ///
    /// A second value, and a value that is not UTF-8.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        match *self.texts(name)? {
            [] => Ok(None),
            [text] => Ok(Some(text)),
            _ => Err(Failure::Usage(format!("`--{name}` is given twice"))),
        }
    }

    /// Returns the path of an option that has at most one.
    ///
    /// # Errors
    ///
    /// A second path.
    pub(crate) fn path(&self, name: &str) -> Result<Option<PathBuf>, Failure> {
        let mut paths = self.values.iter().filter(|(known, _)| *known == name);
        match (paths.next(), paths.next()) {
            (path, None) => Ok(path.map(|(_, path)| PathBuf::from(path))),
            _ => Err(Failure::Usage(format!("`--{name}` is given twice"))),
        }
    }
}

fn unknown(option: &str) -> Failure {
    let advice = if option.starts_with("--pass") {
        ": passwords are read from files only, because the shell stores its commands"
    } else {
        ""
    };
    Failure::Usage(format!("unknown option `{option}`{advice}"))
}

/// Describes an error of the parser without the values of arguments.
fn describe(error: Error) -> Failure {
    Failure::Usage(match error {
        Error::MissingValue { option: Some(option) } => format!("`{option}` needs a value"),
        Error::UnexpectedValue { option, .. } => format!("`{option}` has no value"),
        Error::NonUnicodeValue(_) => "an argument is not UTF-8".to_owned(),
        _ => "malformed arguments".to_owned(),
    })
}

/// Rejects secret keys in arguments. Other processes can read the arguments, and the shell stores
/// them.
pub(crate) fn reject_secrets(arguments: &[OsString]) -> Result<(), Failure> {
    let is_secret = |argument: &OsString| {
        let text = argument.to_string_lossy().to_lowercase();
        ["k4.secret.", "k4.local.", "private key-----"]
            .into_iter()
            .any(|secret| text.contains(secret))
    };
    if arguments.iter().any(is_secret) {
        return Err(Failure::Usage(
            "a secret key is in the arguments: the history of the shell and the list of processes \
             now contain it. Replace the key, and pass keys in files only"
                .to_owned(),
        ));
    }
    Ok(())
}
