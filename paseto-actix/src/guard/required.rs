use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;

use super::CheckedToken;
use super::names::{NameKind, assert_names};
use crate::error::{Rejection, VerifyError, VerifyErrorKind, quote, quote_list};
use crate::token::VerifiedToken;
use crate::verifier::Verifier;

/// A middleware that requires an accepted token for a whole scope or application.
///
/// Without options, each token that the nearest [`Verifier`] accepts is sufficient. The options are
/// those of the attribute `#[paseto_required]`. All of them must be satisfied. The middleware
/// rejects a request with a response and not with an error, so that outer middlewares (CORS,
/// sessions) process the response.
///
/// ```
/// use actix_web::{App, web};
/// use paseto_actix::{PasetoRequired, SecretKey, Verifier};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .build()?;
/// let app = App::new().app_data(verifier).service(
///     web::scope("/admin")
///         .wrap(PasetoRequired::new().scopes(["admin"]).fresh(Duration::from_secs(600)))
///         .route("/users", web::get().to(async || "users")),
/// );
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// # Scopes with their own verifier
///
/// The middleware uses the `Verifier` nearest to itself. If an inner scope or resource registers
/// another `Verifier`, wrap `PasetoRequired` inside that scope:
///
/// ```
/// # use actix_web::{App, web};
/// # use paseto_actix::{PasetoRequired, Verifier};
/// # fn application(verifier: Verifier, stricter: Verifier) {
/// let app = App::new().app_data(verifier).service(
///     web::scope("/admin")
///         .app_data(stricter)
///         .wrap(PasetoRequired::new())
///         .route("/users", web::get().to(async || "users")),
/// );
/// # let _ = app;
/// # }
/// ```
///
/// Around the `App`, the middleware would use the outer `Verifier` and accept tokens that the
/// stricter one rejects, because actix-web adds the app data of a scope only when it routes the
/// request to that scope. The middleware detects this after the handler has run. If neither
/// `#[paseto_required]` nor an extractor nor a `PasetoRequired` inside the scope used the
/// `Verifier` nearest to the handler, the middleware replaces the response with `500` and logs the
/// cause at `ERROR`. A `404` or `405` with an empty body keeps its status but not its headers,
/// because it is the response of actix-web to a path or a method without a handler.
#[derive(Clone, Default)]
pub struct PasetoRequired {
    scopes: Vec<String>,
    any_scope: Vec<Vec<String>>,
    /// The accepted values. `None` accepts each token, also a token without `acr`.
    acr: Option<Vec<String>>,
    fresh: Option<Duration>,
    checks: Vec<Check>,
}

type Check = Arc<dyn Fn(&HttpRequest, &VerifiedToken) -> Result<(), VerifyError> + Send + Sync>;

impl PasetoRequired {
    /// Requires a token that the verifier accepts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires all of these scopes. A token without one of them is rejected with `403` and
    /// `insufficient_scope` ([RFC 6750, section 3.1]).
    ///
    /// # Panics
    ///
    /// If a string is not a scope-token of [RFC 6749, section 3.3]: visible ASCII without space,
    /// `"` and `\`. A token cannot grant it, so the route would reject each request.
    ///
    /// [RFC 6749, section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
    /// [RFC 6750, section 3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    #[must_use]
    #[track_caller]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(assert_names(NameKind::Scope, scopes));
        self
    }

    /// Requires at least one of these scopes. After several calls, the token needs one scope of
    /// each call. An empty list rejects each request. The rejection is `403` with
    /// `insufficient_scope`, and the challenge contains all scopes.
    ///
    /// # Panics
    ///
    /// See [`scopes`](Self::scopes).
    #[must_use]
    #[track_caller]
    pub fn any_scope<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.any_scope.push(assert_names(NameKind::Scope, scopes));
        self
    }

    /// Requires one of these values of the authentication context class (`acr`) of the login. After
    /// several calls, the value must be in each list. An empty list rejects each request.
    ///
    /// The rejection is `401` with `insufficient_user_authentication` and the accepted `acr_values`
    /// ([RFC 9470, section 3]). The client sends the user to a login of that class (a step-up) and
    /// retries with a new token.
    ///
    /// ```
    /// use paseto_actix::PasetoRequired;
    /// use std::time::Duration;
    ///
    /// // A phishing-resistant login, with or without hardware, in the last 10 minutes.
    /// let transfers = PasetoRequired::new().acr(["phr", "phrh"]).fresh(Duration::from_secs(600));
    /// # let _ = transfers;
    /// ```
    ///
    /// # Panics
    ///
    /// If a value is empty, or contains other characters than visible ASCII without space, `"` and
    /// `\`.
    ///
    /// [RFC 9470, section 3]: https://www.rfc-editor.org/rfc/rfc9470#section-3
    #[must_use]
    #[track_caller]
    pub fn acr<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        let mut values = assert_names(NameKind::Acr, values);
        if let Some(earlier) = self.acr {
            values.retain(|value| earlier.contains(value));
        }
        self.acr = Some(values);
        self
    }

    /// Requires a login (`auth_time`) at most this long ago. The leeway of the verifier is added.
    /// After several calls, the shortest time applies. The rejection is `401` with
    /// `insufficient_user_authentication` and `max_age` in seconds ([RFC 9470, section 3]).
    ///
    /// [RFC 9470, section 3]: https://www.rfc-editor.org/rfc/rfc9470#section-3
    #[must_use]
    pub fn fresh(mut self, max_age: Duration) -> Self {
        self.fresh = Some(self.fresh.map_or(max_age, |other| other.min(max_age)));
        self
    }

    /// Adds a check of the application. Checks run after all other requirements.
    ///
    /// The second argument of the check is a `&VerifiedToken`, or a `&Paseto<Claims>` to check
    /// claims of the application: see [`CheckedToken`]. A closure needs the type of this argument.
    ///
    /// ```
    /// use actix_web::HttpRequest;
    /// use paseto_actix::error::Rejection;
    /// use paseto_actix::{PasetoRequired, VerifiedToken};
    ///
    /// let required = PasetoRequired::new().check(|req: &HttpRequest, token: &VerifiedToken| {
    ///     if req.match_info().get("user") == token.subject() {
    ///         return Ok(());
    ///     }
    ///     Err(Rejection::forbidden("the page belongs to another user"))
    /// });
    /// # let _ = required;
    /// ```
    #[must_use]
    pub fn check<F, Token>(mut self, check: F) -> Self
    where
        F: Fn(&HttpRequest, &Token) -> Result<(), Rejection> + Send + Sync + 'static,
        Token: CheckedToken,
    {
        self.checks.push(Arc::new(move |req, token| {
            Token::check(token, |token| check(req, token))?.map_err(VerifyError::from)
        }));
        self
    }

    /// Checks the requirements for a token that the verifier has accepted.
    pub(super) fn check_token(
        &self,
        req: &HttpRequest,
        verifier: &Verifier,
        token: &VerifiedToken,
    ) -> Result<(), VerifyError> {
        self.check_scopes(token)
            .and_then(|()| self.check_login(verifier, token))
            .and_then(|()| self.checks.iter().try_for_each(|check| check(req, token)))
            .map_err(|error| token.annotate(error))
    }

    fn check_scopes(&self, token: &VerifiedToken) -> Result<(), VerifyError> {
        let mut missing = Vec::new();
        let mut details = Vec::new();
        let lacking =
            without_repetition(self.scopes.iter().filter(|scope| !token.has_scope(scope)));
        if !lacking.is_empty() {
            details.push(quote_list(&lacking, "and"));
            missing.extend(lacking);
        }
        for scopes in &self.any_scope {
            if !scopes.iter().any(|scope| token.has_scope(scope)) {
                details.push(match scopes.len() {
                    0 => "a scope of an empty list, which rejects each request".to_owned(),
                    _ => quote_list(scopes, "or"),
                });
                missing.extend_from_slice(scopes);
            }
        }
        if details.is_empty() {
            return Ok(());
        }
        let detail = format!("the token lacks {}", details.join(", and "));
        let needed = self.scopes.iter().chain(self.any_scope.iter().flatten());
        Err(VerifyError::new(VerifyErrorKind::InsufficientScope, detail)
            .with_scopes(without_repetition(needed), without_repetition(&missing)))
    }

    /// Returns one error for both requirements, so that one login can satisfy both.
    fn check_login(&self, verifier: &Verifier, token: &VerifiedToken) -> Result<(), VerifyError> {
        let faults = [
            self.fresh.and_then(|max_age| fault_of_age(max_age, verifier, token)),
            self.acr.as_ref().and_then(|accepted| fault_of_acr(accepted, token)),
        ];
        let detail = faults.into_iter().flatten().collect::<Vec<_>>().join("; ");
        if detail.is_empty() {
            return Ok(());
        }
        let mut error = VerifyError::new(VerifyErrorKind::InsufficientUserAuthentication, detail)
            .with_acr_values(self.acr.clone().unwrap_or_default());
        if let Some(max_age) = self.fresh {
            error = error.with_max_age(max_age);
        }
        Err(error)
    }
}

fn without_repetition<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for name in names {
        if !distinct.contains(name) {
            distinct.push(name.clone());
        }
    }
    distinct
}

fn fault_of_age(max_age: Duration, verifier: &Verifier, token: &VerifiedToken) -> Option<String> {
    let Some(auth_time) = token.auth_time() else {
        return Some(
            "the token has no `auth_time`: set it with `.auth_time(..)` when you issue the token"
                .to_owned(),
        );
    };
    let (age, leeway) = (verifier.now() - auth_time, verifier.leeway());
    if -age > leeway {
        let ahead = -age.whole_seconds();
        return Some(format!(
            "`auth_time` is {ahead} s in the future: compare the clocks of issuer and verifier"
        ));
    }
    (age.saturating_sub(leeway) > max_age).then(|| {
        let (age, max_age) = (age.whole_seconds(), max_age.as_secs());
        format!("expected `auth_time` at most {max_age} s ago, found {age} s ago: log in again")
    })
}

fn fault_of_acr(accepted: &[String], token: &VerifiedToken) -> Option<String> {
    let found = token.acr();
    if accepted.iter().any(|value| found == Some(value)) {
        return None;
    }
    let expected = match accepted {
        [] => "an `acr` of an empty list, which rejects each request".to_owned(),
        _ => format!("`acr` {}", quote_list(accepted, "or")),
    };
    Some(match found {
        Some(found) => format!("expected {expected}, found {}", quote(found)),
        None => format!(
            "expected {expected}, found no `acr`: set it with `.acr(..)` when you issue the token"
        ),
    })
}

impl fmt::Debug for PasetoRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoRequired")
            .field("scopes", &self.scopes)
            .field("any_scope", &self.any_scope)
            .field("acr", &self.acr)
            .field("fresh", &self.fresh)
            .field("checks", &self.checks.len())
            .finish()
    }
}
