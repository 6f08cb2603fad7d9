//! Security in OpenAPI documents of [utoipa](https://docs.rs/utoipa): the security scheme, and a
//! test that compares a document with the guards of an application.
//!
//! ```
//! use actix_web::get;
//! use paseto_actix::openapi::BearerScheme;
//! use paseto_actix::paseto_required;
//! use utoipa::OpenApi;
//!
//! // The attribute is above `#[utoipa::path]`, so it adds the security requirement.
//! #[paseto_required(scopes("reports:read"))]
//! #[utoipa::path(responses((status = 200, description = "The reports", body = String)))]
//! #[get("/reports")]
//! async fn reports() -> &'static str {
//!     "reports"
//! }
//!
//! #[derive(OpenApi)]
//! #[openapi(paths(reports), modifiers(&BearerScheme))]
//! struct ApiDoc;
//!
//! let document = serde_json::to_value(ApiDoc::openapi()).unwrap();
//! let operation = &document["paths"]["/reports"]["get"];
//! assert_eq!(operation["security"][0]["paseto"][0], "reports:read");
//! assert_eq!(document["components"]["securitySchemes"]["paseto"]["scheme"], "bearer");
//! ```

mod comparison;
mod document;

use utoipa::Modify;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

pub use comparison::assert_documented;

/// The name of the security scheme: `paseto`. `#[paseto_required]` adds requirements of this name
/// to a `#[utoipa::path]` below it.
pub const SCHEME: &str = "paseto";

/// Adds the security scheme [`SCHEME`] to a document: a bearer token in the `Authorization` header
/// ([RFC 6750, section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).
///
/// Use it as `#[openapi(modifiers(&BearerScheme))]`: see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct BearerScheme;

impl Modify for BearerScheme {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let scheme = scheme.bearer_format("PASETO v4.public").build();
        add_scheme(document, SecurityScheme::Http(scheme));
    }
}

/// Adds the security scheme [`SCHEME`] to a document: a token in a cookie with this name, for a
/// verifier with [`TokenSource::cookie`](crate::TokenSource::cookie). A document has either this
/// scheme or [`BearerScheme`], because both have the same name.
///
/// ```
/// use paseto_actix::openapi::CookieScheme;
/// use utoipa::OpenApi;
///
/// const COOKIE: CookieScheme = CookieScheme("__Host-paseto");
///
/// #[derive(OpenApi)]
/// #[openapi(modifiers(&COOKIE))]
/// struct ApiDoc;
///
/// let document = serde_json::to_value(ApiDoc::openapi()).unwrap();
/// let scheme = &document["components"]["securitySchemes"]["paseto"];
/// assert_eq!((&scheme["in"], &scheme["name"]), (&"cookie".into(), &"__Host-paseto".into()));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CookieScheme(
    /// The name of the cookie.
    pub &'static str,
);

impl Modify for CookieScheme {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = ApiKey::Cookie(ApiKeyValue::new(self.0));
        add_scheme(document, SecurityScheme::ApiKey(scheme));
    }
}

fn add_scheme(document: &mut OpenApi, scheme: SecurityScheme) {
    document.components.get_or_insert_default().add_security_scheme(SCHEME, scheme);
}
