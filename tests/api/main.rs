//! What users see, by subject. Tests that are named after a number show the behaviour of that number.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod api_service;
mod browser;
mod builders;
mod cache;
mod cache_runs;
mod checks;
mod claims;
mod config;
mod config_secrets;
mod cookies;
mod csrf;
mod forgery;
mod form;
mod guard;
mod house;
mod interop;
mod issuing;
mod issuing_refused;
mod keys;
mod keys_pem;
mod keys_weak;
mod logs;
mod macro_forms;
mod payload;
mod properties;
mod readme;
mod redis;
mod refresh;
mod remember;
mod remember_series;
mod remember_settings;
mod required;
mod revocation;
mod revoked_sessions;
mod server;
mod session_acceptance;
mod session_ends;
mod session_known;
mod session_settings;
mod session_size;
mod sessions;
mod transport;
mod vectors;
mod verifiers;
