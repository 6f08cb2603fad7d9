#[path = "../api/builders.rs"]
mod builders;
#[path = "../api/cached_revocations.rs"]
mod cached_revocations;
#[path = "../api/revocation.rs"]
mod revocation;
#[path = "../api/revocation_conformance.rs"]
mod revocation_conformance;
#[path = "../api/revoked_logins.rs"]
mod revoked_logins;
#[path = "../api/revoked_sessions.rs"]
mod revoked_sessions;
#[path = "../api/sqlite.rs"]
mod sqlite;
#[path = "../api/sqlite_conformance.rs"]
mod sqlite_conformance;
#[path = "../api/store_errors.rs"]
mod store_errors;
