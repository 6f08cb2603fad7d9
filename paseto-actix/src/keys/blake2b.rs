use std::sync::LazyLock;

use blake2b_simd::{Hash, OUTBYTES, Params, State};
use zeroize::{Zeroizing, optimization_barrier};

/// The state of a BLAKE2b hash of `N` bytes. The state is cleared when it is dropped.
///
/// `blake2b_simd` does not clear its state. The state can contain the key or the last block of the
/// input. It also contains a chaining value, from which an attacker can compute the hash of any
/// longer input.
#[derive(Clone)]
pub(crate) struct Blake2b<const N: usize>(State);

impl<const N: usize> Blake2b<N> {
    pub(super) fn new() -> Self {
        Self(Params::new().hash_length(N).to_state())
    }

    #[cfg(any(feature = "password-keys", feature = "session"))]
    pub(crate) fn keyed(key: &[u8; 32]) -> Self {
        let mut params = Params::new();
        let state = Self(params.hash_length(N).key(key).to_state());
        // Setting an empty key overwrites the key block with zeros.
        params.key(&[]);
        optimization_barrier(&params);
        state
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    pub(crate) fn finalize(&self) -> Zeroizing<[u8; N]> {
        let mut hash = self.0.finalize();
        let mut output = Zeroizing::new([0; N]);
        output.copy_from_slice(hash.as_bytes());
        hash = Hash::from([0; OUTBYTES]);
        optimization_barrier(&hash);
        output
    }
}

impl<const N: usize> Drop for Blake2b<N> {
    fn drop(&mut self) {
        // Copying an empty state is faster than calling `State::new`.
        static EMPTY: LazyLock<State> = LazyLock::new(State::new);
        self.0.clone_from(&EMPTY);
        // Without a barrier, the compiler could remove the write, because nothing reads it.
        optimization_barrier(&self.0);
    }
}
