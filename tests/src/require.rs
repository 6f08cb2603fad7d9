//! What a test needs beyond this workspace: a Python, a browser, a server of another kind.

use std::{
    env,
    io::{self, Write},
    panic::Location,
    thread,
};

/// The environment variable that lists, separated by commas, what has to be there.
const SWITCH: &str = "PASETO_ACTIX_REQUIRE";

/// Whether the absence of `what` is a failure, because `PASETO_ACTIX_REQUIRE` lists it.
fn require(what: &str) -> bool {
    env::var(SWITCH).is_ok_and(|list| list.split(',').any(|entry| entry.trim() == what))
}

/// Passes on what was found. Where nothing was, the calling test fails if [`require`] says so; otherwise a line on standard
/// error says that it is skipped, and why.
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
        let _ = writeln!(io::stderr(), "skipped: {test} needs {needs}: set {SWITCH}={what} to make this a failure");
    }
    found
}
