//! The code a handler is rewritten to. No other stage decides what is emitted for a sound one.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{FnArg, PatType, ReturnType, Token, Type, parse_quote};

use crate::args::Name;
use crate::handler::Handler;
use crate::model::{Model, Options, Seconds};

/// The handler with one guarded argument, and the policy that the guard enforces.
pub(crate) fn expand(model: Model) -> TokenStream {
    let Model { handler, arguments, policy } = model;
    let (policy_type, policy_items) = policy_of(&handler, &policy);
    let Handler { attrs, vis, mut sig, body } = handler;
    // A pattern names a unit struct or a constant if one of the name is in scope, and route macros
    // make unit structs.
    let local = |name| Ident::new(name, Span::mixed_site());
    let (guarded, admitted) = (local("__paseto_actix_guarded"), local("__paseto_actix_admitted"));
    let (caching, response) = (local("__paseto_actix_caching"), local("__paseto_actix_response"));
    sig.inputs = Punctuated::from_iter([guarded_argument(&policy_type, &arguments, &guarded)]);
    let (mut patterns, bindings) = bind(&arguments);
    // The compiler reports a pattern that does not match each value at the arguments.
    patterns.set_span(Span::mixed_site().located_at(sig.paren_token.span.join()));
    let mut statements = expect_output(&mut sig.output);
    statements.extend(body.stream());
    let mut block = Group::new(Delimiter::Brace, statements);
    block.set_span(body.span());
    // A handler may return `HttpResponse::Ok()`, which is a future too.
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

/// Makes the handler return its responder with headers for caches, which an extractor cannot set.
///
/// The body becomes an `async` block. A block has no return type, so types in the body would be inferred without it.
/// The `return` that is added, and never reached, makes the compiler expect the type that the user wrote.
fn expect_output(output: &mut ReturnType) -> TokenStream {
    let (arrow, mut responder) = match output {
        ReturnType::Default => (Token![->](Span::call_site()), parse_quote!(())),
        ReturnType::Type(arrow, responder) => (*arrow, (**responder).clone()),
    };
    *output = ReturnType::Type(
        arrow,
        parse_quote!(::paseto_actix::__private::GuardedResponse<#responder>),
    );
    // The message about another type points to this type.
    let span = Span::mixed_site().located_at(responder.span());
    Inferred.visit_type_mut(&mut responder);
    quote_spanned!(span=> let () = if false { return ::paseto_actix::__private::never::<#responder>(); };)
}

/// Only a signature may have `impl Trait`.
struct Inferred;

impl VisitMut for Inferred {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        match ty {
            Type::ImplTrait(_) => *ty = parse_quote!(_),
            _ => visit_type_mut(self, ty),
        }
    }
}

/// The handler as it was written, with our own attribute moved to the given place among the others.
pub(crate) fn moved(handler: &Handler, args: &TokenStream, place: usize) -> TokenStream {
    let Handler { attrs, vis, sig, body } = handler;
    let (before, behind) = attrs.split_at(place);
    quote! {
        #(#before)*
        #[::paseto_actix::paseto_required(#args)]
        #(#behind)*
        #vis #sig #body
    }
}

/// Verification has to come before any other extractor runs, the one that reads the body above all.
/// actix-web runs the extractors of one handler side by side, so they become one.
fn guarded_argument(policy: &TokenStream, arguments: &[PatType], name: &Ident) -> FnArg {
    let types = arguments.iter().map(|argument| &argument.ty);
    parse_quote!(#name: ::paseto_actix::__private::Guarded<#policy, (#(#types,)*)>)
}

/// The patterns of the arguments as a tuple, and the statements that bind those with attributes.
///
/// Attributes need a `let` of their own. The other arguments have none, because some lints are
/// about `let` and not about arguments.
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

/// The type that stands for the policy, and the items it is made of, if it had to be made.
fn policy_of(handler: &Handler, policy: &Options) -> (TokenStream, TokenStream) {
    if policy.is_empty() {
        return (quote!(::paseto_actix::__private::AnyToken), TokenStream::new());
    }
    // Ours and not the user's, as lints see it, which is why none has to be allowed here.
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

/// The constants that the policy needs, and the expression that makes it.
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
        // What the compiler says about a function of another type, it says at its name.
        let span = Span::mixed_site().located_at(check.span());
        calls.extend(quote_spanned!(span=> .check(#check)));
    }
    (constants, calls)
}

/// A list of names that only the compiler can check. It names the list once, so that the compiler
/// reports a constant of another type once. A failed assertion is reported at the name.
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
mod tests {
    use super::*;
    use crate::rewrite;

    #[test]
    fn every_option_becomes_a_call() {
        let args = quote!(scopes("a", "b"), any_scope("c"), acr("d"), fresh = "10m", check = x::f);
        let item = quote! {
            /// Docs.
            #[get("/{id}")]
            pub async fn me<T>(paseto: Paseto<Me>, Json(id): Json<u32>) -> R where T: Send { a; b }
        };
        let expected = quote! {
            #[doc(hidden)]
            #[non_exhaustive]
            pub struct __paseto_required_me;

            impl ::paseto_actix::__private::HandlerRequirements for __paseto_required_me {
                fn requirements() -> &'static ::paseto_actix::__private::Requirements {
                    static __REQUIREMENTS: ::std::sync::LazyLock<
                        ::paseto_actix::__private::Requirements,
                    > = ::std::sync::LazyLock::new(||
                        ::paseto_actix::__private::Requirements::new()
                            .scopes(["a", "b"])
                            .any_scope(["c"])
                            .acr(["d"])
                            .fresh(::core::time::Duration::from_secs(600u64))
                            .check(x::f)
                    );
                    &__REQUIREMENTS
                }
            }

            /// Docs.
            #[get("/{id}")]
            pub async fn me<T>(
                __paseto_actix_guarded: ::paseto_actix::__private::Guarded<
                    __paseto_required_me,
                    (Paseto<Me>, Json<u32>,)
                >
            ) -> ::paseto_actix::__private::GuardedResponse<R> where T: Send {
                let (__paseto_actix_admitted, __paseto_actix_caching) = match __paseto_actix_guarded.admit() {
                    ::core::result::Result::Ok(__paseto_actix_admitted) => __paseto_actix_admitted,
                    ::core::result::Result::Err(__paseto_actix_response) => return __paseto_actix_response,
                };
                let (paseto, Json(id),) = __paseto_actix_admitted;
                #[allow(clippy::async_yields_async)]
                let __paseto_actix_response = async move {
                    let () = if false { return ::paseto_actix::__private::never::<R>(); };
                    a; b
                };
                __paseto_actix_caching.respond(__paseto_actix_response).await
            }
        };
        assert_eq!(rewrite(args, item).to_string(), expected.to_string());
    }

    #[test]
    fn without_options_no_policy_is_made() {
        let item = quote!(
            async fn me() -> R {}
        );
        let expected = quote! {
            async fn me(
                __paseto_actix_guarded: ::paseto_actix::__private::Guarded<
                    ::paseto_actix::__private::AnyToken,
                    ()
                >
            ) -> ::paseto_actix::__private::GuardedResponse<R> {
                let (__paseto_actix_admitted, __paseto_actix_caching) = match __paseto_actix_guarded.admit() {
                    ::core::result::Result::Ok(__paseto_actix_admitted) => __paseto_actix_admitted,
                    ::core::result::Result::Err(__paseto_actix_response) => return __paseto_actix_response,
                };
                let () = __paseto_actix_admitted;
                #[allow(clippy::async_yields_async)]
                let __paseto_actix_response = async move {
                    let () = if false { return ::paseto_actix::__private::never::<R>(); };
                };
                __paseto_actix_caching.respond(__paseto_actix_response).await
            }
        };
        let rewritten = rewrite(TokenStream::new(), item);
        assert_eq!(rewritten.to_string(), expected.to_string());
    }

    #[test]
    fn a_body_infers_what_only_a_signature_may_hide() {
        for (output, inferred) in [
            (quote!(-> impl Responder), quote!(_)),
            (quote!(-> Result<impl Responder + use<>, Error>), quote!(Result<_, Error>)),
            (quote!(-> (&dyn A<B = impl C>, [D; 2])), quote!((&dyn A<B = _>, [D; 2]))),
            (quote!(), quote!(())),
        ] {
            let rewritten =
                rewrite(TokenStream::new(), quote!(async fn me() #output {})).to_string();
            let expected = quote!(never::<#inferred>()).to_string();
            assert!(rewritten.contains(&expected), "{rewritten}");
        }
    }

    #[test]
    fn constants_are_checked_when_the_handler_is_compiled() {
        let args = quote!(scopes(READ, "write"), acr(acr::PHR));
        let rewritten = rewrite(args, quote! { async fn me() {} }).to_string();
        let expected = quote! {
            const __PASETO_SCOPES: [&str; 2usize] = [READ, "write"];
            const _: () = ::paseto_actix::__private::assert_scope(&__PASETO_SCOPES, 0usize);
            const _: () = ::paseto_actix::__private::assert_scope(&__PASETO_SCOPES, 1usize);
            const __PASETO_ACR: [&str; 1usize] = [acr::PHR];
            const _: () = ::paseto_actix::__private::assert_acr_value(&__PASETO_ACR, 0usize);
        };
        assert!(rewritten.contains(&expected.to_string()), "{rewritten}");
        assert!(
            rewritten.contains(&quote!(.scopes(__PASETO_SCOPES).acr(__PASETO_ACR)).to_string()),
            "{rewritten}"
        );
    }

    #[test]
    fn lints_of_an_argument_are_on_its_binding() {
        let item = quote! { async fn me(a: A, #[allow(unused)] #[expect(x)] mut b: B) {} };
        let rewritten = rewrite(TokenStream::new(), item).to_string();
        let expected = quote! {
            let (a, __paseto_actix_argument_1,) = __paseto_actix_admitted;
            #[allow(unused)] #[expect(x)] let mut b = __paseto_actix_argument_1;
        };
        assert!(rewritten.contains(&expected.to_string()), "{rewritten}");
    }

    #[test]
    fn documentation_macros_come_first() {
        let item = quote!(
            #[a]
            #[utoipa::path(get)]
            #[get("/")]
            async fn me(a: A) -> R {}
        );
        let expected = quote! {
            #[a]
            #[utoipa::path(get)]
            #[::paseto_actix::paseto_required(scopes("a"))]
            #[get("/")]
            async fn me(a: A) -> R {}
        };
        assert_eq!(rewrite(quote!(scopes("a")), item).to_string(), expected.to_string());
    }

    #[test]
    fn the_body_is_not_read() {
        let item = quote!(async fn me() -> R { syntax ->> of =<< the ~ future });
        let rewritten = rewrite(TokenStream::new(), item).to_string();
        assert!(rewritten.contains("the ~ future"), "{rewritten}");
        assert!(!rewritten.contains("compile_error"), "{rewritten}");
    }
}
