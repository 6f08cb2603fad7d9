//! The error messages that `#[paseto_required]` gives for mistakes.
//!
//! The folder `fail` has the mistakes that the attribute itself explains. The folder `rustc` has the
//! mistakes that only the compiler can explain, such as an unsatisfied trait bound. The compiler
//! changes its wording between releases, so these cases run only with the release in [`PINNED`].
//!
//! `TRYBUILD=overwrite cargo test --test ui` writes the expected messages again.

#[path = "../src/require.rs"]
pub mod require;

use std::process::Command;
use std::{env, fs};

/// The release that wrote the expected messages in the folder `rustc`.
///
/// To change it, set this constant and the release in `.github/workflows/ci.yml`, then write the
/// messages again with that release.
const PINNED: &str = "1.95.0";

#[test]
fn mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("fail/*.rs");
    assert!(
        fs::read_dir("fail").is_ok_and(|files| files.count() > 50),
        "the folder `fail` has its cases"
    );
    let is_pinned = (rustc_release() == PINNED).then_some(());
    for case in fs::read_dir("rustc").expect("the working directory is the package") {
        let case = case.expect("a readable folder").path();
        let needs = format!("rustc {PINNED} for {}", case.display());
        if case.extension().is_some_and(|extension| extension == "rs")
            && require::found_or_skipped(is_pinned, "rustc", &needs).is_some()
        {
            cases.compile_fail(case);
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
