//! One object-safe form for the store traits.
//!
//! An application implements a store with plain `async fn`s, whose futures have types without a
//! name. A setting keeps a store of any type, so it needs futures of one type.

/// Declares an object-safe trait with boxed futures, and implements it for every store.
macro_rules! erase {
    ($erased:ident: $store:ident { $($(#[$attribute:meta])* fn $name:ident($($arg:ident: $type:ty),*) -> $output:ty;)* }) => {
        pub(crate) trait $erased: Send + Sync {
            $($(#[$attribute])*
            fn $name<'a>(&'a self, $($arg: $type),*) -> ::futures_util::future::LocalBoxFuture<'a, $output>;)*
        }

        impl<S: $store> $erased for S {
            $($(#[$attribute])*
            fn $name<'a>(&'a self, $($arg: $type),*) -> ::futures_util::future::LocalBoxFuture<'a, $output> {
                Box::pin($store::$name(self, $($arg),*))
            })*
        }
    };
}

pub(crate) use erase;
