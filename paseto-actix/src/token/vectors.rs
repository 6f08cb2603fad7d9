//! The official vectors of version 4, read from the package of pasetors.

use std::{env, fs, path::PathBuf, process::Command};

use serde_json::Value;

/// The official vectors, as pasetors has them in its package.
pub(super) fn official_vectors() -> Vec<Value> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", &platform(), "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata");
    let mut packages = metadata["packages"].as_array().expect("packages").iter();
    let pasetors = packages.find(|package| package["name"] == "pasetors").expect("a dependency");
    let manifest = PathBuf::from(pasetors["manifest_path"].as_str().expect("a path"));
    let file = fs::read(manifest.with_file_name("test_vectors").join("v4.json")).expect("vectors");
    let Value::Array(tests) = serde_json::from_slice::<Value>(&file).expect("JSON")["tests"].take() else {
        panic!("no vectors");
    };
    tests
}

/// This platform: of the others, nothing may have been downloaded.
fn platform() -> String {
    let output =
        Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV").output().expect("rustc runs");
    let told = String::from_utf8_lossy(&output.stdout);
    told.lines().find_map(|line| line.strip_prefix("host: ")).expect("the host of rustc").to_owned()
}

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}
