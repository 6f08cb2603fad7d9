//! What `#[paseto_required]` accepts compiles, and what it does not is explained where it stands.
//!
//! `TRYBUILD=overwrite cargo test --test ui` writes the expected messages anew.

#[test]
fn accepted() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}

#[test]
fn refused() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}
