//! The error messages that `#[paseto_required]` gives for mistakes.
//!
//! The folder `fail` has the mistakes that the attribute itself explains. The folder `rustc` has the
//! mistakes that only the compiler can explain, such as an unsatisfied trait bound. The compiler
//! changes its wording between releases, so these cases run only with the release in [`PINNED`].
//!
//! `TRYBUILD=overwrite cargo test --test ui` writes the expected messages again.

use std::{
    env, fs,
    io::{self, Write},
    process::Command,
};

/// The release that wrote the expected messages in `rustc`. CI uses this release.
const PINNED: &str = "1.95.0";

#[test]
fn mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("fail/*.rs");
    let found = rustc_release();
    if found == PINNED {
        cases.compile_fail("rustc/*.rs");
        return;
    }
    let required = env::var("PASETO_ACTIX_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|part| part.trim() == "rustc"),
        "PASETO_ACTIX_REQUIRE contains `rustc`, but the compiler is {found} instead of {PINNED}: \
         run `TRYBUILD=overwrite cargo test --test ui` and set `PINNED` to {found}"
    );
    for case in fs::read_dir("rustc").expect("the working directory is the package") {
        let case = case.expect("a readable folder").path();
        if case.extension().is_some_and(|extension| extension == "rs") {
            // `eprintln!` would be captured, because the test passes.
            let _ = writeln!(io::stderr(), "skipped: {} needs rustc {PINNED}, found {found}", case.display());
        }
    }
}

/// The release of the compiler, such as `1.95.0`.
fn rustc_release() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("`rustc` starts");
    let version = String::from_utf8_lossy(&output.stdout);
    version.split(' ').nth(1).unwrap_or_default().to_owned()
}
