#[path = "../api/builders.rs"]
mod builders;
#[path = "../api/config.rs"]
mod config;
#[path = "../api/events.rs"]
mod events;
#[path = "../api/refresh.rs"]
mod refresh;
#[path = "../api/refresh_logout.rs"]
mod refresh_logout;
#[path = "../api/refresh_logs.rs"]
mod refresh_logs;
#[path = "../api/refresh_races.rs"]
mod refresh_races;
#[path = "../api/refresh_records.rs"]
mod refresh_records;
#[path = "../api/refresh_responses.rs"]
mod refresh_responses;
#[path = "../api/store_errors.rs"]
mod store_errors;
#[path = "../api/token_cookies.rs"]
mod token_cookies;
#[path = "../api/token_endpoints.rs"]
mod token_endpoints;
#[path = "../api/token_renewal.rs"]
mod token_renewal;
#[path = "../api/token_renewal_late.rs"]
mod token_renewal_late;
