//! Prints new keys in the PASERK format: a key pair for an issuer and its verifiers, the ID of the
//! pair, and a key for sessions, remembered logins and refresh tokens.
//!
//! ```sh
//! cargo run --bin keygen
//! ```

use paseto_actix::{LocalKey, SecretKey};

fn main() {
    let secret = SecretKey::generate();
    println!("secret {}", *secret.to_paserk());
    println!("public {}", secret.public_key().to_paserk());
    println!("pid    {}", secret.kid());
    println!("local  {}", *LocalKey::generate().to_paserk());
}
