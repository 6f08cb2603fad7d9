//! Generates the code for a handler without mistakes.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{FnArg, PatType, ReturnType, Token, Type, parse_quote};

use crate::args::Name;
use crate::handler::Handler;
use crate::model::{Model, Options, Seconds};

/// Returns the handler with one guarded argument, and the type of its requirements.
pub(crate) fn expand(model: Model) -> TokenStream {
    let Model { handler, arguments, policy } = model;
    let (policy_type, policy_items) = policy_of(&handler, &policy);
    let Handler { attrs, vis, mut sig, body } = handler;
    // An identifier pattern matches a unit struct or a constant of the same name if one is in
    // scope. Route macros declare unit structs, so the generated names are hygienic.
    let local = |name| Ident::new(name, Span::mixed_site());
    let (guarded, admitted) = (local("__paseto_actix_guarded"), local("__paseto_actix_admitted"));
    let (caching, response) = (local("__paseto_actix_caching"), local("__paseto_actix_response"));
    sig.inputs = Punctuated::from_iter([guarded_argument(&policy_type, &arguments, &guarded)]);
    let (mut patterns, bindings) = bind(&arguments);
    // With this span, the compiler reports a refutable pattern at the arguments.
    patterns.set_span(Span::mixed_site().located_at(sig.paren_token.span.join()));
    let mut statements = expect_output(&mut sig.output);
    statements.extend(body.stream());
    let mut block = Group::new(Delimiter::Brace, statements);
    block.set_span(body.span());
    // The lint would warn about a handler that returns `HttpResponse::Ok()`, which is a future.
    quote! {
        #policy_items
        #(#attrs)* #vis #sig {
            let (#admitted, #caching) = match #guarded.admit() {
                ::core::result::Result::Ok(#admitted) => #admitted,
                ::core::result::Result::Err(#response) => return #response,
            };
            let #patterns = #admitted;
            #(#bindings)*
            #[allow(clippy::async_yields_async)]
            let #response = async move #block;
            #caching.respond(#response).await
        }
    }
}

/// Changes the return type to a wrapper that sets the headers for caches. An extractor cannot set
/// headers of the response.
///
/// The body becomes an `async` block, which cannot declare its return type. The returned statement
/// contains a `return` that never runs. It makes the compiler expect the return type that the user
/// wrote.
fn expect_output(output: &mut ReturnType) -> TokenStream {
    let (arrow, mut responder) = match output {
        ReturnType::Default => (Token![->](Span::call_site()), parse_quote!(())),
        ReturnType::Type(arrow, responder) => (*arrow, (**responder).clone()),
    };
    *output = ReturnType::Type(
        arrow,
        parse_quote!(::paseto_actix::__private::GuardedResponse<#responder>),
    );
    // With this span, the compiler reports a mismatch at the return type.
    let span = Span::mixed_site().located_at(responder.span());
    Inferred.visit_type_mut(&mut responder);
    quote_spanned!(span=> let () = if false { return ::paseto_actix::__private::never::<#responder>(); };)
}

/// Replaces `impl Trait` with `_`, because a body cannot contain `impl Trait`.
struct Inferred;

impl VisitMut for Inferred {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        match ty {
            Type::ImplTrait(_) => *ty = parse_quote!(_),
            _ => visit_type_mut(self, ty),
        }
    }
}

/// Returns the unchanged handler with `#[paseto_required]` moved to an index among its attributes.
pub(crate) fn moved(handler: &Handler, args: &TokenStream, index: usize) -> TokenStream {
    let Handler { attrs, vis, sig, body } = handler;
    let (before, after) = attrs.split_at(index);
    quote! {
        #(#before)*
        #[::paseto_actix::paseto_required(#args)]
        #(#after)*
        #vis #sig #body
    }
}

/// Returns the one argument of the rewritten handler.
///
/// The token must be verified before another extractor runs, in particular before an extractor
/// reads the body. actix-web runs the extractors of a handler concurrently, so one extractor runs
/// them all.
fn guarded_argument(policy: &TokenStream, arguments: &[PatType], name: &Ident) -> FnArg {
    let types = arguments.iter().map(|argument| &argument.ty);
    parse_quote!(#name: ::paseto_actix::__private::Guarded<#policy, (#(#types,)*)>)
}

/// Returns the tuple of argument patterns, and one `let` for each argument with attributes.
///
/// An attribute applies to a whole `let`, so each of these arguments needs its own. The other
/// arguments do not have a `let`, because some lints warn about `let` and not about arguments.
fn bind(arguments: &[PatType]) -> (Group, Vec<TokenStream>) {
    let mut bindings = Vec::new();
    let patterns = arguments.iter().enumerate().map(|(index, PatType { attrs, pat, .. })| {
        if attrs.is_empty() {
            return pat.to_token_stream();
        }
        let name = format_ident!("__paseto_actix_argument_{index}", span = Span::mixed_site());
        bindings.push(quote! { #(#attrs)* let #pat = #name; });
        name.into_token_stream()
    });
    let patterns = quote!(#(#patterns,)*);
    (Group::new(Delimiter::Parenthesis, patterns), bindings)
}

/// Returns the type that represents the requirements, and the items that declare it. There are no
/// items without requirements.
fn policy_of(handler: &Handler, policy: &Options) -> (TokenStream, TokenStream) {
    if policy.is_empty() {
        return (quote!(::paseto_actix::__private::AnyToken), TokenStream::new());
    }
    // With this hygiene, lints treat the name as generated code, so no `allow` is necessary.
    let name = format_ident!(
        "__paseto_required_{}",
        handler.sig.ident,
        span = Span::mixed_site().located_at(handler.sig.ident.span())
    );
    let vis = &handler.vis;
    let (constants, requirements) = requirements(policy);
    let items = quote! {
        #[doc(hidden)]
        #[non_exhaustive]
        #vis struct #name;

        impl ::paseto_actix::__private::HandlerRequirements for #name {
            fn requirements() -> &'static ::paseto_actix::__private::Requirements {
                #constants
                static __REQUIREMENTS: ::std::sync::LazyLock<
                    ::paseto_actix::__private::Requirements,
                > = ::std::sync::LazyLock::new(|| #requirements);
                &__REQUIREMENTS
            }
        }
    };
    (quote!(#name), items)
}

/// Returns the constants for the requirements, and the expression that creates the requirements.
fn requirements(policy: &Options) -> (TokenStream, TokenStream) {
    let Options { scopes, any_scope, acr, fresh, check } = policy;
    let mut constants = TokenStream::new();
    let mut calls = quote!(::paseto_actix::__private::Requirements::new());
    for (method, names, assertion) in [
        ("scopes", scopes, "assert_scope"),
        ("any_scope", any_scope, "assert_scope"),
        ("acr", acr, "assert_acr_value"),
    ] {
        if names.is_empty() {
            continue;
        }
        let method = Ident::new(method, Span::call_site());
        if names.iter().all(|name| matches!(name, Name::Literal(_))) {
            calls.extend(quote!(.#method([#(#names),*])));
        } else {
            let list = format_ident!("__PASETO_{}", method.to_string().to_uppercase());
            constants.extend(checked_constants(&list, names, assertion));
            calls.extend(quote!(.#method(#list)));
        }
    }
    if let Some(Seconds(seconds)) = fresh {
        calls.extend(quote!(.fresh(::core::time::Duration::from_secs(#seconds))));
    }
    if let Some(check) = check {
        // With this span, the compiler reports a function of another type at its name.
        let span = Span::mixed_site().located_at(check.span());
        calls.extend(quote_spanned!(span=> .check(#check)));
    }
    (constants, calls)
}

/// Declares a list of names, and assertions that check them at compile time. Each constant occurs
/// once in the code, so the compiler reports a constant of another type once. It reports a failed
/// assertion at the name.
fn checked_constants(list: &Ident, names: &[Name], assertion: &str) -> TokenStream {
    let length = names.len();
    let assertions = names.iter().enumerate().map(|(index, name)| {
        let span = Span::mixed_site().located_at(name.span());
        let assertion = Ident::new(assertion, span);
        quote_spanned!(span=> const _: () = ::paseto_actix::__private::#assertion(&#list, #index);)
    });
    quote! {
        const #list: [&str; #length] = [#(#names),*];
        #(#assertions)*
    }
}

#[cfg(test)]
mod tests;
