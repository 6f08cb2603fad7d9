//! The attribute macro of `paseto-actix`.
//!
//! `paseto-actix` re-exports it as `paseto_actix::paseto_required`. Depend on `paseto-actix` and
//! not on this crate, because the generated code uses the name `paseto_actix`.

mod args;
mod expand;
mod fallback;
mod handler;
mod mistakes;
mod model;
mod openapi;

use proc_macro::TokenStream;

use crate::args::Args;
use crate::mistakes::Mistakes;
use crate::model::{Model, Options};

/// Runs a handler only for requests with a token that the `Verifier` accepts.
///
/// The attribute verifies the token before it extracts the arguments of the handler. If the request
/// is rejected, the body is not read and the handler does not run. The error handler of the
/// `Verifier` creates the response.
///
/// ```
/// use actix_web::{Responder, get, web};
/// use paseto_actix::{Paseto, paseto_required};
///
/// #[derive(serde::Deserialize, serde::Serialize)]
/// struct Me {
///     email: String,
/// }
///
/// #[get("/me")]
/// #[paseto_required]
/// async fn me(paseto: Paseto<Me>) -> impl Responder {
///     web::Json(paseto.into_claims())
/// }
/// ```
///
/// The attribute also protects a handler that does not have the token as an argument.
///
/// # Options
///
/// Without options, the handler runs for each token that the `Verifier` accepts. Each option adds a
/// requirement. Each option can occur once.
///
/// ## `scopes("read", scope::WRITE)`
///
/// The token must grant all of these scopes. Otherwise the response is `403` with
/// `insufficient_scope` ([RFC 6750, section 3.1]), and the challenge names the scopes.
///
/// A scope is a string literal or the path of a `&str` constant. It must be a scope-token ([RFC
/// 6749, section 3.3]): one or more visible ASCII characters other than space, `"` and `\`. An
/// invalid scope and a scope that occurs twice are compile errors.
///
/// ```
/// use actix_web::{HttpResponse, post};
/// use paseto_actix::paseto_required;
///
/// mod scope {
///     pub const WRITE: &str = "posts:write";
/// }
///
/// #[post("/posts")]
/// #[paseto_required(scopes(scope::WRITE))]
/// async fn create() -> HttpResponse {
///     HttpResponse::Created().finish()
/// }
/// ```
///
/// A constant must be visible in the module of the handler. It cannot depend on a type parameter of
/// the handler (`T::SCOPE`).
///
/// ## `any_scope("editor", "admin")`
///
/// The token must grant at least one of these scopes. Otherwise the response is `403` with
/// `insufficient_scope`. Write the elements as for `scopes`.
///
/// ## `acr("phr", "phrh")`
///
/// The authentication context class (`acr`) must be one of these values. Otherwise the response is
/// `401` with `insufficient_user_authentication` and `acr_values` ([RFC 9470, section 3]). The
/// client then sends the user to a stronger login (step-up authentication). Write the elements as
/// for `scopes`. To set the claim, call `TokenBuilder::acr`, or `PendingLogin::acr` for a login
/// with refresh tokens.
///
/// ## `fresh = "10m"`
///
/// The login of the user (claim `auth_time`) must not be older than this duration. Otherwise the
/// response is `401` with `insufficient_user_authentication` and `max_age` in seconds
/// ([RFC 9470, section 3]). The duration is a positive whole number and one unit: `s`, `m`, `h` or
/// `d`. The leeway of the `Verifier` is added.
///
/// If a handler has both `acr` and `fresh` and one of them fails, the challenge names both, so that
/// one new login satisfies both.
///
/// ## `check = path::to::function`
///
/// The function accepts the token by returning `Ok(())`. It runs after all other requirements. Its
/// type is `fn(&HttpRequest, &VerifiedToken) -> Result<(), Rejection>`. To check claims of the
/// application, write `&Paseto<Claims>` for `&VerifiedToken`. If the payload does not match
/// `Claims`, the response is `401` with `invalid_token`, and the function does not run.
///
/// ```
/// use actix_web::{HttpRequest, HttpResponse, delete, web};
/// use paseto_actix::{VerifiedToken, paseto_required};
/// use paseto_actix::error::Rejection;
///
/// #[delete("/posts/{id}")]
/// #[paseto_required(
///     scopes("posts:write"),
///     any_scope("editor", "admin"),
///     acr("phr", "phrh"),
///     fresh = "10m",
///     check = by_employee
/// )]
/// async fn remove(id: web::Path<u64>) -> HttpResponse {
///     HttpResponse::NoContent().finish()
/// }
///
/// fn by_employee(_: &HttpRequest, token: &VerifiedToken) -> Result<(), Rejection> {
///     let is_employee = token.subject().is_some_and(|subject| subject.ends_with("@example.com"));
///     if is_employee { Ok(()) } else { Err(Rejection::forbidden("only employees remove posts")) }
/// }
/// ```
///
/// ```
/// use actix_web::{HttpRequest, HttpResponse, get};
/// use paseto_actix::{Paseto, paseto_required};
/// use paseto_actix::error::Rejection;
///
/// #[derive(serde::Deserialize)]
/// struct Claims {
///     tenant: String,
/// }
///
/// #[get("/{tenant}/reports")]
/// #[paseto_required(check = own_tenant)]
/// async fn reports() -> HttpResponse {
///     HttpResponse::Ok().finish()
/// }
///
/// fn own_tenant(req: &HttpRequest, paseto: &Paseto<Claims>) -> Result<(), Rejection> {
///     if req.match_info().get("tenant") == Some(&paseto.claims().tenant) {
///         return Ok(());
///     }
///     Err(Rejection::forbidden("the reports belong to another tenant"))
/// }
/// # let _ = actix_web::App::new().service(reports);
/// ```
///
/// # Placement
///
/// Write the attribute on a handler, that is, an `async fn` outside of `impl` blocks with at most
/// 16 extractors as arguments. It works above and below a route macro such as `#[get("/")]`, inside
/// `#[routes]` and `#[scope]`, and on handlers that are registered with `web::get().to(handler)`.
///
/// It also works above and below `#[utoipa::path]`. `#[utoipa::path]` itself must be above the
/// route macro. If `#[paseto_required]` is above `#[utoipa::path]`, it adds
/// `security(("paseto" = […]))` with its scopes, unless the documentation has `security`. Write other attributes that read the arguments or the return type, such as
/// `#[tracing::instrument]`, above `#[paseto_required]`.
///
/// An argument can have lint attributes: `#[allow]`, `#[expect]`, `#[warn]`, `#[deny]` and
/// `#[forbid]`. They apply to its pattern. Write a lint about its type on the handler. Other
/// attributes on an argument are compile errors. Instead of a `#[cfg]` on an argument, write one
/// handler for each `#[cfg]`.
///
/// To protect all handlers of a scope, wrap the scope in the middleware `PasetoRequired`.
///
/// # Rejected requests
///
/// The response to a rejected request is not an error of actix-web, as with the middleware.
/// `HttpResponse::error()` is `None`, and this crate writes one log line. Errors of extractors,
/// such as `400` for malformed JSON, and errors that the handler returns are errors of actix-web.
///
/// # Expansion
///
/// The attribute replaces the arguments of the function with one extractor. The extractor verifies
/// the token, and then runs the extractors of the handler in their order. If the request is
/// rejected, the function returns the response. Otherwise it binds the arguments and runs the body,
/// which becomes an `async` block. The return type becomes a wrapper that sets `Vary` and
/// `Cache-Control` if the `Verifier` reads a cookie.
///
/// So other code cannot call the function directly. In a test, call the handler through an `App`,
/// or move the body into a separate function.
///
/// [RFC 6749, section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
/// [RFC 6750, section 3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
/// [RFC 9470, section 3]: https://www.rfc-editor.org/rfc/rfc9470#section-3
#[proc_macro_attribute]
pub fn paseto_required(args: TokenStream, item: TokenStream) -> TokenStream {
    rewrite(args.into(), item.into()).into()
}

fn rewrite(
    args: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    let mut parsed = handler::parse(&item);
    if let Ok(handler) = &mut parsed
        && let Some(index) = handler.index_after_documentation()
    {
        openapi::document_security(&mut handler.attrs[..index], &args);
        return expand::moved(handler, &args, index);
    }

    let mut mistakes = Mistakes::default();
    let policy = Options::new(Args::parse(args, &mut mistakes), &mut mistakes);
    let rewritten = match parsed {
        Ok(mut handler) => {
            handler.remove_repetitions(&mut mistakes);
            match handler.arguments(&mut mistakes) {
                Some(arguments) => expand::expand(Model { handler, arguments, policy }),
                None => fallback::placeholder(handler),
            }
        }
        Err(mistake) => {
            mistakes.add(mistake);
            item
        }
    };
    let mut output = mistakes.into_compile_errors();
    output.extend(rewritten);
    output
}
