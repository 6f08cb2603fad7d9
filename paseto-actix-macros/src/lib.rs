//! The macro half of `paseto-actix`, which re-exports all there is here as
//! `paseto_actix::paseto_required`. Depend on that crate and not on this one: the code the macro
//! writes calls it by the name `paseto_actix`.

mod args;
mod expand;
mod fallback;
mod handler;
mod mistakes;
mod model;

use proc_macro::TokenStream;

use crate::args::Args;
use crate::mistakes::Mistakes;
use crate::model::{Model, Options};

/// Runs a handler only for requests with a token that the `Verifier` accepts.
///
/// The attribute verifies the token before it extracts an argument of the handler. For a rejected
/// request, it neither reads the body nor runs the handler. It returns the response of the error
/// handler of the `Verifier`.
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
/// The handler is protected also without the token as an argument.
///
/// # Options
///
/// Without options, the attribute admits each token that the `Verifier` accepts. Each option adds a
/// requirement, and can be given once.
///
/// ## `scopes("read", scope::WRITE)`
///
/// The token must grant all of these scopes. Otherwise the response is `403` with
/// `insufficient_scope` ([RFC 6750, section 3.1]), and the challenge names the scopes.
///
/// A scope is a string literal or the path of a `&str` constant. Two mistakes are compile errors: a
/// text that is not a scope-token of [RFC 6749, section 3.3] (visible ASCII without space, `"` and
/// `\`), and a scope that is twice in the list.
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
/// A constant must be visible in the module of the handler. A constant of a type parameter of the
/// handler (`T::SCOPE`) is not possible.
///
/// ## `any_scope("editor", "admin")`
///
/// The token must grant at least one of these scopes. Otherwise the response is `403` with
/// `insufficient_scope`. The elements are those of `scopes`.
///
/// ## `acr("phr", "phrh")`
///
/// The claim `acr` must be one of these classes of login. Otherwise the response is `401` with
/// `insufficient_user_authentication` and `acr_values` ([RFC 9470, section 3]): the client sends
/// the user to a stronger login (a step-up). The elements are those of `scopes`. The issuer sets
/// the claim with `TokenBuilder::acr`, or with `PendingLogin::acr` for a login with refresh tokens.
///
/// ## `fresh = "10m"`
///
/// The user must have logged in (claim `auth_time`) in this time. Otherwise the response is `401`
/// with `insufficient_user_authentication` and `max_age` in seconds. The duration is a positive
/// whole number and one unit: `s`, `m`, `h` or `d`. The leeway of the `Verifier` is added.
///
/// With `acr` and `fresh`, the challenge names both requirements if one of them fails, so that one
/// login satisfies both.
///
/// ## `check = path::to::function`
///
/// The function must return `Ok(())`. It runs after all other requirements. Its type is
/// `fn(&HttpRequest, &VerifiedToken) -> Result<(), Rejection>`.
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
/// # Where it goes
///
/// On a handler: an `async fn` outside of each `impl` block, with up to 16 extractors as arguments.
/// The attribute goes above or below a route macro such as `#[get("/")]`, inside `#[routes]` and
/// `#[scope]`, and on handlers that are registered with `web::get().to(handler)`. Beside
/// `#[utoipa::path]` it may be above or below, as long as `#[utoipa::path]` is above the route
/// macro.
///
/// An attribute that reads the arguments or the return type, such as `#[tracing::instrument]`, goes
/// above `#[paseto_required]`.
///
/// An argument can have lint attributes: `#[allow]`, `#[expect]`, `#[warn]`, `#[deny]` and
/// `#[forbid]`. They apply to its pattern. A lint about its type belongs on the handler. Other
/// attributes on an argument are compile errors. In place of a `#[cfg]` on an argument, write one
/// handler for each `#[cfg]`.
///
/// To protect all handlers of a scope at once, wrap the scope in the middleware `PasetoRequired`.
///
/// # Rejected requests
///
/// A rejection is a plain response, as with the middleware: `HttpResponse::error()` is `None`, and
/// the log has one line for it. An error of an argument, such as `400` for malformed JSON, and an
/// error that the handler returns stay errors of actix-web.
///
/// # What it expands to
///
/// To the same function with one argument: an extractor that verifies the token and then runs the
/// extractors of the handler in their order. For a rejected request, the function returns the
/// response. For an admitted one, it binds the arguments and runs the body, which becomes an
/// `async` block. The return type becomes a wrapper that sets `Vary` and `Cache-Control` if the
/// `Verifier` reads a cookie.
///
/// So the function cannot be called directly: let a test call the handler through an `App`, or move
/// the body into a function of its own.
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
    let parsed = handler::parse(&item);
    if let Ok(handler) = &parsed
        && let Some(place) = handler.behind_documentation()
    {
        return expand::moved(handler, &args, place);
    }

    let mut mistakes = Mistakes::default();
    let policy = Options::new(Args::parse(args, &mut mistakes), &mut mistakes);
    let rewritten = match parsed {
        Ok(mut handler) => {
            handler.take_repetitions(&mut mistakes);
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
