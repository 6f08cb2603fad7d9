use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::header::{ETag, EntityTag, IfNoneMatch};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::document;
use crate::error::{ConfigError, quote};
use crate::issuer::Issuer;
use crate::limits::check_range;
use crate::public_document::{LITERAL_PATH, is_literal_path, publish, resource};

const DEFAULT_PATH: &str = "/.well-known/paserk.json";
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(5 * 60);
const MIN_MAX_AGE: Duration = Duration::from_secs(60);
const MAX_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Serves the public keys of an [`Issuer`] as a [key set](super), for the verifiers of other
/// services.
///
/// The document contains the current [`public_keys`](Issuer::public_keys) of the issuer, also if
/// they change. Default path: `/.well-known/paserk.json`. The service responds to `GET` and `HEAD`
/// requests, for scripts of every origin, with a strong `ETag` and with `Cache-Control: public,
/// max-age=300`. A request whose `If-None-Match` contains this `ETag` gets `304`
/// ([RFC 9110, section 13.1.2]). The document is public, so do not put the service behind a guard.
///
/// ```
/// use actix_web::App;
/// use paseto_actix::key_set::KeySetService;
/// use paseto_actix::{Issuer, SecretKey};
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let issuer = Issuer::builder("https://issuer.example").key(SecretKey::generate()).build()?;
/// let app = App::new().service(KeySetService::new(issuer));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// [RFC 9110, section 13.1.2]: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
#[derive(Clone)]
pub struct KeySetService {
    issuer: Issuer,
    path: String,
    max_age: Duration,
}

impl KeySetService {
    /// Serves the public keys of this issuer.
    #[must_use]
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, path: DEFAULT_PATH.to_owned(), max_age: DEFAULT_MAX_AGE }
    }

    /// Sets the path of the document. In a scope, the path of the scope precedes it. Default:
    /// `/.well-known/paserk.json`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the path does not begin with `/`, or contains characters
    /// other than letters, digits, `/`, `-`, `.`, `_` and `~`.
    pub fn path(mut self, path: impl Into<String>) -> Result<Self, ConfigError> {
        self.path = path.into();
        if !is_literal_path(&self.path) {
            let problem = format!("{LITERAL_PATH}, found {}", quote(&self.path));
            return Err(ConfigError::setting("path", problem));
        }
        Ok(self)
    }

    /// Sets how long a verifier or a cache may use the document, the `max-age` of `Cache-Control`,
    /// 1 minute to 24 hours. A new key must be published for this time before it signs tokens.
    /// Default: 5 minutes.
    ///
    /// # Errors
    ///
    /// [`ConfigError::DurationOutOfRange`] if the duration is not in this range.
    pub fn max_age(mut self, max_age: Duration) -> Result<Self, ConfigError> {
        check_range("max_age", max_age, MIN_MAX_AGE..=MAX_MAX_AGE, "1 minute to 24 hours")?;
        self.max_age = max_age;
        Ok(self)
    }

    fn respond(&self, req: &HttpRequest) -> HttpResponse {
        let body = document::write(self.issuer.name(), self.issuer.public_keys());
        let hash = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&body));
        let tag = EntityTag::new_strong(hash);
        // RFC 9110, section 13.1.2: the comparison is weak, because a proxy can make the tag weak.
        let is_known = req.get_header::<IfNoneMatch>().is_some_and(|known| match known {
            IfNoneMatch::Any => true,
            IfNoneMatch::Items(tags) => tags.iter().any(|known| known.weak_eq(&tag)),
        });
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        publish(&mut response, self.max_age.as_secs()).insert_header(ETag(tag));
        if is_known {
            return response.finish();
        }
        response.content_type("application/json").body(body)
    }
}

impl HttpServiceFactory for KeySetService {
    fn register(self, config: &mut AppService) {
        let service = Arc::new(self);
        resource(service.path.clone(), move |req| service.respond(req)).register(config);
    }
}

impl fmt::Debug for KeySetService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySetService")
            .field("issuer", &self.issuer.name())
            .field("path", &self.path)
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}
