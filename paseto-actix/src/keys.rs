//! Keys: PASERK and PEM in, PASERK out, nothing secret in `Debug`.

#[cfg(feature = "session")]
mod derivation;
mod local;
mod paserk;
mod pem;
mod public;
#[cfg(feature = "session")]
mod ring;
mod secret;

pub use local::LocalKey;
pub use public::PublicKey;
#[cfg(feature = "session")]
pub use ring::KeyRing;
pub use secret::SecretKey;
