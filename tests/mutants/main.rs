//! The tests of `tests/api` that cover one module of the library, for mutation tests. This binary
//! compiles faster than all tests. `PASETO_ACTIX_MUTANTS` names the module: see `just mutants`.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

include!(concat!(env!("PASETO_ACTIX_MUTANTS"), ".rs"));
