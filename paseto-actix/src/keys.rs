//! Keys: PASERK and PEM in, PASERK out, nothing secret in `Debug`.

mod local;
mod paserk;
mod pem;
mod public;
mod secret;

pub use local::LocalKey;
pub use public::PublicKey;
pub use secret::SecretKey;
