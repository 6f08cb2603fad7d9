//! Tokens in forms against cross-site request forgery (CSRF), bound to the session:
//! [`CsrfToken`] and [`CsrfForm`].
//!
//! [`CrossOriginProtection`](crate::CrossOriginProtection) needs no token and is enough for current
//! browsers. Use these tokens in addition if a policy requires them, or if clients send neither
//! `Sec-Fetch-Site` nor `Origin`. They are the synchronizer tokens of the [OWASP cheat sheet].
//!
//! ```
//! use actix_web::{HttpResponse, web};
//! use paseto_actix::csrf::{CsrfForm, CsrfToken};
//!
//! async fn transfer_form(csrf: CsrfToken) -> HttpResponse {
//!     HttpResponse::Ok().content_type("text/html; charset=utf-8").body(format!(
//!         r#"<form method="post">{} <input name="amount"> <button>Transfer</button></form>"#,
//!         csrf.input(),
//!     ))
//! }
//!
//! #[derive(serde::Deserialize)]
//! struct Transfer {
//!     amount: u32,
//! }
//!
//! async fn transfer(CsrfForm(form): CsrfForm<Transfer>) -> String {
//!     format!("transferred {}", form.amount)
//! }
//!
//! fn routes(config: &mut web::ServiceConfig) {
//!     config
//!         .route("/transfer", web::get().to(transfer_form))
//!         .route("/transfer", web::post().to(transfer));
//! }
//! ```
//!
//! [OWASP cheat sheet]: https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html#synchronizer-token-pattern

mod form;
mod token;

pub use form::CsrfForm;
pub use token::{CsrfError, CsrfToken};
