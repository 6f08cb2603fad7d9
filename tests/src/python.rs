//! A Python that runs the scripts in `tests/python`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::process::Process;
use crate::require::found_or_skipped;

const SETTING: &str = "PASETO_ACTIX_PYTHON";

/// Starts a script in `tests/python`. If no suitable Python is found, prints a line and returns
/// `None`.
///
/// The interpreter is the value of `PASETO_ACTIX_PYTHON`. By default it is that of the virtual
/// environment `target/python`, or `python3` if it has the packages of
/// `tests/python/requirements.txt`.
#[track_caller]
pub fn start(script: &str) -> Option<Process> {
    let python = found_or_skipped(
        interpreter(),
        "python",
        "Python with the packages of tests/python/requirements.txt",
    )?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
    // Warnings are off, because Flask-PASETO-Extended warns about each footer that has not the
    // format of the payload.
    Some(Process::start(Command::new(python).args(["-B", "-W", "ignore"]).arg(script)))
}

fn interpreter() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(find).as_deref()
}

fn find() -> Option<PathBuf> {
    if let Some(named) = env::var_os(SETTING) {
        let named = PathBuf::from(named);
        assert!(
            has_packages(&named),
            "{SETTING} is not a Python with the packages of tests/python/requirements.txt"
        );
        return Some(named);
    }
    let environment = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python/bin/python");
    [environment, PathBuf::from("python3")].into_iter().find(|python| has_packages(python))
}

fn has_packages(python: &Path) -> bool {
    // Finds the modules without the seconds that an import of all of them takes.
    let find = "import importlib.util, sys
modules = 'cbor2', 'flask_paseto_extended', 'openapi_spec_validator', 'schemathesis'
sys.exit(not all(map(importlib.util.find_spec, modules)))";
    let status = Command::new(python).args(["-c", find]).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
