//! Keys: [`SecretKey`] signs tokens, [`PublicKey`] verifies them, [`LocalKey`] encrypts and
//! decrypts cookies and refresh tokens.
//!
//! All types read PASERK, and the signing keys also read PEM. `Debug` does not show secret bytes.
//! See the chapter [keys](crate::guide::keys).

mod blake2b;
#[cfg(feature = "session")]
mod derivation;
mod ed25519;
mod entry;
mod file;
mod json;
mod local;
mod paserk;
#[cfg(feature = "password-keys")]
mod password;
mod pem;
mod public;
mod ring;
mod ring_key;
mod schedule;
mod secret;
mod stack;
mod state;
mod text;

pub(crate) use blake2b::Blake2b;
pub(crate) use ed25519::{CanonicalSignature, VerificationKey};
pub use file::KeyFile;
pub(crate) use file::{MAX_FILE_LEN, read_file};
pub(crate) use json::is_json;
pub use local::LocalKey;
#[cfg(feature = "password-keys")]
pub use password::PasswordParameters;
pub use public::PublicKey;
pub use ring::KeyRing;
pub(crate) use ring::RingVersion;
pub use ring_key::RingKey;
pub use schedule::KeySchedule;
pub use secret::SecretKey;
use stack::clear_stack_after;
pub use state::{KeyState, KeyStatus};
pub(crate) use text::{ReadKey, separate, unquoted};
