use zeroize::zeroize_stack;

/// A signature of `ed25519-dalek` needs the most stack: 2.5 KiB. Code that is not optimized needs
/// more.
const DEPTH: usize = if cfg!(debug_assertions) { 128 * 1024 } else { 8 * 1024 };

/// Calls a function that computes with a secret key, and clears the part of the stack that it used.
///
/// Otherwise, the key does not only remain on the stack. A value has unused bytes, such as those of
/// the other variants of an enum, and these are copied to the heap when the value is moved there.
pub(crate) fn clear_stack_after<T>(compute: impl FnOnce() -> T) -> T {
    /// `zeroize_stack` clears what is below the frame of its caller, so this has to be a frame of
    /// its own.
    #[inline(never)]
    fn call<T>(compute: impl FnOnce() -> T) -> T {
        compute()
    }

    let result = call(compute);
    zeroize_stack::<DEPTH>();
    result
}
