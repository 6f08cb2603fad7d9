//! Declares dyn-compatible variants of the store traits.
//!
//! An application implements a store trait with `async fn`. The future of each implementation has a
//! different type, so the trait is not dyn-compatible. A builder stores a trait object, so its methods
//! must return boxed futures.

/// Declares an dyn-compatible trait with boxed futures, and implements it for every store.
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
