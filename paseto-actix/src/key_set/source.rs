use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use super::KeySet;
use super::fetch::{Fetch, FetchLimits};
use super::http::HttpSource;
use crate::error::ConfigError;
use crate::limits::check_range;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_MAX_STALENESS: Duration = Duration::from_secs(24 * 60 * 60);
const MIN_MAX_STALENESS: Duration = Duration::from_secs(2 * 60);
const MAX_MAX_STALENESS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// Returns the future of one fetch. The future runs on the thread of the source.
pub(super) type Call = dyn Fn() -> LocalBoxFuture<'static, Result<KeySet, BoxError>> + Send + Sync;

/// Where a [`Verifier`](crate::Verifier) reads the keys of a remote issuer, for
/// [`VerifierBuilder::remote_keys`]: a URL or a closure.
///
/// ```
/// use std::time::Duration;
///
/// use paseto_actix::Verifier;
/// use paseto_actix::key_set::KeySetSource;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let source = KeySetSource::url("https://issuer.example/.well-known/paserk.json")
///     .timeout(Duration::from_secs(2))
///     .max_staleness(Duration::from_secs(6 * 60 * 60));
/// let verifier = Verifier::builder().remote_keys("https://issuer.example", source).build()?;
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
///
/// # Rules for a URL
///
/// - The URL begins with `https://`, or with `http://` on a loopback host. All addresses of
///   `localhost` must be loopback addresses. A server with TLS needs a certificate of an authority
///   that the operating system trusts. The environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR`
///   replace these authorities.
/// - At most 3 redirects are followed, each to the same scheme, host and port.
/// - The response is `200` with the content type `application/json` (or `application/…+json`), and
///   has at most 64 KiB. A response `304` to the `ETag` of the last document is also accepted.
/// - Proxies in environment variables such as `HTTPS_PROXY` are not used. If the URL is only
///   reachable through a proxy, use [`from_fn`](Self::from_fn) with another HTTP client.
///
/// [`VerifierBuilder::remote_keys`]: crate::verifier::VerifierBuilder::remote_keys
#[must_use = "pass the source to `VerifierBuilder::remote_keys`"]
pub struct KeySetSource {
    origin: Origin,
    timeout: Duration,
    max_staleness: Duration,
}

enum Origin {
    Url { url: String, roots: Vec<Vec<u8>>, plain_http: bool },
    Function(Box<Call>),
}

impl KeySetSource {
    /// Reads the keys from a URL, such as that of a
    /// [`KeySetService`](super::KeySetService). The builder of the verifier checks the URL.
    pub fn url(url: impl Into<String>) -> Self {
        let url = url.into();
        Self::new(Origin::Url { url, roots: Vec::new(), plain_http: false })
    }

    /// Reads the keys with a closure, for example from a database or with another HTTP client.
    ///
    /// The closure runs on a thread of its own, in a Tokio runtime with one thread. Tasks that the
    /// closure spawns run only during a fetch. A panic is a failed fetch. After the last clone of
    /// the verifier is dropped, the thread drops the runtime and does not wait for its blocking
    /// tasks.
    ///
    /// The closure must not block, because the timeout does not end a closure that blocks. Requests
    /// then wait for at most the timeout and 1 second.
    /// [`verify_str_async`](crate::Verifier::verify_str_async) outside of a Tokio runtime waits
    /// until the closure returns.
    ///
    /// ```
    /// use paseto_actix::Verifier;
    /// use paseto_actix::key_set::{KeySet, KeySetError, KeySetSource};
    ///
    /// async fn read_from_database() -> Result<KeySet, KeySetError> {
    ///     KeySet::from_json(br#"{"iss": "https://issuer.example", "keys": []}"#)
    /// }
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let source = KeySetSource::from_fn(read_from_database);
    /// let verifier = Verifier::builder().remote_keys("https://issuer.example", source).build()?;
    /// # let _ = verifier;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_fn<F, Fut, E>(fetch: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<KeySet, E>> + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let call = move || -> LocalBoxFuture<'static, Result<KeySet, BoxError>> {
            let fetched = fetch();
            Box::pin(async move { fetched.await.map_err(Into::into) })
        };
        Self::new(Origin::Function(Box::new(call)))
    }

    fn new(origin: Origin) -> Self {
        Self { origin, timeout: DEFAULT_TIMEOUT, max_staleness: DEFAULT_MAX_STALENESS }
    }

    /// Sets the maximum time of a whole fetch, with DNS, connection, TLS and body, 100 milliseconds
    /// to 60 seconds. A request that needs the keys waits for at most about this time. Default: 5
    /// seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long the verifier uses the keys after the last successful fetch, 2 minutes to 30
    /// days. A longer time tolerates longer outages of the source. It also is the time for which an
    /// attacker who blocks the source can keep a revoked key alive. Default: 24 hours.
    pub fn max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = max_staleness;
        self
    }

    /// Trusts the certificates of these authorities too, for an internal authority. `pem` contains
    /// one or more certificates. It can be called several times. It has no effect on a closure.
    /// Default: only the authorities of the operating system.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        if let Origin::Url { roots, .. } = &mut self.origin {
            roots.push(pem.into());
        }
        self
    }

    /// Accepts a URL that begins with `http://` on every host. Everyone on the path to the host can
    /// then replace the keys, and sign in as each user. It has no effect on a closure. Default:
    /// `http://` is accepted only on a loopback host (`localhost`, `127.0.0.0/8` or `[::1]`).
    pub fn dangerously_allow_plain_http(mut self) -> Self {
        if let Origin::Url { plain_http, .. } = &mut self.origin {
            *plain_http = true;
        }
        self
    }

    /// Checks the settings.
    pub(crate) fn into_fetch(self, issuer: &str) -> Result<(Fetch, FetchLimits), ConfigError> {
        let Self { origin, timeout, max_staleness } = self;
        let range = MIN_TIMEOUT..=MAX_TIMEOUT;
        check_range("timeout", timeout, range, "100 milliseconds to 60 seconds")?;
        let range = MIN_MAX_STALENESS..=MAX_MAX_STALENESS;
        let staleness = check_range("max_staleness", max_staleness, range, "2 minutes to 30 days")?;
        let fetch = match origin {
            Origin::Url { url, roots, plain_http } => {
                Fetch::from_url(issuer, HttpSource::new(&url, &roots, plain_http)?, timeout)
            }
            Origin::Function(call) => Fetch::from_call(issuer, call, timeout),
        };
        Ok((fetch, FetchLimits { timeout, max_staleness: staleness }))
    }
}

impl From<&str> for KeySetSource {
    fn from(url: &str) -> Self {
        Self::url(url)
    }
}

impl From<String> for KeySetSource {
    fn from(url: String) -> Self {
        Self::url(url)
    }
}

impl fmt::Debug for KeySetSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may contain a password.
        f.debug_struct("KeySetSource")
            .field("timeout", &self.timeout)
            .field("max_staleness", &self.max_staleness)
            .finish_non_exhaustive()
    }
}
