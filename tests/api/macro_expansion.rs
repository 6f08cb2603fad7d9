//! The code that `#[paseto_required]` generates compiles in unusual surroundings.
//!
//! Each module is one program of a user. Its test builds the `App`, so that the compiler uses the
//! generated code. The package `tests/ui` tests the mistakes that the attribute rejects.

mod handlers_configured_away;
mod handlers_of_macro_rules;
mod handlers_of_many_return_types;
mod lints_of_arguments;
mod names_of_the_user;
