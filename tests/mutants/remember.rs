#[path = "../api/builders.rs"]
mod builders;
#[path = "../api/config_defaults.rs"]
mod config_defaults;
#[path = "../api/current_user.rs"]
mod current_user;
#[path = "../api/current_user_logins.rs"]
mod current_user_logins;
#[path = "../api/debug_output.rs"]
mod debug_output;
#[path = "../api/events.rs"]
mod events;
#[path = "../api/login_attempts.rs"]
mod login_attempts;
#[path = "../api/login_layer.rs"]
mod login_layer;
#[path = "../api/login_layer_order.rs"]
mod login_layer_order;
#[path = "../api/login_overtaken.rs"]
mod login_overtaken;
#[path = "../api/login_races.rs"]
mod login_races;
#[path = "../api/logs.rs"]
mod logs;
#[path = "../api/remember.rs"]
mod remember;
#[path = "../api/remember_and_session.rs"]
mod remember_and_session;
#[path = "../api/remember_cookies.rs"]
mod remember_cookies;
#[path = "../api/remember_failures.rs"]
mod remember_failures;
#[path = "../api/remember_fresh.rs"]
mod remember_fresh;
#[path = "../api/remember_settings.rs"]
mod remember_settings;
#[path = "../api/remember_token_families.rs"]
mod remember_token_families;
#[path = "../api/revoked_logins.rs"]
mod revoked_logins;
#[path = "../api/testing_log_in.rs"]
mod testing_log_in;
#[path = "../api/user_checks.rs"]
mod user_checks;
