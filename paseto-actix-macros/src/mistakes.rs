//! Collects the mistakes of one expansion, so that the compiler reports them together.

use proc_macro2::TokenStream;
use syn::Error;

/// All mistakes in the arguments of the attribute and in the handler.
#[derive(Default)]
pub(crate) struct Mistakes(Option<Error>);

impl Mistakes {
    pub(crate) fn add(&mut self, mistake: Error) {
        match &mut self.0 {
            Some(earlier) => earlier.combine(mistake),
            none => *none = Some(mistake),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns one `compile_error!` for each mistake. Without mistakes, the stream is empty.
    pub(crate) fn into_compile_errors(self) -> TokenStream {
        self.0.map_or_else(TokenStream::new, Error::into_compile_error)
    }

    #[cfg(test)]
    pub(crate) fn messages(self) -> Vec<String> {
        self.0.into_iter().flatten().map(|mistake| mistake.to_string()).collect()
    }
}
