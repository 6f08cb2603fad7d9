//! Rejections of tokens, with the rule that rejects the token.

use std::panic::Location;

use paseto_actix::Verifier;
use paseto_actix::error::VerifyErrorKind;

use crate::app::assert_rejected;

/// Asserts that a bearer token is rejected as invalid, and that this rule rejects it. The response
/// is the same for each rule, so a token with a second mistake would otherwise pass unnoticed.
#[track_caller]
pub fn assert_rejected_as(
    verifier: &Verifier,
    token: &str,
    kind: VerifyErrorKind,
) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move {
        match verifier.verify_str(token) {
            Ok(_) => panic!("the token must be rejected as {kind:?}, at {caller}"),
            Err(error) => assert_eq!(error.kind(), kind, "{error}, at {caller}"),
        }
        assert_rejected(verifier, token).await;
    }
}
