//! Memory that the library frees contains no part of a secret key.
//!
//! The allocator of this process keeps each freed block while it records. After the keys are
//! dropped, the test searches these blocks for the keys. A second test in this process would add
//! its own blocks, so this is the only test.

#![allow(
    unsafe_code,
    reason = "the trait of an allocator is unsafe, and the test reads freed blocks"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod allocator;
mod secrets;
mod steps;

use std::fs;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use base64ct::{Base64UrlUnpadded, Encoding};
#[cfg(feature = "password-keys")]
use paseto_actix_tests::keys;
use paseto_actix_tests::keys::{LOCAL_PASERK, SECRET_PASERK};
use sha2::{Digest, Sha512};

use crate::allocator::{IS_RECORDING, STEP};
use crate::secrets::Secrets;
use crate::steps::{CONTROL, MASTER, STEPS, Strings, Used};

fn key_bytes(paserk: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(paserk.rsplit_once('.').unwrap().1).unwrap()
}

#[test]
fn freed_memory_contains_no_part_of_a_key() {
    let (strings, mut used) = (Strings::new(), Used::default());
    for (number, (_, run)) in STEPS.iter().enumerate() {
        STEP.store(number, Relaxed);
        IS_RECORDING.store(true, SeqCst);
        run(&strings, &mut used);
        IS_RECORDING.store(false, SeqCst);
    }
    fs::remove_file(&strings.file).unwrap();

    let mut secrets = Secrets::default();
    secrets.add("the control", &CONTROL);
    let control: Vec<_> =
        secrets.in_freed_memory().into_iter().map(|(_, step, size)| (step, size)).collect();
    assert_eq!(control, [(STEPS[0].0, 32), (STEPS[0].0, 40), (STEPS[0].0, 43)]);

    let mut secrets = Secrets::default();
    secrets.add("the master secret", MASTER);
    for key in used.local_keys.iter().chain([&LOCAL_PASERK]) {
        secrets.add("a local key", &key_bytes(key));
    }
    for key in used.secret_keys.iter().chain([&SECRET_PASERK]) {
        // The second half is the public key.
        let seed = &key_bytes(key)[..32];
        secrets.add("the seed of a secret key", seed);
        // RFC 8032, section 5.1.5: the scalar, except for the bits that are set and cleared, and
        // the prefix.
        secrets.add("the expanded form of a secret key", &Sha512::digest(seed));
    }
    for (key, token) in &used.tokens {
        secrets.add_keys_of_token(&key_bytes(key), token);
    }
    #[cfg(feature = "password-keys")]
    {
        secrets.add("a password", steps::LONG_PASSWORD.as_bytes());
        for paserk in [keys::SECRET_PASSWORD_PASERK, keys::LOCAL_PASSWORD_PASERK] {
            secrets.add_keys_of_password(keys::PASSWORD.as_bytes(), &key_bytes(paserk));
        }
    }
    let found = secrets.in_freed_memory();
    assert!(found.is_empty(), "(secret, step that freed it, size of the block): {found:#?}");
}
