#[path = "../api/checks.rs"]
mod checks;
#[path = "../api/guard.rs"]
mod guard;
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
#[path = "../api/step_up.rs"]
mod step_up;
