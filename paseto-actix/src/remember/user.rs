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

/// A user who exists and may log in, with a fingerprint of the credentials. When the credentials
/// change, all remembered logins of the user end.
///
/// ```
/// use paseto_actix::remember::CredentialFingerprint;
///
/// // From the database: the hash of the password, or a counter that grows when the password changes.
/// let stamp = CredentialFingerprint::new("$argon2id$v=19$m=19456,t=2,p=1$…");
/// # let _ = stamp;
/// ```
#[derive(Clone)]
pub struct CredentialFingerprint([u8; 32]);

impl CredentialFingerprint {
    /// The stamp of credentials. A token contains only a hash of them.
    #[must_use]
    pub fn new(credentials: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(credentials).into())
    }

    pub(super) fn to_text(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.0)
    }

    /// Whether a text is that of this stamp.
    pub(super) fn is(&self, text: &str) -> bool {
        self.to_text().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for CredentialFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialFingerprint").finish_non_exhaustive()
    }
}

/// The application's closure that loads a user.
pub(super) struct UserLoader(Box<Load>);

type Load = dyn Fn(String) -> LocalBoxFuture<'static, Result<Option<CredentialFingerprint>, Error>>
    + Send
    + Sync;

impl UserLoader {
    pub(super) fn new<F, Fut, E>(load: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<CredentialFingerprint>, E>> + 'static,
        E: Into<Error>,
    {
        Self(Box::new(move |id| {
            let stamp = load(id);
            Box::pin(async { stamp.await.map_err(Into::into) })
        }))
    }

    pub(super) async fn load(&self, id: &str) -> Result<Option<CredentialFingerprint>, Error> {
        (self.0)(id.to_owned()).await
    }
}

/// The users of recent requests, for the check of each request.
pub(super) struct UserCheck {
    max_age: Duration,
    users: Cache<String, (OffsetDateTime, Option<CredentialFingerprint>)>,
}

/// The number of users that are cached.
const CACHED_USERS: usize = 10_000;

impl UserCheck {
    pub(super) fn new(max_age: Duration) -> Self {
        Self { max_age, users: Cache::new(CACHED_USERS) }
    }

    /// Whether a user may go on, by the stamp from the cache or from the loader. An error is not
    /// cached.
    ///
    /// A cached stamp that does not fit is loaded again: another server, or a login, may know newer
    /// credentials.
    pub(super) async fn accepts(
        &self,
        loader: &UserLoader,
        id: &str,
        now: OffsetDateTime,
        fits: impl Fn(&CredentialFingerprint) -> bool,
    ) -> Result<bool, Error> {
        if let Some((loaded, stamp)) = self.users.get(id)
            && (loaded..loaded + self.max_age).contains(&now)
            && stamp.is_some_and(|stamp| fits(&stamp))
        {
            return Ok(true);
        }
        let stamp = loader.load(id).await?;
        self.insert(id, now, stamp.clone());
        Ok(stamp.is_some_and(|stamp| fits(&stamp)))
    }

    /// Caches a user who was loaded for another reason.
    pub(super) fn insert(
        &self,
        id: &str,
        now: OffsetDateTime,
        stamp: Option<CredentialFingerprint>,
    ) {
        if !self.max_age.is_zero() {
            self.users.insert(id.to_owned(), (now, stamp));
        }
    }
}
