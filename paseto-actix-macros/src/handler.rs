//! Parses the item below the attribute, and checks that it can be a handler.
//!
//! The body is not parsed. So a long body does not cost compile time, and the body can use syntax
//! that `syn` does not know yet.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::token::Brace;
use syn::{
    AttrStyle, Attribute, Error, FnArg, Item, PatType, Path, Result, Signature, Visibility, braced,
};

use crate::mistakes::Mistakes;

/// The maximum number of arguments. actix-web implements `FromRequest` for tuples of up to 16
/// extractors.
const MAX_ARGUMENTS: usize = 16;

pub(crate) struct Handler {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The block of the function, with its braces.
    pub(crate) body: Group,
}

/// Parses a function.
///
/// # Errors
///
/// Returns an error that names the kind of the item if the item is not a function.
pub(crate) fn parse(item: &TokenStream) -> Result<Handler> {
    syn::parse2(item.clone()).map_err(|mistake| match syn::parse2(item.clone()) {
        Ok(Item::Fn(_) | Item::Verbatim(_)) | Err(_) => mistake,
        Ok(item) => not_a_function(&item),
    })
}

impl Parse for Handler {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        if !input.peek(Brace) {
            return Err(input.error("a handler has a body: write it in braces"));
        }
        let content;
        let braces = braced!(content in input);
        // Inner attributes apply to the function. They become outer attributes, because the
        // expansion inserts code at the beginning of the body.
        let inner = content.call(Attribute::parse_inner)?;
        attrs.extend(inner.into_iter().map(|attr| Attribute { style: AttrStyle::Outer, ..attr }));
        let mut body = Group::new(Delimiter::Brace, content.parse()?);
        body.set_span(braces.span.join());
        Ok(Self { attrs, vis, sig, body })
    }
}

impl Handler {
    /// Returns the index after the last `#[utoipa::path]` below this attribute.
    ///
    /// `#[utoipa::path]` documents the arguments, so it must run before this macro replaces them.
    pub(crate) fn index_after_documentation(&self) -> Option<usize> {
        let last = self.attrs.iter().rposition(is_documentation)?;
        Some(last + 1)
    }

    /// Reports and removes each further `#[paseto_required]`, so that it does not run.
    pub(crate) fn remove_repetitions(&mut self, mistakes: &mut Mistakes) {
        self.attrs.retain(|attr| {
            let repeated = ends_with(attr.path(), "paseto_required");
            if repeated {
                mistakes.add(Error::new_spanned(
                    attr,
                    "this handler has `#[paseto_required]` already: \
                     join the options in one attribute",
                ));
            }
            !repeated
        });
    }

    /// Returns the arguments. Reports each mistake in the signature, and then returns `None`.
    pub(crate) fn arguments(&self, mistakes: &mut Mistakes) -> Option<Vec<PatType>> {
        let mut found = Vec::new();
        self.check_qualifiers(&mut found);
        let mut arguments = Vec::new();
        for input in &self.sig.inputs {
            match input {
                FnArg::Receiver(receiver) => found.push(Error::new_spanned(
                    receiver,
                    "a method cannot be a handler: make it a function outside of the `impl`, \
                     and take shared state as `web::Data`",
                )),
                FnArg::Typed(argument) => {
                    found.extend(
                        argument
                            .attrs
                            .iter()
                            .filter(|attr| !sets_lint(attr))
                            .map(unwanted_attribute),
                    );
                    arguments.push(argument.clone());
                }
            }
        }
        if let Some(argument) = arguments.get(MAX_ARGUMENTS) {
            found.push(Error::new_spanned(
                argument,
                format!(
                    "a handler has {MAX_ARGUMENTS} arguments at most: \
                     group some of them in a tuple, which is an extractor too"
                ),
            ));
        }
        let is_valid = found.is_empty();
        for mistake in found {
            mistakes.add(mistake);
        }
        is_valid.then_some(arguments)
    }

    fn check_qualifiers(&self, found: &mut Vec<Error>) {
        let sig = &self.sig;
        match (&sig.constness, &sig.asyncness) {
            (Some(constness), Some(_)) => {
                found.push(Error::new_spanned(constness, unwanted("const")));
            }
            (Some(constness), None) => {
                found.push(Error::new_spanned(
                    constness,
                    "a handler cannot be `const`: write `async` in its place",
                ));
            }
            (None, None) => found.push(Error::new_spanned(
                sig.fn_token,
                "a handler is asynchronous: write `async fn`",
            )),
            (None, Some(_)) => {}
        }
        if let Some(unsafety) = &sig.unsafety {
            found.push(Error::new_spanned(unsafety, unwanted("unsafe")));
        }
        if let Some(abi) = &sig.abi {
            found.push(Error::new_spanned(abi, unwanted("extern")));
        }
        if let Some(variadic) = &sig.variadic {
            found.push(Error::new_spanned(
                variadic,
                "a handler cannot be variadic: name each argument",
            ));
        }
    }
}

fn unwanted(qualifier: &str) -> String {
    format!("a handler cannot be `{qualifier}`: remove it")
}

/// Returns whether an attribute sets the level of lints. The expansion moves these attributes to
/// the `let` that binds the argument.
pub(crate) fn sets_lint(attr: &Attribute) -> bool {
    ["allow", "deny", "expect", "forbid", "warn"].iter().any(|name| attr.path().is_ident(name))
}

fn unwanted_attribute(attr: &Attribute) -> Error {
    let path = attr.path();
    let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let name = segments.join("::");
    let advice = if path.is_ident("cfg") || path.is_ident("cfg_attr") {
        "write one handler for each `#[cfg]`"
    } else {
        "put it on the handler, or remove it"
    };
    Error::new_spanned(attr, format!("an argument of a handler cannot have `#[{name}]`: {advice}"))
}

/// Returns whether an attribute is `#[utoipa::path]`. Other crates have attributes named `path`,
/// too.
pub(crate) fn is_documentation(attr: &Attribute) -> bool {
    let segments = &attr.path().segments;
    segments.len() == 2 && segments[0].ident == "utoipa" && segments[1].ident == "path"
}

fn ends_with(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == name)
}

fn not_a_function(item: &Item) -> Error {
    const SCOPE: &str = "; to protect a whole scope, wrap it in the middleware `PasetoRequired`";
    let (kind, span, advice) = match item {
        Item::Const(item) => ("a constant", item.ident.span(), ""),
        Item::Enum(item) => ("an enum", item.ident.span(), ""),
        Item::Impl(item) => ("an impl block", item.impl_token.span(), SCOPE),
        Item::Mod(item) => ("a module", item.ident.span(), SCOPE),
        Item::Static(item) => ("a static", item.ident.span(), ""),
        Item::Struct(item) => ("a struct", item.ident.span(), ""),
        Item::Trait(item) => ("a trait", item.ident.span(), ""),
        Item::Type(item) => ("a type alias", item.ident.span(), ""),
        Item::Union(item) => ("a union", item.ident.span(), ""),
        _ => ("something else", Span::call_site(), ""),
    };
    Error::new(
        span,
        format!(
            "`#[paseto_required]` belongs on a handler, an `async fn`, \
             and this is {kind}{advice}"
        ),
    )
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use crate::rewrite;

    #[test]
    fn other_attributes_named_path_do_not_move_the_attribute() {
        for attr in [quote!(#[other::path]), quote!(#[path = "a.rs"]), quote!(#[a::utoipa::path])] {
            let rewritten =
                rewrite(TokenStream::new(), quote! { #attr async fn me() {} }).to_string();
            assert!(rewritten.starts_with(&attr.to_string()), "{rewritten}");
            assert!(!rewritten.contains("paseto_required"), "{rewritten}");
        }
        let rewritten =
            rewrite(TokenStream::new(), quote! { #[::utoipa::path] async fn me() {} }).to_string();
        assert!(rewritten.contains("paseto_required"), "{rewritten}");
    }
}
