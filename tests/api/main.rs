//! Tests of the behavior that users see. Each module tests one subject.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(all(feature = "macros", feature = "redis", feature = "remember", feature = "sqlite"))]
mod api_service;
#[cfg(all(feature = "macros", feature = "redis", feature = "remember"))]
mod browser;
mod builders;
mod cache;
mod cache_keys;
mod cache_runs;
mod cached_revocations;
#[cfg(feature = "macros")]
mod checks;
#[cfg(feature = "macros")]
mod checks_claims;
#[cfg(feature = "macros")]
mod checks_order;
mod claims;
mod claims_times;
#[cfg(all(feature = "remember", feature = "sqlite"))]
mod clock_steps;
#[cfg(all(feature = "macros", feature = "redis", feature = "remember"))]
mod command_line;
#[cfg(all(feature = "macros", feature = "redis", feature = "remember"))]
mod command_line_explain;
#[cfg(all(feature = "macros", feature = "redis", feature = "remember", unix))]
mod command_line_full_disk;
#[cfg(all(feature = "macros", feature = "redis", feature = "remember"))]
mod command_line_keys;
#[cfg(all(feature = "macros", feature = "redis", feature = "remember", feature = "password-keys"))]
mod command_line_passwords;
#[cfg(all(feature = "macros", feature = "redis", feature = "remember"))]
mod command_line_rotation;
mod config;
#[cfg(feature = "remember")]
mod config_defaults;
#[cfg(feature = "remember")]
mod config_env;
mod config_errors;
mod config_keys;
mod config_secrets;
#[cfg(feature = "remember")]
mod config_source_errors;
#[cfg(feature = "remember")]
mod config_sources;
#[cfg(feature = "macros")]
mod cookie_caching;
mod cookies;
mod cross_origin;
mod cross_origin_closures;
mod cross_origin_protection;
#[cfg(feature = "session")]
mod csrf;
mod current_user;
#[cfg(feature = "remember")]
mod current_user_logins;
#[cfg(feature = "macros")]
mod debug_output;
mod error_parts;
#[cfg(feature = "session")]
mod events;
mod footers;
mod forgery;
mod form;
#[cfg(feature = "macros")]
mod guard;
#[cfg(feature = "macros")]
mod guard_claims;
#[cfg(feature = "macros")]
mod guard_error_handler;
#[cfg(feature = "macros")]
mod guard_responses;
#[cfg(feature = "macros")]
mod interop;
mod issuing;
mod issuing_claims;
mod issuing_max_ttl;
mod issuing_rejected;
mod key_encodings;
#[cfg(feature = "session")]
mod key_files;
#[cfg(feature = "remember")]
mod key_ring_rotation;
#[cfg(feature = "session")]
mod key_rotation;
mod key_schedules;
mod key_set;
mod key_set_service;
mod keys;
mod keys_der;
#[cfg(feature = "password-keys")]
mod keys_password;
mod keys_pem;
mod keys_weak;
#[cfg(feature = "remember")]
mod login_attempts;
#[cfg(feature = "remember")]
mod login_layer;
#[cfg(feature = "remember")]
mod login_layer_order;
#[cfg(all(feature = "remember", feature = "sqlite"))]
mod login_manager;
#[cfg(feature = "remember")]
mod login_overtaken;
#[cfg(feature = "remember")]
mod login_races;
#[cfg(feature = "macros")]
mod logs;
#[cfg(feature = "macros")]
mod macro_arguments;
#[cfg(feature = "macros")]
mod macro_expansion;
#[cfg(feature = "macros")]
mod macro_forms;
mod malformed_credentials;
mod mistakes;
mod module_dependencies;
#[cfg(all(feature = "macros", feature = "redis", feature = "remember", unix))]
mod open_files;
#[cfg(all(feature = "macros", feature = "utoipa"))]
mod openapi;
mod payload;
mod precomputed_keys;
mod properties;
mod protected_resource;
#[cfg(feature = "redis")]
mod redis;
#[cfg(all(feature = "redis", feature = "remember"))]
mod redis_chaos;
#[cfg(all(feature = "redis", feature = "session", feature = "conformance"))]
mod redis_cluster;
#[cfg(all(feature = "redis", feature = "session", feature = "conformance"))]
mod redis_conformance;
#[cfg(feature = "redis")]
mod redis_harness;
#[cfg(all(feature = "redis", feature = "session"))]
mod redis_logs;
#[cfg(feature = "redis")]
mod redis_pushed;
#[cfg(feature = "redis")]
mod redis_pushed_failures;
#[cfg(all(feature = "redis", feature = "conformance"))]
mod redis_pushed_primaries;
#[cfg(all(feature = "redis", feature = "session", feature = "conformance"))]
mod redis_replication;
#[cfg(feature = "redis")]
mod redis_revocation;
#[cfg(all(feature = "redis", feature = "session", feature = "conformance"))]
mod redis_sentinel;
#[cfg(all(feature = "redis", feature = "session", feature = "conformance"))]
mod redis_token_families;
#[cfg(feature = "session")]
mod refresh;
#[cfg(feature = "session")]
mod refresh_logout;
#[cfg(feature = "session")]
mod refresh_logs;
#[cfg(feature = "session")]
mod refresh_races;
#[cfg(feature = "session")]
mod refresh_records;
#[cfg(feature = "session")]
mod refresh_responses;
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
#[cfg(feature = "remote-keys")]
mod remote_keys;
#[cfg(feature = "remote-keys")]
mod remote_keys_failures;
#[cfg(feature = "remote-keys")]
mod remote_keys_http;
#[cfg(feature = "remote-keys")]
mod remote_keys_issuers;
#[cfg(feature = "remote-keys")]
mod remote_keys_settings;
#[cfg(feature = "remote-keys")]
mod remote_keys_tls;
#[cfg(feature = "remote-keys")]
mod remote_keys_waiting;
#[cfg(feature = "macros")]
mod required;
#[cfg(feature = "macros")]
mod required_nearest;
#[cfg(feature = "macros")]
mod required_scopes;
mod revocation;
#[cfg(feature = "conformance")]
mod revocation_conformance;
#[cfg(feature = "remember")]
mod revocation_matrix;
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
mod session_lifecycle;
#[cfg(feature = "session")]
mod session_logs;
#[cfg(feature = "session")]
mod session_races;
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
mod set_keys;
#[cfg(feature = "session")]
mod settings_guide;
#[cfg(feature = "remember")]
mod shared_caches;
#[cfg(all(feature = "macros", feature = "redis", feature = "remember", unix))]
mod shutdown;
#[cfg(all(feature = "session", feature = "sqlite"))]
mod sqlite;
#[cfg(all(feature = "sqlite", feature = "conformance"))]
mod sqlite_conformance;
#[cfg(all(feature = "session", feature = "sqlite", unix))]
mod sqlite_files;
#[cfg(all(feature = "redis", feature = "remember", feature = "sqlite"))]
mod sqlite_processes;
#[cfg(feature = "macros")]
mod step_up;
#[cfg(feature = "session")]
mod store_errors;
mod testing_browser;
mod testing_guards;
#[cfg(feature = "remember")]
mod testing_log_in;
#[cfg(feature = "session")]
mod testing_remote_app;
#[cfg(feature = "session")]
mod testing_stores;
mod testing_users;
#[cfg(feature = "session")]
mod token_cookies;
#[cfg(feature = "session")]
mod token_endpoints;
#[cfg(all(feature = "session", feature = "conformance"))]
mod token_family_conformance;
#[cfg(feature = "session")]
mod token_renewal;
#[cfg(feature = "session")]
mod token_renewal_late;
mod transport;
mod trust_issuer;
#[cfg(all(feature = "redis", feature = "remember", feature = "sqlite"))]
mod two_processes;
#[cfg(all(feature = "macros", feature = "redis", feature = "remember", feature = "remote-keys"))]
mod two_services;
#[cfg(feature = "remember")]
mod user_checks;
mod vectors;
#[cfg(feature = "macros")]
mod verifier_extractor;
#[cfg(feature = "macros")]
mod verifiers;
