use zeroize::zeroize_stack;

/// The number of bytes to clear. Signing with `ed25519-dalek` uses the most stack, 2.5 KiB. Code
/// without optimization uses more.
const DEPTH: usize = if cfg!(debug_assertions) { 128 * 1024 } else { 8 * 1024 };

/// The number of bytes to clear after Argon2id, which uses 12 KiB.
#[cfg(feature = "password-keys")]
const ARGON2_DEPTH: usize = if cfg!(debug_assertions) { DEPTH } else { 32 * 1024 };

/// Calls a function that uses a secret key, and then clears the part of the stack that it used.
///
/// Otherwise, the key remains on the stack and can reach the heap. A value can contain unused
/// bytes, for example those of the other variants of an enum. Moving the value to the heap copies
/// these bytes.
pub(crate) fn clear_stack_after<T>(compute: impl FnOnce() -> T) -> T {
    clear_after::<DEPTH, T>(compute)
}

/// Calls Argon2id, and then clears the part of the stack that it used.
#[cfg(feature = "password-keys")]
pub(super) fn clear_stack_after_argon2<T>(compute: impl FnOnce() -> T) -> T {
    clear_after::<ARGON2_DEPTH, T>(compute)
}

fn clear_after<const LEN: usize, T>(compute: impl FnOnce() -> T) -> T {
    /// This function is not inlined, because `zeroize_stack` clears only the memory below the frame
    /// of its caller.
    #[inline(never)]
    fn call<T>(compute: impl FnOnce() -> T) -> T {
        compute()
    }

    let result = call(compute);
    zeroize_stack::<LEN>();
    result
}
