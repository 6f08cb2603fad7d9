//! Copies the code of the library, and replaces the locks, atomics and threads of `std` in the
//! modules that the tests check. So the code and the manifest of the published library need no
//! `cfg(shuttle)`, and the feature `shuttle` of quick_cache does not reach other builds.

use std::path::{Path, PathBuf};
use std::{env, fs};

const LIBRARY: &str = "../paseto-actix/src";

/// The files whose locks, atomics and threads are those of shuttle.
const MODELED: &[&str] = &[
    "issuer.rs",
    "issuer/builder.rs",
    "keys/entry.rs",
    "keys/ring.rs",
    "keys/schedule.rs",
    "revocation/memory.rs",
    "revocation/results.rs",
    "token/signer.rs",
    "token_family/memory.rs",
    "verifier/in_process_issuers.rs",
    "verifier/token_cache.rs",
    "verifier/trusted_keys.rs",
];

fn main() {
    println!("cargo::rerun-if-changed={LIBRARY}");
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("the folder of Cargo")).join("src");
    // A file that the library does not have anymore must not stay.
    let _ = fs::remove_dir_all(&target);
    copy(Path::new(LIBRARY), &target, Path::new(""));
}

/// Copies a folder of the library. `inside` is its path in the library.
fn copy(source: &Path, target: &Path, inside: &Path) {
    fs::create_dir_all(target).expect("a new folder");
    for entry in fs::read_dir(source).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        let (target, inside) = (target.join(name), inside.join(name));
        if path.is_dir() {
            copy(&path, &target, &inside);
            continue;
        }
        let code = fs::read_to_string(&path).expect("UTF-8");
        fs::write(target, changed(&inside, &code)).expect("a file");
    }
}

fn changed(inside: &Path, code: &str) -> String {
    if inside == Path::new("lib.rs") {
        // `include!` accepts no inner documentation and no inner attributes.
        let is_inner = |line: &&str| line.starts_with("//!") || line.starts_with("#![");
        let lines: Vec<_> = code.lines().filter(|line| !is_inner(line)).collect();
        return lines.join("\n");
    }
    if !MODELED.iter().any(|file| inside == Path::new(file)) {
        return code.to_owned();
    }
    let replaced = code
        .replace("use std::sync::", "use crate::model::sync::")
        .replace("use std::thread;", "use shuttle::thread;");
    assert_ne!(replaced, code, "{}: it uses no lock: remove it from `MODELED`", inside.display());
    replaced
}
