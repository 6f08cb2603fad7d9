#[path = "../api/builders.rs"]
mod builders;
#[path = "../api/cache.rs"]
mod cache;
#[path = "../api/cache_keys.rs"]
mod cache_keys;
#[path = "../api/checks.rs"]
mod checks;
#[path = "../api/checks_claims.rs"]
mod checks_claims;
#[path = "../api/checks_order.rs"]
mod checks_order;
#[path = "../api/config.rs"]
mod config;
#[path = "../api/config_keys.rs"]
mod config_keys;
#[path = "../api/cookie_caching.rs"]
mod cookie_caching;
#[path = "../api/current_user.rs"]
mod current_user;
#[path = "../api/error_parts.rs"]
mod error_parts;
#[path = "../api/events.rs"]
mod events;
#[path = "../api/logs.rs"]
mod logs;
#[path = "../api/malformed_credentials.rs"]
mod malformed_credentials;
#[path = "../api/precomputed_keys.rs"]
mod precomputed_keys;
#[path = "../api/remote_keys.rs"]
mod remote_keys;
#[path = "../api/remote_keys_failures.rs"]
mod remote_keys_failures;
#[path = "../api/remote_keys_http.rs"]
mod remote_keys_http;
#[path = "../api/remote_keys_issuers.rs"]
mod remote_keys_issuers;
#[path = "../api/remote_keys_settings.rs"]
mod remote_keys_settings;
#[path = "../api/remote_keys_waiting.rs"]
mod remote_keys_waiting;
#[path = "../api/revocation.rs"]
mod revocation;
#[path = "../api/set_keys.rs"]
mod set_keys;
#[path = "../api/shared_caches.rs"]
mod shared_caches;
#[path = "../api/transport.rs"]
mod transport;
#[path = "../api/trust_issuer.rs"]
mod trust_issuer;
#[path = "../api/verifier_extractor.rs"]
mod verifier_extractor;
#[path = "../api/verifiers.rs"]
mod verifiers;
