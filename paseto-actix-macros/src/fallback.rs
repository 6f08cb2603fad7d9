//! The placeholder for a handler whose signature has a mistake.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, FnArg};

use crate::handler::{Handler, sets_lint};

/// Returns a valid handler that contains the original function.
///
/// Route macros and `web::get().to(..)` accept only an asynchronous function of extractors. Without
/// the placeholder, the compiler would report further errors for the same mistake. The original
/// function stays inside, so that the compiler does not report its imports and helpers as unused.
pub(crate) fn placeholder(handler: Handler) -> TokenStream {
    let Handler { attrs, vis, mut sig, body } = handler;
    if sig.receiver().is_some() {
        return quote! { #(#attrs)* #vis #sig #body };
    }
    let ident = sig.ident.clone();
    let generics = sig.generics.clone();
    let where_clause = &generics.where_clause;

    // Remove the parts of the inner function for which the compiler would report a second error.
    if sig.asyncness.is_some() {
        sig.constness = None;
    }
    sig.variadic = None;
    for input in &mut sig.inputs {
        if let FnArg::Typed(argument) = input {
            argument.attrs.retain(is_allowed_on_arguments);
        }
    }
    quote! {
        #(#attrs)*
        #vis async fn #ident #generics () -> ::std::string::String #where_clause {
            #[allow(dead_code)]
            #sig #body
            ::core::unreachable!()
        }
    }
}

fn is_allowed_on_arguments(attr: &Attribute) -> bool {
    sets_lint(attr) || attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholder(item: TokenStream) -> String {
        super::placeholder(syn::parse2(item).unwrap()).to_string()
    }

    #[test]
    fn the_placeholder_is_asynchronous_and_contains_the_function() {
        let item = quote! {
            /// Docs.
            #[get("/")]
            pub fn me<T: Clone>(a: Data<T>, #[other] #[cfg(x)] b: u8) -> R where T: Send { body(a) }
        };
        let expected = quote! {
            /// Docs.
            #[get("/")]
            pub async fn me<T: Clone>() -> ::std::string::String where T: Send {
                #[allow(dead_code)]
                fn me<T: Clone>(a: Data<T>, #[cfg(x)] b: u8) -> R where T: Send { body(a) }
                ::core::unreachable!()
            }
        };
        assert_eq!(placeholder(item), expected.to_string());
    }

    #[test]
    fn a_method_is_unchanged() {
        let item = quote!(
            pub async fn me(&self, a: u8) -> R {
                body(a)
            }
        );
        assert_eq!(placeholder(item.clone()), item.to_string());
    }
}
