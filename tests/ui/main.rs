//! The compiler messages for mistakes with `#[paseto_required]`.
//!
//! The folder `fail` contains mistakes that the attribute reports. The folder `rustc` contains
//! mistakes that only the compiler reports, such as an unsatisfied trait bound. The compiler's
//! wording changes between releases, so these cases run only with the release in [`PINNED`].
//!
//! `TRYBUILD=overwrite cargo test --test ui` regenerates the expected messages.

#[path = "../src/require.rs"]
pub mod require;

use std::process::Command;
use std::{env, fs};

/// The compiler release of the expected messages in the folder `rustc`.
///
/// To change it, set this constant and the release in `.github/workflows/ci.yml`. Then regenerate
/// the messages with the new release.
const PINNED: &str = "1.95.0";

#[test]
fn mistakes_have_the_expected_messages() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("fail/*.rs");
    assert!(
        fs::read_dir("fail").is_ok_and(|files| files.count() > 50),
        "the folder `fail` contains fewer cases than expected"
    );
    let is_pinned = (rustc_release() == PINNED).then_some(());
    for case in fs::read_dir("rustc").expect("the working directory is the package") {
        let case = case.expect("the folder is readable").path();
        let needs = format!("rustc {PINNED} for {}", case.display());
        if case.extension().is_some_and(|extension| extension == "rs")
            && require::found_or_skipped(is_pinned, "rustc", &needs).is_some()
        {
            cases.compile_fail(case);
        }
    }
}

/// Returns the release of the compiler, such as `1.95.0`.
fn rustc_release() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("`rustc` starts");
    let version = String::from_utf8_lossy(&output.stdout);
    version.split(' ').nth(1).unwrap_or_default().to_owned()
}
