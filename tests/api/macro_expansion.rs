//! Code that the attribute writes compiles in unusual surroundings.
//!
//! Each module is one program of a user. Its test builds the `App`, so the code is used. The mistakes
//! that the attribute rejects are in the package `tests/ui`.

mod handlers_configured_away;
mod handlers_of_macro_rules;
mod handlers_of_many_return_types;
mod lints_of_arguments;
mod names_of_the_user;
