//! Adds the security requirements of a handler to the `#[utoipa::path]` below the attribute.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, MacroDelimiter, Meta, MetaList, Token};

use crate::args::{Args, Name};
use crate::handler::is_documentation;
use crate::mistakes::Mistakes;
use crate::model::Options;

/// The name of the security scheme that `paseto_actix::openapi` defines.
const SCHEME: &str = "paseto";

/// Adds the requirements of these options to each `#[utoipa::path]`. Changes nothing if the options
/// have a mistake, because the attribute reports the mistake.
///
/// `#[paseto_required]` can change only attributes that have not run yet. These are the attributes
/// below it.
pub(crate) fn document_security(attrs: &mut [Attribute], args: &TokenStream) {
    let mut mistakes = Mistakes::default();
    let policy = Options::new(Args::parse(args.clone(), &mut mistakes), &mut mistakes);
    if mistakes.is_empty() {
        let documentation = attrs.iter_mut().filter(|attr| is_documentation(attr));
        documentation.for_each(|attr| add_security(attr, &policy));
    }
}

/// Adds `security(…)` to a `#[utoipa::path]` without it.
fn add_security(attr: &mut Attribute, policy: &Options) {
    let (tokens, delimiter) = match &attr.meta {
        Meta::Path(_) => (TokenStream::new(), MacroDelimiter::Paren(Default::default())),
        Meta::List(list) => (list.tokens.clone(), list.delimiter.clone()),
        Meta::NameValue(_) => return,
    };
    if has_security(&tokens) {
        return;
    }
    let comma = ends_without_comma(&tokens).then(<Token![,]>::default);
    let security = security(policy);
    let tokens = quote!(#tokens #comma #security);
    attr.meta = Meta::List(MetaList { path: attr.path().clone(), delimiter, tokens });
}

/// Returns the requirement: all `scopes`, and one of `any_scope`. OpenAPI accepts a request that
/// meets one element of the list.
fn security(policy: &Options) -> TokenStream {
    let scopes = &policy.scopes;
    let requirement = |any: Option<&Name>| {
        let names = scopes.iter().chain(any).map(ToTokens::to_token_stream);
        quote!((#SCHEME = [#(#names),*]))
    };
    let alternatives: Vec<_> = if policy.any_scope.is_empty() {
        vec![requirement(None)]
    } else {
        policy.any_scope.iter().map(|scope| requirement(Some(scope))).collect()
    };
    quote!(security(#(#alternatives),*))
}

fn has_security(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(name) => name == "security",
        _ => false,
    })
}

fn ends_without_comma(tokens: &TokenStream) -> bool {
    match tokens.clone().into_iter().last() {
        Some(TokenTree::Punct(last)) => last.as_char() != ',',
        Some(_) => true,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use crate::rewrite;

    /// Returns the attribute of the handler after the expansion with these options.
    fn documented(args: TokenStream, attr: &TokenStream) -> String {
        let rewritten = rewrite(args, quote! { #attr async fn me() {} }).to_string();
        rewritten.split(" # [:: paseto_actix").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn security_is_added_to_the_documentation_below() {
        for (args, attr, expected) in [
            (quote!(), quote!(#[utoipa::path]), quote!(#[utoipa::path(security(("paseto" = [])))])),
            (
                quote!(scopes("a", s::B)),
                quote!(#[utoipa::path(get, responses((status = 200)),)]),
                quote!(#[utoipa::path(
                    get, responses((status = 200)), security(("paseto" = ["a", s::B]))
                )]),
            ),
            (
                quote!(scopes("a"), any_scope("b", "c"), fresh = "10m"),
                quote!(#[utoipa::path(get)]),
                quote!(#[utoipa::path(
                    get, security(("paseto" = ["a", "b"]), ("paseto" = ["a", "c"]))
                )]),
            ),
        ] {
            assert_eq!(documented(args, &attr), expected.to_string());
        }
    }

    #[test]
    fn documented_security_is_kept() {
        let attr = quote!(#[utoipa::path(get, security(("other" = [])))]);
        assert_eq!(documented(quote!(scopes("a")), &attr), attr.to_string());
    }

    #[test]
    fn options_with_a_mistake_add_no_security() {
        let attr = quote!(#[utoipa::path(get)]);
        for args in [quote!(scopes("a b")), quote!(scope("a")), quote!(scopes("a"), scopes("b"))] {
            assert_eq!(documented(args, &attr), attr.to_string());
        }
    }
}
