use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use time::OffsetDateTime;

use crate::revocation::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};
#[cfg(feature = "session")]
use crate::token_family::{
    FamilyOwner, LoginEntry, NewTokenFamily, RandomId, Rotation, RotationRequest, TokenFamilyError,
    TokenFamilyStore,
};

/// The text of each error.
const FAILURE: &str =
    "the test made this store fail: call `set_failing(false)` to make it work again";

/// A store that fails on demand, around a [`RevocationStore`] or a
/// [`TokenFamilyStore`](crate::token_family::TokenFamilyStore). So a test sees what the application
/// does while its database is unavailable.
///
/// Clones share the store and its state. While the store fails, no call reaches the inner store,
/// and each call returns [`RevocationError::Other`] or
/// [`TokenFamilyError::Other`](crate::token_family::TokenFamilyError::Other).
///
/// ```
/// use actix_web::test::{TestRequest, call_service, init_service};
/// use actix_web::{App, web};
/// use paseto_actix::PasetoRequired;
/// use paseto_actix::revocation::MemoryRevocationStore;
/// use paseto_actix::testing::{FailingStore, TestIssuer};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = FailingStore::new(MemoryRevocationStore::new(1000));
/// let auth = TestIssuer::new("https://issuer.example");
/// let verifier = auth.verifier().revocation_store(store.clone()).build()?;
/// let me = web::get().to(async || "me").wrap(PasetoRequired::new());
/// let app = init_service(App::new().app_data(verifier).route("/me", me)).await;
///
/// for (is_failing, status) in [(false, 200), (true, 503), (false, 200)] {
///     store.set_failing(is_failing);
///     let request = TestRequest::with_uri("/me").insert_header(auth.user("ada"));
///     assert_eq!(call_service(&app, request.to_request()).await.status(), status);
/// }
/// # Ok(())
/// # }
/// ```
pub struct FailingStore<S>(Arc<Inner<S>>);

struct Inner<S> {
    store: S,
    is_failing: AtomicBool,
}

impl<S> FailingStore<S> {
    /// Returns the store, which does not fail yet.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self(Arc::new(Inner { store, is_failing: AtomicBool::new(false) }))
    }

    /// Sets whether each call fails. Default: `false`.
    pub fn set_failing(&self, is_failing: bool) {
        self.0.is_failing.store(is_failing, Ordering::SeqCst);
    }

    /// Returns the inner store, which does not fail.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.0.store
    }

    /// Returns the inner store, or an error while the store fails.
    fn store(&self) -> Result<&S, Box<dyn std::error::Error + Send + Sync>> {
        if self.0.is_failing.load(Ordering::SeqCst) {
            return Err(FAILURE.into());
        }
        Ok(&self.0.store)
    }

    fn revocations(&self) -> Result<&S, RevocationError> {
        self.store().map_err(RevocationError::Other)
    }

    #[cfg(feature = "session")]
    fn families(&self) -> Result<&S, TokenFamilyError> {
        self.store().map_err(TokenFamilyError::Other)
    }
}

impl<S: RevocationStore> RevocationStore for FailingStore<S> {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        self.revocations()?.revoke(issuer, id, until).await
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        self.revocations()?.revoke_subject(issuer, subject, except, until).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.revocations()?.generation(issuer, subject).await
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.revocations()?.is_revoked(query).await
    }
}

#[cfg(feature = "session")]
impl<S: TokenFamilyStore> TokenFamilyStore for FailingStore<S> {
    async fn create(&self, new: NewTokenFamily<'_>) -> Result<(), TokenFamilyError> {
        self.families()?.create(new).await
    }

    async fn rotate(&self, request: RotationRequest<'_>) -> Result<Rotation, TokenFamilyError> {
        self.families()?.rotate(request).await
    }

    async fn revoke(
        &self,
        owner: FamilyOwner<'_>,
        family: RandomId,
    ) -> Result<(), TokenFamilyError> {
        self.families()?.revoke(owner, family).await
    }

    async fn revoke_all(
        &self,
        owner: FamilyOwner<'_>,
        except: Option<RandomId>,
    ) -> Result<(), TokenFamilyError> {
        self.families()?.revoke_all(owner, except).await
    }

    async fn list(&self, owner: FamilyOwner<'_>) -> Result<Vec<LoginEntry>, TokenFamilyError> {
        self.families()?.list(owner).await
    }
}

impl<S> Clone for FailingStore<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: fmt::Debug> fmt::Debug for FailingStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailingStore")
            .field("store", &self.0.store)
            .field("is_failing", &self.0.is_failing)
            .finish()
    }
}
