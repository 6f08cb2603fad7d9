//! Runs each target over its seeds and over changes of them, without a fuzzer.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use crate::mutator::Random;
use crate::{TARGETS, Target, seeds};

/// The number of changed inputs of each target. The whole test takes about 30 seconds of two cores.
const MUTATIONS: u64 = 2000;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name)
}

fn run(name: &str) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).expect("a target");
    let entries = fs::read_dir(folder(name)).expect("a folder of seeds");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let seeds: Vec<_> = paths.iter().map(|path| fs::read(path).expect("a seed")).collect();
    assert!(!seeds.is_empty());
    for seed in &seeds {
        call(target, seed);
    }
    for number in 0..MUTATIONS {
        call(target, &Random::new(number).mutate(&seeds));
    }
}

/// Calls a target, and prints the input if the target panics.
fn call(target: Target, input: &[u8]) {
    struct Input<'a>(&'a [u8]);

    impl Drop for Input<'_> {
        fn drop(&mut self) {
            if thread::panicking() {
                eprintln!("input: b\"{}\"", self.0.escape_ascii());
            }
        }
    }

    let _input = Input(input);
    target(input);
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )*

        #[test]
        fn each_target_has_a_test_and_a_program() {
            let names = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|(name, _)| name), names);
            for name in names {
                let program = format!("fuzz_targets/{name}.rs");
                assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(program).is_file(), "{name}");
            }
        }
    };
}

targets! {
    csrf_form ed25519 footer forgery issue key_schedule key_set local paserk payload_cbor
    payload_json pem redirect_path request session settings time_claim token token_endpoints
}

/// Writes the seeds of `seeds.rs`. It keeps the inputs that a fuzzer has found.
#[test]
#[ignore = "writes files"]
fn write_seeds() {
    for (name, _) in TARGETS {
        fs::create_dir_all(folder(name)).expect("a folder");
        for (index, seed) in seeds::of(name).into_iter().enumerate() {
            fs::write(folder(name).join(format!("{index:02}")), seed).expect("a file");
        }
    }
}
