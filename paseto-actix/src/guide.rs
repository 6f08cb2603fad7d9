//! The guide: one chapter for each part of the crate, in reading order.
//!
//! The examples need `actix-web`, `serde` with the feature `derive`, and `serde_json`. A chapter
//! names the other crates and the features of this crate that it needs.
//!
//! | chapter | contents |
//! | --- | --- |
//! | [Quick start](quick_start) | a first application: a login, a token, a guarded handler |
//! | [Keys and rotation](keys) | generate, store, read and rotate keys |
//! | [Two services](two_services) | one service issues tokens and publishes its keys, another service fetches the keys |
//! | [Verifying tokens](verifying) | token sources, audience, checks, extractors, the token cache |
//! | [Guards](guards) | `#[paseto_required]` and `PasetoRequired` |
//! | [Sessions](sessions) | sessions in encrypted cookies, for actix-session |
//! | [Remembered logins](remembered_logins) | logins that outlive the session |
//! | [The current user](current_user) | users as a type of the application, from a token or a session |
//! | [Refresh and revocation](refresh_and_revocation) | pairs of tokens, logout, stores |
//! | [Where state lives](where_state_lives) | memory, SQLite and Redis: losses, failures, costs |
//! | [Redis in production](redis) | stores that several machines share |
//! | [CORS and single-page apps](cors) | browsers that send tokens to another origin |
//! | [Forms and CSRF](forms_and_csrf) | cookies, other origins, shared caches |
//! | [Errors and responses](errors) | responses, challenges, error handlers |
//! | [Settings](settings) | TOML, JSON, YAML and environment variables |
//! | [Testing](testing) | tests of an application, forgotten guards, the clock, conformance of a store |
//! | [OpenAPI](openapi) | an OpenAPI document of guarded handlers, with `utoipa` |
//! | [Logs, events and metrics](observability) | logs, events, metrics |
//! | [Coming from Flask-PASETO-Extended](from_flask) | names, settings, differences |
//! | [Coming from jsonwebtoken](from_jsonwebtoken) | concepts, a migration without a break |
//! | [The security model](security_model) | each rejection and its reason |
//! | [Performance](performance) | figures, the token cache, sizing |
//! | [Glossary](glossary) | terms |

// In the repository, the links between chapters lead to files. In the documentation, `links.md`
// precedes each chapter. The first definition of a link counts, so the links lead to modules.
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/quick_start.md")]
pub mod quick_start {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/keys.md")]
pub mod keys {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/two_services.md")]
pub mod two_services {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/verifying.md")]
pub mod verifying {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guards.md")]
pub mod guards {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/sessions.md")]
pub mod sessions {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/remembered_logins.md")]
pub mod remembered_logins {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/current_user.md")]
pub mod current_user {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/refresh_and_revocation.md")]
pub mod refresh_and_revocation {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/where_state_lives.md")]
pub mod where_state_lives {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/redis.md")]
pub mod redis {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/cors.md")]
pub mod cors {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/forms_and_csrf.md")]
pub mod forms_and_csrf {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/errors.md")]
pub mod errors {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/settings.md")]
pub mod settings {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/testing.md")]
pub mod testing {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/openapi.md")]
pub mod openapi {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/observability.md")]
pub mod observability {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/from_flask.md")]
pub mod from_flask {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/from_jsonwebtoken.md")]
pub mod from_jsonwebtoken {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/security_model.md")]
pub mod security_model {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/performance.md")]
pub mod performance {}
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/glossary.md")]
pub mod glossary {}
