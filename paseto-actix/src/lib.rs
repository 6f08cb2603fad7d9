//! PASETO tokens for [actix-web]: issue them, verify them, and require them with one attribute.
//!
//! [PASETO] is what JWT would be without its choices: a version and a purpose fix the algorithm, so no header can talk a
//! verifier into another one. This crate signs and verifies `v4.public` tokens (Ed25519). It does for actix-web what
//! Flask-PASETO-Extended does for Flask, and reads and writes the same tokens.
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
//!     let verifier = Verifier::builder().trust("https://issuer.example", key.public_key()).build()?;
//!     let issuer = Issuer::builder("https://issuer.example").key(key).build()?;
//!
//!     let app = move || {
//!         App::new().app_data(issuer.clone()).app_data(verifier.clone()).service(login).service(me)
//!     };
//!     HttpServer::new(app).bind(("127.0.0.1", 8080))?.run().await?;
//!     Ok(())
//! }
//! ```
//!
//! # The tour
//!
//! | you want to | look at |
//! | --- | --- |
//! | read, make and print keys | [`SecretKey`], [`PublicKey`], [`LocalKey`] |
//! | issue tokens | [`Issuer`], and [`Issuer::token`] for what is special about one |
//! | say whose tokens are accepted, where they are, what is answered otherwise | [`Verifier`], [`TokenSource`] |
//! | guard a handler | [`#[paseto_required]`](attr.paseto_required.html) |
//! | guard a scope | [`PasetoRequired`] |
//! | reject forms and handshakes of other sites | [`CrossOriginProtection`] |
//! | keep sessions in encrypted cookies | [`PasetoSession`](crate::PasetoSession) |
//! | check the size of a session, or make one login persistent | [`SessionCookie`](crate::SessionCookie) |
//! | remember logins after the session has expired, and end logins everywhere | [`RememberMe`](crate::RememberMe), [`LoginLayer`](crate::LoginLayer) |
//! | write an audit log, or count logins and rejections | [`Event`] |
//! | keep pages that depend on a cookie out of shared caches | [`PasetoCacheControl`], where extractors alone guard a handler |
//! | see the token in a handler | [`Paseto`], [`MaybePaseto`], [`VerifiedToken`], [`PasetoRequestExt::current_paseto`] |
//! | refuse tokens for reasons of your own | [`VerifierBuilder::check`], [`VerifierBuilder::check_async`], [`Rejection`] |
//! | end tokens before they expire | [`RevocationStore`], [`MemoryRevocationStore`], [`RedisRevocationStore`](crate::RedisRevocationStore) |
//! | size the cache of verified tokens, or measure it | [`VerifierBuilder::token_cache`], [`TokenCacheStats`] |
//! | bound the tables that make signature checks faster | [`VerifierBuilder::max_precomputed_keys`] |
//! | go on with a login by refresh tokens | [`RefreshTokens`](crate::RefreshTokens) |
//! | answer errors in the format of your application | [`VerifyError::respond_json`] |
//! | publish the metadata of an OAuth protected resource | [`ProtectedResource`] |
//! | read settings from a file or from environment variables | [`IssuerConfig`], [`VerifierConfig`], [`PasetoSessionConfig`](crate::PasetoSessionConfig), [`RememberMeConfig`](crate::remember::RememberMeConfig), [`RefreshTokensConfig`](crate::RefreshTokensConfig) |
//! | set the time in tests | [`Clock`] |
//! | try a store of your own | [`conformance`](crate::conformance) |
//! | know what went wrong | [`ConfigError`], [`IssueError`], [`VerifyError`] |
//!
//! # What is safe without reading
//!
//! A token is accepted if its signature is that of a key that was trusted for the token's own
//! `iss`; if `exp` has not passed; if `nbf` and `iat`, where present, are not to come; if it is
//! meant for the verifier's audience; and if its text, payload and footer keep strict, bounded
//! rules of form. A client gets the same response for each cause of a status. The log gets the
//! cause, and neither gets a token, a cookie or a key. A setting that weakens these checks has a
//! method of its own, and a method that removes a protection begins with `dangerously`.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `macros` | yes | [`#[paseto_required]`](attr.paseto_required.html) |
//! | `session` | yes | sessions in encrypted cookies, for actix-session; refresh tokens |
//! | `remember` | no | logins that outlive the session, for actix-identity |
//! | `redis` | no | revocations, and token family of remembered logins, on a Redis server, shared by several processes |
//! | `redis-tls` | no | the same over TLS (`rediss://`), by rustls with the system's certificates |
//! | `conformance` | no | [`conformance`](crate::conformance): what a store of your own has to do, as a test to run on it |
//!
//! Features add API and never change behaviour.
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
mod durations;
mod erased;
pub mod error;
pub mod event;
pub mod guard;
pub mod issuer;
mod keyed_hash;
pub mod keys;
pub mod protected_resource;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "session")]
pub mod refresh;
#[cfg(feature = "remember")]
pub mod remember;
pub mod revocation;
#[cfg(feature = "session")]
pub mod session;
pub mod token;
#[cfg(feature = "session")]
pub mod token_family;
pub mod verifier;

pub use cross_origin::CrossOriginProtection;
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
pub use time;
pub use token::VerifiedToken;
pub use verifier::{TokenSource, Verifier};

/// What the attribute's expansion names. Not for use by hand: it may change with any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::guard::PasetoRequired as Requirements;
    pub use crate::guard::{AnyToken, Guarded, GuardedResponse, HandlerRequirements};
    pub use crate::guard::{assert_acr_value, assert_scope, never};
}
