//! The macro half of `paseto-actix`, which re-exports all there is here as
//! `paseto_actix::paseto_required`. Depend on that crate and not on this one: the code the macro
//! writes calls it by the name `paseto_actix`.

mod args;
mod expand;
mod fallback;
mod handler;
mod model;

use proc_macro::TokenStream;

use crate::{
    args::Args,
    fallback::Mistakes,
    model::{Model, Policy},
};

/// Runs a handler only for requests that carry a valid token.
///
/// The token is verified before any argument of the handler is extracted. A request that is refused
/// has its body left unread, is answered by the error handler of the `Verifier`, and never reaches
/// the handler.
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
/// The handler need not take the token as an argument to be protected.
///
/// # Options
///
/// Without options any valid token will do. Every option narrows that down; all that are given must
/// be satisfied. Each may be given once.
///
/// ## `scopes("read", "write")`
///
/// The token has all of these scopes. Else the answer is 403 `insufficient_scope`, and names them.
///
/// ## `any_scope("editor", "admin")`
///
/// The token has at least one of these scopes. Else the answer is 403 `insufficient_scope`.
///
/// ## `fresh = "10m"`
///
/// The user logged in no longer ago than this, by the claim `auth_time`. The duration is a positive
/// whole number and one unit: `s`, `m`, `h` or `d`.
///
/// ## `check = path::to::function`
///
/// The function agrees. It is a `fn(&HttpRequest, &VerifiedToken) -> Result<(), Refusal>`, and is
/// asked last.
///
/// ```
/// use actix_web::{HttpRequest, HttpResponse, delete, web};
/// use paseto_actix::{Refusal, VerifiedToken, paseto_required};
///
/// #[delete("/posts/{id}")]
/// #[paseto_required(
///     scopes("posts:write"),
///     any_scope("editor", "admin"),
///     fresh = "10m",
///     check = by_employee
/// )]
/// async fn remove(id: web::Path<u64>) -> HttpResponse {
///     HttpResponse::NoContent().finish()
/// }
///
/// fn by_employee(_: &HttpRequest, token: &VerifiedToken) -> Result<(), Refusal> {
///     let is_employee = token.subject().is_some_and(|subject| subject.ends_with("@example.com"));
///     if is_employee { Ok(()) } else { Err(Refusal::forbidden("only employees remove posts")) }
/// }
/// ```
///
/// # Where it goes
///
/// On a handler: an `async fn` outside of any `impl` block, with up to 16 extractors as arguments.
/// It stands above or below a route macro such as `#[get("/")]`, inside `#[routes]` and `#[scope]`,
/// and on handlers that are registered with `web::get().to(handler)`. Beside `#[utoipa::path]` it
/// may be above or below, as long as `#[utoipa::path]` is above the route macro. An attribute that reads the
/// return type, such as `#[tracing::instrument(err)]`, goes above it.
///
/// To protect all handlers of a scope at once, wrap the scope in the middleware `PasetoRequired`.
///
/// # What it expands to
///
/// To the same function with all arguments in one, an extractor that verifies the token and then
/// runs the others in their order. The function's body becomes an `async` block, and its return type a wrapper that
/// sets `Vary` and `Cache-Control` if the `Verifier` reads a cookie. So the function can no longer be called directly: let a test
/// call the handler through an `App`, or move what it does into a function of its own.
#[proc_macro_attribute]
pub fn paseto_required(args: TokenStream, item: TokenStream) -> TokenStream {
    rewrite(args.into(), item.into()).into()
}

fn rewrite(args: proc_macro2::TokenStream, item: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let parsed = handler::parse(&item);
    if let Ok(handler) = &parsed
        && let Some(place) = handler.behind_documentation()
    {
        return expand::moved(handler, &args, place);
    }

    let mut mistakes = Mistakes::default();
    let policy = Policy::new(Args::parse(args, &mut mistakes), &mut mistakes);
    let rewritten = match parsed {
        Ok(mut handler) => {
            handler.take_repetitions(&mut mistakes);
            match handler.arguments(&mut mistakes) {
                Some(arguments) => expand::handler(Model { handler, arguments, policy }),
                None => fallback::stand_in(handler),
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
