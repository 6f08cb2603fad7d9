#[path = "../api/cookie_caching.rs"]
mod cookie_caching;
#[path = "../api/debug_output.rs"]
mod debug_output;
#[path = "../api/events.rs"]
mod events;
#[path = "../api/guard.rs"]
mod guard;
#[path = "../api/guard_claims.rs"]
mod guard_claims;
#[path = "../api/guard_error_handler.rs"]
mod guard_error_handler;
#[path = "../api/guard_responses.rs"]
mod guard_responses;
#[path = "../api/logs.rs"]
mod logs;
#[path = "../api/macro_arguments.rs"]
mod macro_arguments;
#[path = "../api/macro_forms.rs"]
mod macro_forms;
#[path = "../api/required.rs"]
mod required;
#[path = "../api/required_nearest.rs"]
mod required_nearest;
#[path = "../api/required_scopes.rs"]
mod required_scopes;
#[path = "../api/scope_constants.rs"]
mod scope_constants;
#[path = "../api/shared_caches.rs"]
mod shared_caches;
#[path = "../api/step_up.rs"]
mod step_up;
#[path = "../api/testing_guards.rs"]
mod testing_guards;
#[path = "../api/verifier_extractor.rs"]
mod verifier_extractor;
