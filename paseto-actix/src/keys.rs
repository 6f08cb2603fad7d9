//! Keys: PASERK and PEM in, PASERK out, nothing secret in `Debug`.

mod blake2b;
#[cfg(feature = "session")]
mod derivation;
mod local;
mod paserk;
mod pem;
mod public;
#[cfg(feature = "session")]
mod ring;
mod secret;
mod stack;

pub(crate) use blake2b::Blake2b;
pub use local::LocalKey;
pub use public::PublicKey;
#[cfg(feature = "session")]
pub use ring::KeyRing;
pub use secret::SecretKey;
pub(crate) use stack::clear_stack_after;
