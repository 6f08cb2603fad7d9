#[path = "../api/builders.rs"]
mod builders;
#[path = "../api/cache.rs"]
mod cache;
#[path = "../api/cache_keys.rs"]
mod cache_keys;
#[path = "../api/checks_claims.rs"]
mod checks_claims;
#[path = "../api/claims.rs"]
mod claims;
#[path = "../api/claims_times.rs"]
mod claims_times;
#[path = "../api/error_parts.rs"]
mod error_parts;
#[path = "../api/footers.rs"]
mod footers;
#[path = "../api/forgery.rs"]
mod forgery;
#[path = "../api/form.rs"]
mod form;
#[path = "../api/guard.rs"]
mod guard;
#[path = "../api/guard_claims.rs"]
mod guard_claims;
#[path = "../api/issuing.rs"]
mod issuing;
#[path = "../api/issuing_claims.rs"]
mod issuing_claims;
#[path = "../api/issuing_rejected.rs"]
mod issuing_rejected;
#[path = "../api/malformed_credentials.rs"]
mod malformed_credentials;
#[path = "../api/payload.rs"]
mod payload;
#[path = "../api/properties.rs"]
mod properties;
#[path = "../api/session_size.rs"]
mod session_size;
#[path = "../api/transport.rs"]
mod transport;
#[path = "../api/vectors.rs"]
mod vectors;
