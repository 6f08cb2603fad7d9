use std::{fmt, future::Future};

use actix_web::Error;
use futures_util::future::LocalBoxFuture;
use sha2::{Digest, Sha256};

/// That a user exists and may log in, and a fingerprint of the credentials: once they are others,
/// every login that was remembered before has ended.
///
/// ```
/// use paseto_actix::UserStamp;
///
/// // Of a user in the database: the hash of the password, say, or a counter that goes up when the password changes.
/// let stamp = UserStamp::of("$argon2id$v=19$m=19456,t=2,p=1$…");
/// # let _ = stamp;
/// ```
#[derive(Clone)]
pub struct UserStamp([u8; 32]);

impl UserStamp {
    /// The stamp of credentials. Only a hash of them gets into a token.
    #[must_use]
    pub fn of(credentials: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(credentials).into())
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for UserStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserStamp").finish_non_exhaustive()
    }
}

/// Whether there is such a user, asked of the application.
pub(super) struct UserLoader(Box<Load>);

type Load = dyn Fn(String) -> LocalBoxFuture<'static, Result<Option<UserStamp>, Error>> + Send + Sync;

impl UserLoader {
    pub(super) fn new<F, Fut, E>(load: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<UserStamp>, E>> + 'static,
        E: Into<Error>,
    {
        Self(Box::new(move |id| {
            let stamp = load(id);
            Box::pin(async { stamp.await.map_err(Into::into) })
        }))
    }

    pub(super) async fn load(&self, id: &str) -> Result<Option<UserStamp>, Error> {
        (self.0)(id.to_owned()).await
    }
}
