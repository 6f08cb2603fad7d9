use std::{fmt, sync::Arc, time::Duration};

use actix_web::HttpRequest;

use crate::error::{Refusal, VerifyError, VerifyErrorKind};
use crate::token::VerifiedToken;
use crate::verifier::Verifier;

/// A middleware that admits requests with an accepted token to a whole scope or application.
///
/// Without options, it admits each token that the nearest [`Verifier`] accepts. The options are
/// those of the attribute `#[paseto_required]`, and add to each other. A rejected request gets the
/// Verifier's answer as a response and not as an error, so that outer middlewares (CORS, sessions)
/// see it.
///
/// ```
/// use actix_web::{App, web};
/// use paseto_actix::{PasetoRequired, SecretKey, Verifier};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let verifier = Verifier::builder().trust("https://issuer.example", SecretKey::generate().public_key()).build()?;
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
/// # Scopes with a Verifier of their own
///
/// The middleware asks the `Verifier` nearest to itself. If an inner scope or resource registers
/// another `Verifier`, wrap `PasetoRequired` inside of that scope:
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
/// Around the `App`, the middleware asks the outer `Verifier`, and accepts tokens that the stricter
/// one rejects: actix-web adds the app data of a scope to a request only when the request is routed
/// there. So the middleware compares the two afterwards. If neither `#[paseto_required]` nor an
/// extractor nor a `PasetoRequired` inside the scope asked the `Verifier` nearest to the handler, the
/// response is replaced by `500` for each token, and the log has the cause at `ERROR`. The handler
/// has run then. A `404` or `405` with an empty body keeps its status, but not its headers, because
/// it is the response of actix-web to a path or a method without a handler.
#[derive(Clone, Default)]
pub struct PasetoRequired {
    scopes: Vec<String>,
    any_scope: Vec<Vec<String>>,
    fresh: Option<Duration>,
    checks: Vec<Check>,
}

type Check = Arc<dyn Fn(&HttpRequest, &VerifiedToken) -> Result<(), Refusal> + Send + Sync>;

impl PasetoRequired {
    /// Admits each token that the Verifier accepts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The token has to grant all of these scopes.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// The token has to grant at least one of these scopes. An empty list rejects each request. The
    /// challenge names every scope that would help.
    #[must_use]
    pub fn any_scope<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.any_scope.push(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// The user has to have logged in (`auth_time`) at most this long ago. The Verifier's leeway is
    /// added.
    #[must_use]
    pub fn fresh(mut self, max_age: Duration) -> Self {
        self.fresh = Some(self.fresh.map_or(max_age, |other| other.min(max_age)));
        self
    }

    /// A check of your own, made after all others.
    #[must_use]
    pub fn check<F>(mut self, check: F) -> Self
    where
        F: Fn(&HttpRequest, &VerifiedToken) -> Result<(), Refusal> + Send + Sync + 'static,
    {
        self.checks.push(Arc::new(check));
        self
    }

    /// Checks the requirements for a token that the Verifier has accepted.
    pub(super) fn check_token(
        &self,
        req: &HttpRequest,
        verifier: &Verifier,
        token: &VerifiedToken,
    ) -> Result<(), VerifyError> {
        let all = self.scopes.iter().all(|scope| token.has_scope(scope));
        let any = self.any_scope.iter().all(|scopes| scopes.iter().any(|scope| token.has_scope(scope)));
        let error = if !all || !any {
            let needed: Vec<_> = self.scopes.iter().chain(self.any_scope.iter().flatten()).cloned().collect();
            let detail = format!("a scope is missing, of {needed:?}");
            VerifyError::new(VerifyErrorKind::InsufficientScope, detail).with_scopes(needed)
        } else if let Some(max_age) = self.fresh.filter(|max_age| !is_fresh(*max_age, verifier, token)) {
            VerifyError::new(VerifyErrorKind::StaleAuthentication, "no `auth_time`, or one too long ago")
                .with_max_age(max_age)
        } else {
            match self.checks.iter().try_for_each(|check| check(req, token)) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal.into(),
            }
        };
        Err(token.annotate(error))
    }
}

fn is_fresh(max_age: Duration, verifier: &Verifier, token: &VerifiedToken) -> bool {
    let leeway = verifier.leeway();
    token.auth_time().is_some_and(|auth_time| {
        let age = verifier.now() - auth_time;
        age.saturating_sub(leeway) <= max_age && -age <= leeway
    })
}

impl fmt::Debug for PasetoRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoRequired")
            .field("scopes", &self.scopes)
            .field("any_scope", &self.any_scope)
            .field("fresh", &self.fresh)
            .field("checks", &self.checks.len())
            .finish()
    }
}
