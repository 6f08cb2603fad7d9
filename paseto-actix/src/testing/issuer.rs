use std::fmt;
use std::sync::Arc;

use time::OffsetDateTime;

use super::TestUser;
use crate::clock::{Clock, SystemClock};
use crate::issuer::Issuer;
use crate::keys::SecretKey;
use crate::revocation::MemoryRevocationStore;
use crate::verifier::{Verifier, VerifierBuilder};

/// The capacity of the revocation store. A test issues fewer tokens.
const CAPACITY: usize = 10_000;

/// An issuer with a generated key, and the verifier that trusts it. [`user`](Self::user) returns
/// tokens, also tokens that the verifier must reject.
///
/// The tokens are not valid in production, because each `TestIssuer` generates a key. Clones share
/// the key and the revocation store.
///
/// ```
/// use actix_web::http::StatusCode;
/// use actix_web::test::{TestRequest, call_service, init_service};
/// use actix_web::{App, get};
/// use paseto_actix::paseto_required;
/// use paseto_actix::testing::TestIssuer;
///
/// #[get("/reports")]
/// #[paseto_required(scopes("read"))]
/// async fn reports() -> &'static str {
///     "reports"
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = TestIssuer::new("https://issuer.example");
/// let verifier = auth.verifier().build()?; // or with your `.error_handler(..)`
/// let app = init_service(App::new().app_data(verifier).service(reports)).await;
///
/// let reader = auth.user("ada").scopes(["read"]);
/// for (user, status) in [
///     (reader.clone(), StatusCode::OK),
///     (reader.expired(), StatusCode::UNAUTHORIZED),
///     (auth.user("ada"), StatusCode::FORBIDDEN),
/// ] {
///     let request = TestRequest::get().uri("/reports").insert_header(user);
///     assert_eq!(call_service(&app, request.to_request()).await.status(), status);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TestIssuer {
    pub(super) name: String,
    pub(super) key: SecretKey,
    pub(super) audience: Option<String>,
    pub(super) revocations: Option<MemoryRevocationStore>,
    clock: Arc<dyn Clock>,
}

impl TestIssuer {
    /// Returns an issuer with this name (`iss`), usually a URL, and a generated key.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            key: SecretKey::generate(),
            audience: None,
            revocations: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the clock of the issuer, the verifier and the revocation store, such as a
    /// [`TestClock`](super::TestClock). Default: the system clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        // The store reads the new clock. No token is revoked yet.
        if self.revocations.is_some() { self.with_revocations() } else { self }
    }

    /// Sets the audience (`aud`) of the tokens and of the verifier. Default: no audience.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Adds a revocation store in memory, which [`verifier`](Self::verifier) uses and
    /// [`TestUser::revoked`] needs. Default: no store.
    ///
    /// The verifier then checks tokens asynchronously: call
    /// [`verify_str_async`](Verifier::verify_str_async) instead of `verify_str`.
    ///
    /// If the application also has a `RefreshTokens` or sessions, give them the same store: see
    /// [`revocation_store`](Self::revocation_store). If you set another store on the verifier,
    /// [`TestUser::revoked`] has no effect.
    #[must_use]
    pub fn with_revocations(mut self) -> Self {
        let clock = Arc::clone(&self.clock);
        self.revocations = Some(MemoryRevocationStore::new(CAPACITY).clock(move || clock.now()));
        self
    }

    /// Returns the revocation store, for the other parts of the application.
    ///
    #[cfg_attr(feature = "session", doc = "```")]
    #[cfg_attr(not(feature = "session"), doc = "```ignore")]
    /// use paseto_actix::testing::TestIssuer;
    /// use paseto_actix::token_family::MemoryTokenFamilyStore;
    /// use paseto_actix::{LocalKey, RefreshTokens};
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let auth = TestIssuer::new("https://issuer.test").with_revocations();
    /// let verifier = auth.verifier().build()?;
    /// let tokens = RefreshTokens::builder(auth.issuer(), LocalKey::generate())
    ///     .token_family_store(MemoryTokenFamilyStore::new(1000))
    ///     .revocation_store(auth.revocation_store())
    ///     .build()?;
    /// # let _ = (verifier, tokens);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Panics without [`with_revocations`](Self::with_revocations).
    #[must_use]
    pub fn revocation_store(&self) -> MemoryRevocationStore {
        self.revocations.clone().expect("call `.with_revocations()` first")
    }

    /// Returns a builder of a verifier that accepts the tokens of this issuer, with the same clock,
    /// audience and revocation store. Add the settings of your application to it.
    pub fn verifier(&self) -> VerifierBuilder {
        let clock = Arc::clone(&self.clock);
        let mut builder = Verifier::builder()
            .trust(self.name.as_str(), self.key.public_key())
            .clock(move || clock.now());
        if let Some(audience) = &self.audience {
            builder = builder.audience(audience.as_str());
        }
        match &self.revocations {
            Some(store) => builder.revocation_store(store.clone()),
            None => builder,
        }
    }

    /// Returns the issuer, for the routes of an application that issue tokens. Its tokens are valid
    /// for 1 hour.
    ///
    /// # Panics
    ///
    /// Panics if the name is empty.
    #[must_use]
    pub fn issuer(&self) -> Issuer {
        let clock = Arc::clone(&self.clock);
        self.issuer_with(self.key.clone(), move || clock.now())
    }

    /// Returns the key that signs the tokens.
    #[must_use]
    pub fn secret_key(&self) -> &SecretKey {
        &self.key
    }

    /// Returns a token with this subject (`sub`), which is valid for 1 hour. Its methods add claims
    /// and faults.
    pub fn user(&self, subject: impl Into<String>) -> TestUser {
        TestUser::new(self.clone(), subject.into())
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    pub(super) fn issuer_with(&self, key: SecretKey, clock: impl Clock) -> Issuer {
        let mut builder = Issuer::builder(self.name.as_str()).key(key).clock(clock);
        if let Some(audience) = &self.audience {
            builder = builder.audience(audience.as_str());
        }
        builder.build().unwrap_or_else(|error| panic!("the test issuer is invalid: {error}"))
    }
}

impl fmt::Debug for TestIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIssuer")
            .field("name", &self.name)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
