//! The errors of the commands, and their exit codes.

use std::fmt;
use std::path::Path;

/// Why a command did not do its work. The messages contain no token and no key.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The token is rejected.
    Rejected(String),
    /// The arguments are wrong.
    Usage(String),
    /// A file, the settings or the operating system is the cause.
    Environment(String),
}

impl Failure {
    /// An error of this file.
    pub(crate) fn of_file(path: &Path, problem: impl fmt::Display) -> Self {
        Self::Environment(format!("`{}`: {problem}", path.display()))
    }

    /// The exit codes of the help text.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Rejected(_) => 1,
            Self::Usage(_) => 2,
            Self::Environment(_) => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(problem) | Self::Environment(problem) => f.write_str(problem),
            Self::Usage(problem) => write!(f, "{problem} (`--help` explains the command)"),
        }
    }
}
