use std::fmt;
use std::future::Future;
use std::time::Duration;

use actix_web::Error;
use base64ct::{Base64UrlUnpadded, Encoding};
use futures_util::future::LocalBoxFuture;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;

/// A fingerprint of a user's current credentials. If the credentials change, all remembered logins
/// of the user become invalid.
///
/// ```
/// use paseto_actix::remember::CredentialFingerprint;
///
/// // From the database: the hash of the password, or a counter of password changes.
/// let fingerprint = CredentialFingerprint::new("$argon2id$v=19$m=19456,t=2,p=1$…");
/// # let _ = fingerprint;
/// ```
#[derive(Clone)]
pub struct CredentialFingerprint([u8; 32]);

impl CredentialFingerprint {
    /// Computes the fingerprint of these credentials: their SHA-256 hash. Tokens contain only the
    /// fingerprint.
    #[must_use]
    pub fn new(credentials: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(credentials).into())
    }

    pub(super) fn to_text(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.0)
    }

    /// Returns whether the string encodes this fingerprint.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.to_text().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for CredentialFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialFingerprint").finish_non_exhaustive()
    }
}

/// The application's closure that returns the credential fingerprint of a user.
pub(super) struct CredentialLoader(Box<Load>);

type Load = dyn Fn(String) -> LocalBoxFuture<'static, Result<Option<CredentialFingerprint>, Error>>
    + Send
    + Sync;

impl CredentialLoader {
    pub(super) fn new<F, Fut, E>(load: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<CredentialFingerprint>, E>> + 'static,
        E: Into<Error>,
    {
        Self(Box::new(move |id| {
            let loading = load(id);
            Box::pin(async { loading.await.map_err(Into::into) })
        }))
    }

    pub(super) async fn load(&self, id: &str) -> Result<Option<CredentialFingerprint>, Error> {
        (self.0)(id.to_owned()).await
    }
}

/// Checks the user of each request. Caches the users of recent requests.
pub(super) struct UserCheck {
    max_age: Duration,
    users: Cache<String, (OffsetDateTime, Option<CredentialFingerprint>)>,
}

/// The maximum number of cached users.
const CACHED_USERS: usize = 10_000;
/// The maximum time for which a deleted user stays logged in.
pub(super) const MAX_USER_CACHE: Duration = Duration::from_secs(60);

impl UserCheck {
    pub(super) fn new(max_age: Duration) -> Self {
        Self { max_age, users: Cache::new(CACHED_USERS) }
    }

    /// Returns whether the user exists and whether `fits` accepts the user's fingerprint, which is
    /// from the cache or the loader. An error is not cached.
    ///
    /// If `fits` rejects a cached fingerprint, the user is loaded again, because another server may
    /// have stored new credentials.
    pub(super) async fn accepts(
        &self,
        loader: &CredentialLoader,
        id: &str,
        now: OffsetDateTime,
        fits: impl Fn(&CredentialFingerprint) -> bool,
    ) -> Result<bool, Error> {
        if let Some((loaded, credentials)) = self.users.get(id)
            && (loaded..loaded + self.max_age).contains(&now)
            && credentials.is_some_and(|credentials| fits(&credentials))
        {
            return Ok(true);
        }
        let credentials = loader.load(id).await?;
        self.insert(id, now, credentials.clone());
        Ok(credentials.is_some_and(|credentials| fits(&credentials)))
    }

    /// Caches the fingerprint of a user. `None` means that the user does not exist.
    pub(super) fn insert(
        &self,
        id: &str,
        now: OffsetDateTime,
        credentials: Option<CredentialFingerprint>,
    ) {
        if !self.max_age.is_zero() {
            self.users.insert(id.to_owned(), (now, credentials));
        }
    }
}
