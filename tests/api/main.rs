//! The behaviour that users see, one module for each subject.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

#[cfg(all(feature = "macros", feature = "redis", feature = "remember"))]
mod api_service;
#[cfg(all(feature = "macros", feature = "redis", feature = "remember"))]
mod browser;
mod builders;
mod cache;
mod cache_runs;
mod cached_revocations;
#[cfg(feature = "macros")]
mod checks;
mod claims;
mod config;
#[cfg(feature = "remember")]
mod config_defaults;
#[cfg(feature = "remember")]
mod config_env;
mod config_keys;
mod config_secrets;
#[cfg(feature = "remember")]
mod config_sources;
#[cfg(feature = "macros")]
mod cookie_caching;
mod cookies;
mod cross_origin;
mod cross_origin_closures;
mod cross_origin_protection;
mod error_parts;
#[cfg(feature = "session")]
mod events;
mod forgery;
mod form;
#[cfg(feature = "macros")]
mod guard;
#[cfg(feature = "macros")]
mod guard_answers;
#[cfg(feature = "macros")]
mod interop;
mod issuing;
mod issuing_max_ttl;
mod issuing_rejected;
mod key_spellings;
mod keys;
mod keys_pem;
mod keys_weak;
#[cfg(feature = "remember")]
mod login_attempts;
#[cfg(feature = "remember")]
mod login_layer;
#[cfg(feature = "remember")]
mod login_overtaken;
#[cfg(feature = "remember")]
mod login_races;
#[cfg(feature = "macros")]
mod logs;
#[cfg(feature = "macros")]
mod macro_expansion;
#[cfg(feature = "macros")]
mod macro_forms;
mod mistakes;
mod module_dependencies;
mod payload;
mod precomputed_keys;
mod properties;
mod protected_resource;
#[cfg(feature = "session")]
mod readme;
#[cfg(feature = "redis")]
mod redis;
#[cfg(all(feature = "redis", feature = "remember"))]
mod redis_chaos;
#[cfg(all(feature = "redis", feature = "session", feature = "conformance"))]
mod redis_conformance;
#[cfg(all(feature = "redis", feature = "session"))]
mod redis_logs;
#[cfg(feature = "redis")]
mod redis_revocation;
#[cfg(all(feature = "redis", feature = "session", feature = "conformance"))]
mod redis_token_families;
#[cfg(feature = "session")]
mod refresh;
#[cfg(feature = "session")]
mod refresh_logs;
#[cfg(feature = "session")]
mod refresh_races;
#[cfg(feature = "session")]
mod refresh_records;
#[cfg(feature = "remember")]
mod remember;
#[cfg(feature = "remember")]
mod remember_and_session;
#[cfg(feature = "remember")]
mod remember_cookies;
#[cfg(feature = "remember")]
mod remember_failures;
#[cfg(feature = "remember")]
mod remember_fresh;
#[cfg(feature = "remember")]
mod remember_settings;
#[cfg(feature = "remember")]
mod remember_token_families;
#[cfg(feature = "macros")]
mod required;
#[cfg(feature = "macros")]
mod required_nearest;
mod revocation;
#[cfg(feature = "conformance")]
mod revocation_conformance;
#[cfg(feature = "remember")]
mod revoked_logins;
#[cfg(feature = "session")]
mod revoked_sessions;
#[cfg(feature = "macros")]
mod scope_constants;
#[cfg(feature = "macros")]
mod server;
#[cfg(feature = "remember")]
mod session_acceptance;
#[cfg(feature = "session")]
mod session_cache;
#[cfg(feature = "session")]
mod session_cookies;
#[cfg(feature = "session")]
mod session_ends;
#[cfg(feature = "session")]
mod session_logs;
#[cfg(feature = "session")]
mod session_responses;
#[cfg(feature = "session")]
mod session_settings;
#[cfg(feature = "session")]
mod session_size;
#[cfg(feature = "session")]
mod session_sliding;
#[cfg(feature = "session")]
mod session_subjects;
#[cfg(feature = "session")]
mod sessions;
#[cfg(feature = "remember")]
mod shared_caches;
#[cfg(feature = "macros")]
mod step_up;
#[cfg(all(feature = "session", feature = "conformance"))]
mod token_family_conformance;
mod transport;
#[cfg(all(feature = "redis", feature = "remember"))]
mod two_processes;
#[cfg(feature = "remember")]
mod user_checks;
mod vectors;
#[cfg(feature = "macros")]
mod verifier_extractor;
#[cfg(feature = "macros")]
mod verifiers;
#[cfg(feature = "remember")]
mod what_ends_what;
