//! The metadata of a protected resource ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)).

mod url;

use std::fmt;
use std::sync::Arc;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{ConfigError, quote};
use crate::public_document::{publish, resource};
use crate::token::is_scope_token;
pub(crate) use url::check_url;

/// Serves the metadata document of a protected resource ([RFC 9728]).
///
/// A client that receives a `401` reads from this document which authorization server issues tokens
/// for the resource. Servers of the [Model Context Protocol] must publish it.
///
/// The path is `/.well-known/oauth-protected-resource`, followed by the path of the resource. So
/// register the service on the `App` and not in a scope. The service responds to `GET` and `HEAD`
/// requests, for scripts of every origin, with `Cache-Control: public, max-age=3600`. The document
/// is public, so do not put the service behind a guard.
///
/// ```
/// use actix_web::App;
/// use paseto_actix::protected_resource::ProtectedResource;
/// use paseto_actix::{SecretKey, Verifier};
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let resource = ProtectedResource::builder("https://api.example/mcp")
///     .authorization_server("https://issuer.example")
///     .scopes(["read", "write"])
///     .name("The API of the shop")
///     .build()?;
/// assert_eq!(
///     resource.metadata_url(),
///     "https://api.example/.well-known/oauth-protected-resource/mcp"
/// );
///
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .audience("https://api.example/mcp")
///     .resource_metadata(resource.metadata_url()) // in each challenge
///     .build()?;
/// let app = App::new().app_data(verifier).service(resource);
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// [RFC 9728]: https://www.rfc-editor.org/rfc/rfc9728
/// [Model Context Protocol]: https://modelcontextprotocol.io/specification/2025-06-18/basic/authorization
#[derive(Clone)]
pub struct ProtectedResource(Arc<Inner>);

struct Inner {
    metadata_url: String,
    path: String,
    document: String,
}

/// Builds a [`ProtectedResource`].
///
/// ```
/// use paseto_actix::protected_resource::ProtectedResource;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let resource = ProtectedResource::builder("https://api.example")
///     .authorization_server("https://issuer.example")
///     .documentation("https://docs.example/api")
///     .parameter("resource_policy_uri", "https://docs.example/policy")
///     .build()?;
/// assert_eq!(resource.path(), "/.well-known/oauth-protected-resource");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "call `.build()` to get a ProtectedResource"]
pub struct ProtectedResourceBuilder {
    resource: String,
    authorization_servers: Vec<String>,
    scopes: Vec<String>,
    parameters: Vec<(String, Result<Value, String>)>,
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
/// How long caches may keep the document, in seconds.
const MAX_AGE: u64 = 3600;

impl ProtectedResource {
    /// Returns a builder. All settings are optional. `resource` is the URL by which clients
    /// identify the resource. It begins with `https://`, or with `http://` on a loopback host, and
    /// does not have a query.
    pub fn builder(resource: impl Into<String>) -> ProtectedResourceBuilder {
        ProtectedResourceBuilder {
            resource: resource.into(),
            authorization_servers: Vec::new(),
            scopes: Vec::new(),
            parameters: Vec::new(),
        }
    }

    /// Returns the URL of the document, for [`VerifierBuilder::resource_metadata`].
    ///
    /// [`VerifierBuilder::resource_metadata`]: crate::verifier::VerifierBuilder::resource_metadata
    #[must_use]
    pub fn metadata_url(&self) -> &str {
        &self.0.metadata_url
    }

    /// Returns the path of the document.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }
}

impl ProtectedResourceBuilder {
    /// Adds the issuer URL of an authorization server that issues tokens for this resource
    /// (`authorization_servers`). Default: none.
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        self.authorization_servers.push(issuer.into());
        self
    }

    /// Adds scopes of the resource (`scopes_supported`). Default: none.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Sets the human-readable name of the resource (`resource_name`). Default: none.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.parameter("resource_name", name.into())
    }

    /// Sets the URL of documentation for developers (`resource_documentation`). Default: none.
    pub fn documentation(self, url: impl Into<String>) -> Self {
        self.parameter("resource_documentation", url.into())
    }

    /// Adds another parameter of [RFC 9728, section 2] or of an extension, such as
    /// `bearer_methods_supported` (default: `["header"]`). An empty list is omitted.
    ///
    /// [RFC 9728, section 2]: https://www.rfc-editor.org/rfc/rfc9728#section-2
    pub fn parameter(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).map_err(|error| error.to_string());
        self.parameters.push((name.into(), value));
        self
    }

    /// Builds the [`ProtectedResource`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if a URL is invalid, if a URL other than the documentation
    /// URL has a query, if the path of the resource contains characters that a route cannot
    /// contain, if a scope is not a scope-token (RFC 6749, section 3.3), or if a parameter occurs
    /// twice or cannot be serialized.
    pub fn build(self) -> Result<ProtectedResource, ConfigError> {
        let url = check_url("resource", &self.resource)?.without_query("resource")?;
        // actix-web compares the decoded path, and treats `*` at the end as a pattern.
        if url.path.contains(['%', '*'])
            || url.path.split('/').any(|segment| segment == "." || segment == "..")
        {
            let problem =
                format!("expected a path without `%`, `*` and `..`, found {}", quote(url.path));
            return Err(ConfigError::setting("resource", problem));
        }
        for issuer in &self.authorization_servers {
            check_url("authorization_server", issuer)?.without_query("authorization_server")?;
        }
        if let Some(scope) = self.scopes.iter().find(|scope| !is_scope_token(scope)) {
            let problem =
                format!("expected one scope (RFC 6749, section 3.3), found {}", quote(scope));
            return Err(ConfigError::setting("scopes", problem));
        }
        let mut document = Map::new();
        let own = [
            ("resource", self.resource.as_str().into()),
            ("authorization_servers", self.authorization_servers.into()),
            ("scopes_supported", self.scopes.into()),
        ];
        let own = own.into_iter().map(|(name, value): (&str, Value)| (name.to_owned(), Ok(value)));
        for (name, value) in own.chain(self.parameters) {
            let invalid =
                |problem: String| ConfigError::setting("parameter", format!("`{name}`: {problem}"));
            let value = value.map_err(invalid)?;
            if let ("resource_documentation", Some(url)) = (name.as_str(), value.as_str()) {
                check_url("documentation", url)?;
            }
            if document.insert(name.clone(), value).is_some() {
                return Err(invalid(
                    "is set twice, or has its own method on the builder".to_owned(),
                ));
            }
        }
        document.entry("bearer_methods_supported").or_insert_with(|| vec!["header"].into());
        // RFC 9728, section 3.2: a parameter without values is omitted.
        document.retain(|_, value| value.as_array().is_none_or(|values| !values.is_empty()));
        // RFC 9728, section 3.1: the well-known path is inserted between the host and the path. A
        // path of only `/` is removed.
        let path = format!("{WELL_KNOWN}{}", if url.path == "/" { "" } else { url.path });
        Ok(ProtectedResource(Arc::new(Inner {
            metadata_url: format!("{}{path}", url.origin),
            path,
            document: Value::Object(document).to_string(),
        })))
    }
}

impl HttpServiceFactory for ProtectedResource {
    fn register(self, config: &mut AppService) {
        let path = self.0.path.clone();
        if !config.is_root() {
            tracing::error!(
                url = self.metadata_url(),
                "a ProtectedResource is registered in a scope, so its metadata URL is not served: call `App::service(resource)`"
            );
        }
        let respond = move |_: &HttpRequest| {
            publish(&mut HttpResponse::Ok(), MAX_AGE)
                .content_type("application/json")
                .body(self.0.document.clone())
        };
        resource(path, respond).register(config);
    }
}

impl fmt::Debug for ProtectedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectedResource")
            .field("metadata_url", &self.0.metadata_url)
            .finish_non_exhaustive()
    }
}
