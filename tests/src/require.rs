//! External programs that a test needs: a Python, a browser, a Redis server.

use std::io::Write;
use std::panic::Location;
use std::{env, io, thread};

/// The environment variable that lists the parts that must not be skipped, separated by commas.
const SWITCH: &str = "PASETO_ACTIX_REQUIRE";

/// Returns whether `PASETO_ACTIX_REQUIRE` lists this part.
fn require(part: &str) -> bool {
    env::var(SWITCH).is_ok_and(|list| list.split(',').any(|entry| entry.trim() == part))
}

/// Returns the program that was found. If it is missing, prints a line to standard error with the
/// skipped test and the required program.
///
/// # Panics
///
/// If the program is missing and `PASETO_ACTIX_REQUIRE` lists `part`.
#[track_caller]
pub fn found_or_skipped<T>(found: Option<T>, part: &str, needs: &str) -> Option<T> {
    if found.is_none() {
        assert!(!require(part), "{SWITCH} lists `{part}`, but {needs} was not found");
        let caller = Location::caller();
        // The harness names the thread after the test, unless it runs one test at a time.
        let thread = thread::current();
        let test = thread.name().filter(|name| *name != "main").unwrap_or(caller.file());
        // The harness captures `eprintln!` of a passing test, but not a direct write.
        let _ = writeln!(
            io::stderr(),
            "skipped: {test} requires {needs}: set {SWITCH}={part} to make this a failure"
        );
    }
    found
}
