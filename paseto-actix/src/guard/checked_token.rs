use serde::de::DeserializeOwned;

use super::Paseto;
use crate::error::VerifyError;
use crate::token::VerifiedToken;

/// The form in which a check of a guard receives the token.
///
/// A check of `#[paseto_required(check = …)]` or of
/// [`PasetoRequired::check`](crate::PasetoRequired::check) has the type
/// `fn(&HttpRequest, &T) -> Result<(), Rejection>`, where `T` is one of these types:
///
/// - [`VerifiedToken`]: the token, with its registered claims.
/// - [`Paseto<C>`](Paseto): the token and its payload as a type of the application. A payload that
///   does not match `C` is rejected with `401`, as by the extractor `Paseto<C>`, and the check does
///   not run.
///
/// Other types cannot implement this trait.
///
/// ```
/// use actix_web::HttpRequest;
/// use paseto_actix::error::Rejection;
/// use paseto_actix::{Paseto, PasetoRequired};
///
/// #[derive(serde::Deserialize)]
/// struct Claims {
///     tenant: String,
/// }
///
/// fn own_tenant(req: &HttpRequest, paseto: &Paseto<Claims>) -> Result<(), Rejection> {
///     if req.match_info().get("tenant") == Some(&paseto.claims().tenant) {
///         return Ok(());
///     }
///     Err(Rejection::forbidden("the resource belongs to another tenant"))
/// }
///
/// let required = PasetoRequired::new().check(own_tenant);
/// # let _ = required;
/// ```
#[diagnostic::on_unimplemented(
    message = "a check cannot receive `&{Self}`",
    label = "expected a function `fn(&HttpRequest, &VerifiedToken)` or `fn(&HttpRequest, &Paseto<Claims>)`",
    note = "the type in `Paseto<…>` must implement `serde::Deserialize` and own its data"
)]
pub trait CheckedToken: sealed::FromToken {}

impl CheckedToken for VerifiedToken {}

impl<C: DeserializeOwned> CheckedToken for Paseto<C> {}

mod sealed {
    use super::{DeserializeOwned, Paseto, VerifiedToken, VerifyError};

    pub trait FromToken: Sized {
        /// Calls `check` with the token in this form.
        fn check<R>(
            token: &VerifiedToken,
            check: impl FnOnce(&Self) -> R,
        ) -> Result<R, VerifyError>;
    }

    impl FromToken for VerifiedToken {
        fn check<R>(token: &Self, check: impl FnOnce(&Self) -> R) -> Result<R, VerifyError> {
            Ok(check(token))
        }
    }

    impl<C: DeserializeOwned> FromToken for Paseto<C> {
        fn check<R>(
            token: &VerifiedToken,
            check: impl FnOnce(&Self) -> R,
        ) -> Result<R, VerifyError> {
            Ok(check(&Self::with_claims(token.clone())?))
        }
    }
}
