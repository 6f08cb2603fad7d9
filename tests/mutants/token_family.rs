#[path = "../api/login_overtaken.rs"]
mod login_overtaken;
#[path = "../api/refresh.rs"]
mod refresh;
#[path = "../api/refresh_logout.rs"]
mod refresh_logout;
#[path = "../api/refresh_races.rs"]
mod refresh_races;
#[path = "../api/refresh_records.rs"]
mod refresh_records;
#[path = "../api/remember_token_families.rs"]
mod remember_token_families;
#[path = "../api/revocation_conformance.rs"]
mod revocation_conformance;
#[path = "../api/revoked_logins.rs"]
mod revoked_logins;
#[path = "../api/session_subjects.rs"]
mod session_subjects;
#[path = "../api/sqlite.rs"]
mod sqlite;
#[path = "../api/sqlite_conformance.rs"]
mod sqlite_conformance;
#[path = "../api/token_family_conformance.rs"]
mod token_family_conformance;
