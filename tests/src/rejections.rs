//! Refusals, and the rule behind each.

use std::panic::Location;

use paseto_actix::Verifier;
use paseto_actix::error::VerifyErrorKind;

use crate::app::assert_refused;

/// Asserts that a bearer token is refused with the answer **A**, and that it is this rule that refuses it: clients see the
/// same for every cause, so a token with a second, unwanted mistake would pass for a good test.
#[track_caller]
pub fn assert_refused_as(
    verifier: &Verifier,
    token: &str,
    kind: VerifyErrorKind,
) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move {
        match verifier.verify_str(token) {
            Ok(_) => panic!("a token that should be refused as {kind:?}, at {caller}"),
            Err(error) => assert_eq!(error.kind(), kind, "{error}, at {caller}"),
        }
        assert_refused(verifier, token).await;
    }
}
