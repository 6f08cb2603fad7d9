//! The test kit: keys, clocks, applications and requests for the tests of this workspace.

#![forbid(unsafe_code)]
#![allow(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "the functions of a test kit fail by panics"
)]

pub mod app;
pub mod browser;
pub mod certificates;
pub mod clock;
pub mod command_line;
pub mod connection;
pub mod histogram;
pub mod http;
#[cfg(feature = "remote-keys")]
pub mod key_server;
pub mod keys;
pub mod load_program;
#[cfg(feature = "remember")]
pub mod logins;
pub mod logs;
pub mod model_revocations;
#[cfg(feature = "session")]
pub mod model_token_families;
pub mod parts;
pub mod patience;
pub mod payloads;
pub mod process;
pub mod python;
pub mod random;
pub mod redis;
pub mod redis_cluster;
pub mod redis_sentinel;
mod redis_server;
pub mod rejections;
#[cfg(feature = "remember")]
pub mod remember;
#[cfg(feature = "remote-keys")]
pub mod remote_keys;
pub mod require;
pub mod resp;
pub mod revocation;
#[cfg(feature = "session")]
pub mod session;
#[cfg(feature = "sqlite")]
pub mod state_file;

/// The issuer that tests trust.
pub const ISSUER: &str = "https://issuer.example";

/// The examples of the README, run as tests.
#[cfg(all(doctest, feature = "macros", feature = "redis", feature = "remember"))]
#[doc = include_str!("../../README.md")]
pub mod readme {}
