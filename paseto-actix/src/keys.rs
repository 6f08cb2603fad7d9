//! Keys: [`SecretKey`] signs tokens, [`PublicKey`] verifies them, [`LocalKey`] encrypts and
//! decrypts cookies and refresh tokens.
//!
//! All types read PASERK, and the signing keys also read PEM. `Debug` does not show secret bytes.
//! See the chapter [keys](crate::guide::keys).

mod blake2b;
#[cfg(feature = "session")]
mod derivation;
mod ed25519;
mod local;
mod paserk;
mod pem;
mod public;
#[cfg(feature = "session")]
mod ring;
mod secret;
mod stack;
mod text;

pub(crate) use blake2b::Blake2b;
pub(crate) use ed25519::{CanonicalSignature, VerificationKey};
pub use local::LocalKey;
pub use public::PublicKey;
#[cfg(feature = "session")]
pub use ring::KeyRing;
pub use secret::SecretKey;
use stack::clear_stack_after;
pub(crate) use text::{ReadKey, separate, unquoted};
