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
fn without_options_no_type_is_declared() {
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
fn impl_trait_is_inferred_in_the_body() {
    for (output, inferred) in [
        (quote!(-> impl Responder), quote!(_)),
        (quote!(-> Result<impl Responder + use<>, Error>), quote!(Result<_, Error>)),
        (quote!(-> (&dyn A<B = impl C>, [D; 2])), quote!((&dyn A<B = _>, [D; 2]))),
        (quote!(), quote!(())),
    ] {
        let rewritten = rewrite(TokenStream::new(), quote!(async fn me() #output {})).to_string();
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
fn lint_attributes_move_to_the_binding() {
    let item = quote! { async fn me(a: A, #[allow(unused)] #[expect(x)] mut b: B) {} };
    let rewritten = rewrite(TokenStream::new(), item).to_string();
    let expected = quote! {
        let (a, __paseto_actix_argument_1,) = __paseto_actix_admitted;
        #[allow(unused)] #[expect(x)] let mut b = __paseto_actix_argument_1;
    };
    assert!(rewritten.contains(&expected.to_string()), "{rewritten}");
}

#[test]
fn documentation_macros_run_first() {
    let item = quote!(
        #[a]
        #[utoipa::path(get)]
        #[get("/")]
        async fn me(a: A) -> R {}
    );
    let expected = quote! {
        #[a]
        #[utoipa::path(get, security(("paseto" = ["a"])))]
        #[::paseto_actix::paseto_required(scopes("a"))]
        #[get("/")]
        async fn me(a: A) -> R {}
    };
    assert_eq!(rewrite(quote!(scopes("a")), item).to_string(), expected.to_string());
}

#[test]
fn the_body_is_not_parsed() {
    let item = quote!(async fn me() -> R { syntax ->> of =<< the ~ future });
    let rewritten = rewrite(TokenStream::new(), item).to_string();
    assert!(rewritten.contains("the ~ future"), "{rewritten}");
    assert!(!rewritten.contains("compile_error"), "{rewritten}");
}
