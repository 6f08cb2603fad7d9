//! PASETO tokens for [actix-web]: issue them, verify them, and require them with one attribute.
//!
//! [PASETO] tokens are signed like JWTs, but the version and the purpose fix the algorithm, so a
//! token cannot select another one. This crate signs and verifies `v4.public` tokens (Ed25519). It
//! provides for actix-web what Flask-PASETO-Extended provides for Flask, and reads and writes the
//! same tokens.
//!
//! ```no_run
//! use actix_web::{App, HttpResponse, HttpServer, Responder, get, post};
//! use paseto_actix::{IssueError, Issuer, Paseto, SecretKey, Verifier, paseto_required};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Claims {
//!     email: String,
//! }
//!
//! #[post("/login")]
//! async fn login(issuer: Issuer) -> Result<HttpResponse, IssueError> {
//!     // ... check the password ...
//!     let token = issuer.issue(&Claims { email: "ada@example.org".to_owned() })?;
//!     Ok(HttpResponse::Ok().body(token))
//! }
//!
//! #[get("/me")]
//! #[paseto_required]
//! async fn me(paseto: Paseto<Claims>) -> impl Responder {
//!     paseto.into_claims().email
//! }
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let key = SecretKey::generate(); // or from_paserk("k4.secret.…")?, or from_pem(…)?
//!     let verifier =
//!         Verifier::builder().trust("https://issuer.example", key.public_key()).build()?;
//!     let issuer = Issuer::builder("https://issuer.example").key(key).build()?;
//!
//!     let app = move || {
//!         App::new()
//!             .app_data(issuer.clone())
//!             .app_data(verifier.clone())
//!             .service(login)
//!             .service(me)
//!     };
//!     HttpServer::new(app).bind(("127.0.0.1", 8080))?.run().await?;
//!     Ok(())
//! }
//! ```
//!
//! # I want to…
//!
//! | I want to… | see |
//! | --- | --- |
//! | read, generate and print keys | [`SecretKey`], [`PublicKey`], [`LocalKey`] |
//! | issue tokens | [`Issuer`], [`Issuer::token`] |
//! | trust issuers and configure checks | [`Verifier`], [`TokenSource`] |
//! | rotate keys without a restart | [`KeyRing`](keys::KeyRing), [`KeyFile`](keys::KeyFile), [`Issuer::announce`] |
//! | publish public keys, fetch the keys of an issuer | [`KeySetService`](key_set::KeySetService), [`VerifierBuilder::remote_keys`](verifier::VerifierBuilder::remote_keys) |
//! | require a token for a handler | [`#[paseto_required]`](attr.paseto_required.html) |
//! | require a token for a scope | [`PasetoRequired`] |
//! | read the token in a handler | [`Paseto`], [`MaybePaseto`], [`VerifiedToken`] |
//! | load the current user from a token or a session | [`CurrentUser`], [`MaybeCurrentUser`], [`UserLoader`] |
//! | read the token in a middleware | [`PasetoRequestExt::current_paseto`](guard::PasetoRequestExt::current_paseto) |
//! | reject tokens by my own rules | [`VerifierBuilder::check`](verifier::VerifierBuilder::check), [`Rejection`](error::Rejection) |
//! | revoke tokens before they expire | [`Verifier::revoke`], [`RevocationStore`](revocation::RevocationStore) |
//! | renew access tokens | [`RefreshTokens`] |
//! | serve refresh, logout and revocation | [`TokenEndpoints`](token_endpoints::TokenEndpoints) |
//! | keep the tokens of browsers in cookies | [`TokenCookies`](token_cookies::TokenCookies), [`TokenRenewal`](token_cookies::TokenRenewal) |
//! | store sessions in encrypted cookies | [`PasetoSession`] |
//! | remember logins and log out everywhere | [`RememberMe`], [`LoginLayer`] |
//! | store state in a file | [`SqliteStore`] |
//! | share state between machines | [`RedisStore`] |
//! | push revocations to all processes | [`RedisStore::pushed_revocation_store`] |
//! | reject forms and handshakes of other sites | [`CrossOriginProtection`] |
//! | put CSRF tokens into forms | [`csrf`] |
//! | keep responses out of shared caches | [`PasetoCacheControl`](guard::PasetoCacheControl) |
//! | return errors in my own format | [`VerifyError::respond_json`] |
//! | verify tokens in the process that issues them | [`trust_issuer`](verifier::VerifierBuilder::trust_issuer) |
//! | replace keys at run time | [`Verifier::set_keys`] |
//! | publish OAuth resource metadata | [`ProtectedResource`](protected_resource::ProtectedResource) |
//! | read settings from files or variables | [`VerifierConfig`](verifier::VerifierConfig), [`IssuerConfig`](issuer::IssuerConfig) |
//! | write an audit log, or count events | [`Event`](event::Event) |
//! | document security with OpenAPI | [`openapi`] |
//! | set the time in tests | [`TestClock`](testing::TestClock) |
//! | issue tokens in tests | [`TestIssuer`](testing::TestIssuer) |
//! | test cookies, forms and redirects | [`Browser`](testing::Browser) |
//! | test pages behind a login | [`Browser::log_in_as`](testing::Browser::log_in_as) |
//! | test my server over HTTP | [`RemoteApp`](testing::RemoteApp) |
//! | test the failure of a store | [`FailingStore`](testing::FailingStore) |
//! | find routes without a guard | [`assert_guarded`](testing::assert_guarded) |
//! | test my own store | [`conformance`] |
//!
//! # Guide
//!
//! The [guide] has a chapter for each part, with running examples. Begin with the
//! [quick start](crate::guide::quick_start). Before you deploy, read the
//! [security model](crate::guide::security_model).
//!
//! # Secure defaults
//!
//! - A `Verifier` accepts a token only if its signature matches a key that is trusted for the `iss`
//!   of the token.
//! - `exp` is required and must not have passed. `nbf` and `iat`, if present, must not be in the
//!   future. `aud` must match the audience of the verifier, and a verifier without an audience
//!   rejects tokens with `aud`.
//! - The token string, the payload and the footer must follow strict, bounded formats.
//! - Clients get the same response for each reason that makes a token invalid. Only the log
//!   contains the reason. Responses and logs never contain a token, a cookie or a key.
//! - Each setting that weakens a check has its own method. Methods that remove a protection begin
//!   with `dangerously`.
//!
//! # Features
//!
//! | feature | default | contents |
//! | --- | --- | --- |
//! | `macros` | yes | [`#[paseto_required]`](attr.paseto_required.html) |
//! | `session` | yes | sessions in encrypted cookies for actix-session, and refresh tokens |
//! | `remember` | no | logins that outlive the session, for actix-identity |
//! | `sqlite` | no | revocations and token families in one SQLite file, which survive a restart |
//! | `redis` | no | revocations and token families on Redis, for several machines: one server, a cluster, or Sentinels |
//! | `redis-tls` | no | the same over TLS (`rediss://`), with rustls and the certificates of the system |
//! | `remote-keys` | no | keys of issuers from a URL or a closure ([`VerifierBuilder::remote_keys`](verifier::VerifierBuilder::remote_keys)) |
//! | `password-keys` | no | keys that are encrypted with a password, for example [`SecretKey::from_paserk_with_password`] |
//! | `utoipa` | no | the security scheme of OpenAPI documents, and a test of documents: [`openapi`] |
//! | `conformance` | no | [conformance tests](crate::conformance) for your own stores |
//! | `testing` | no | a [kit](crate::testing) for the tests of an application |
//!
//! Features add API and never change behavior.
//!
//! [actix-web]: https://docs.rs/actix-web
//! [PASETO]: https://paseto.io
#![cfg_attr(docsrs, feature(doc_cfg))]

mod app_data;
mod authority;
pub mod clock;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod cookie;
pub mod cross_origin;
#[cfg(feature = "session")]
pub mod csrf;
pub mod current_user;
mod erased;
pub mod error;
pub mod event;
pub mod guard;
#[cfg(all(
    any(doc, doctest),
    feature = "conformance",
    feature = "macros",
    feature = "password-keys",
    feature = "redis",
    feature = "remember",
    feature = "sqlite",
    feature = "testing",
    feature = "utoipa"
))]
pub mod guide;
pub mod issuer;
pub mod key_set;
mod keyed_hash;
pub mod keys;
mod limits;
#[cfg(feature = "utoipa")]
pub mod openapi;
pub mod protected_resource;
mod public_document;
mod random;
mod records;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "session")]
pub mod refresh;
#[cfg(feature = "remember")]
pub mod remember;
pub mod revocation;
#[cfg(feature = "session")]
pub mod session;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "testing", feature = "utoipa"))]
mod test_request;
#[cfg(feature = "testing")]
pub mod testing;
pub mod token;
#[cfg(feature = "session")]
pub mod token_cookies;
#[cfg(feature = "session")]
pub mod token_endpoints;
#[cfg(feature = "session")]
pub mod token_family;
pub mod verifier;

#[cfg(feature = "redis")]
pub use crate::redis::RedisStore;
pub use cross_origin::CrossOriginProtection;
pub use current_user::{CurrentUser, MaybeCurrentUser, UserLoader};
pub use error::{ConfigError, IssueError, VerifyError};
pub use guard::{MaybePaseto, Paseto, PasetoRequired};
pub use issuer::Issuer;
pub use keys::{LocalKey, PublicKey, SecretKey};
#[cfg(feature = "macros")]
pub use paseto_actix_macros::paseto_required;
#[cfg(feature = "session")]
pub use refresh::RefreshTokens;
#[cfg(feature = "remember")]
pub use remember::{LoginLayer, RememberMe};
#[cfg(feature = "session")]
pub use session::{PasetoSession, PasetoSessionStore};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use time;
pub use token::VerifiedToken;
pub use verifier::{TokenSource, Verifier};

/// The items that the expansion of the attribute uses. Do not use them directly: they can change in
/// any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::guard::{
        AnyToken, Guarded, GuardedResponse, HandlerRequirements, PasetoRequired as Requirements,
        assert_acr_value, assert_scope, never,
    };
}
