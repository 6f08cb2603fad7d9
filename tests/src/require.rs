//! External programs that a test needs: a Python, a browser, a Redis server.

use std::io::Write;
use std::panic::Location;
use std::{env, io, thread};

/// The environment variable that lists the parts that must not be skipped, separated by commas.
const SWITCH: &str = "PASETO_ACTIX_REQUIRE";

/// Whether `PASETO_ACTIX_REQUIRE` lists this part.
fn require(what: &str) -> bool {
    env::var(SWITCH).is_ok_and(|list| list.split(',').any(|entry| entry.trim() == what))
}

/// Returns the program that was found. If it is missing, a line on standard error names the test that is
/// skipped and what it needs.
///
/// # Panics
///
/// If the program is missing and `PASETO_ACTIX_REQUIRE` lists `what`.
#[track_caller]
pub fn found_or_skipped<T>(found: Option<T>, what: &str, needs: &str) -> Option<T> {
    if found.is_none() {
        assert!(!require(what), "{SWITCH} lists `{what}`, but there is no {needs}");
        let caller = Location::caller();
        // The harness names the thread after the test, unless it runs one test at a time.
        let thread = thread::current();
        let test = thread.name().filter(|name| *name != "main").unwrap_or(caller.file());
        // Unlike `eprintln!`, this is not swallowed with the output of a test that passes.
        let _ = writeln!(
            io::stderr(),
            "skipped: {test} needs {needs}: set {SWITCH}={what} to make this a failure"
        );
    }
    found
}
