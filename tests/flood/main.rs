//! Memory does not grow with the number of different tokens, cookies and key IDs that clients send.
//!
//! The allocator of this process counts the allocated bytes, so the tests run one after another.

#![allow(unsafe_code, reason = "the trait of an allocator is unsafe")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod allocator;
#[cfg(feature = "remote-keys")]
mod remote_keys;
mod sessions;
mod tokens;

use std::sync::{Mutex, PoisonError};

use actix_web::rt::System;

/// The memory that a flood of rejected values may use, for example for buffers and for the error
/// of one request.
const NO_STATE: usize = 32 << 10;

/// Runs a test while no other test of this process runs.
fn alone(test: impl AsyncFnOnce()) {
    static LOCK: Mutex<()> = Mutex::new(());
    let _lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    System::new().block_on(test());
}
