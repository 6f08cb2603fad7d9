#[path = "../api/builders.rs"]
mod builders;
#[path = "../api/csrf.rs"]
mod csrf;
#[path = "../api/events.rs"]
mod events;
#[path = "../api/revoked_sessions.rs"]
mod revoked_sessions;
#[path = "../api/session_acceptance.rs"]
mod session_acceptance;
#[path = "../api/session_cache.rs"]
mod session_cache;
#[path = "../api/session_cookies.rs"]
mod session_cookies;
#[path = "../api/session_lifecycle.rs"]
mod session_lifecycle;
#[path = "../api/session_logs.rs"]
mod session_logs;
#[path = "../api/session_races.rs"]
mod session_races;
#[path = "../api/session_responses.rs"]
mod session_responses;
#[path = "../api/session_settings.rs"]
mod session_settings;
#[path = "../api/session_size.rs"]
mod session_size;
#[path = "../api/session_sliding.rs"]
mod session_sliding;
#[path = "../api/session_subjects.rs"]
mod session_subjects;
#[path = "../api/sessions.rs"]
mod sessions;
#[path = "../api/settings_guide.rs"]
mod settings_guide;
