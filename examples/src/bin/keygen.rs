//! Prints fresh keys as PASERK: a pair for an issuer and its verifiers, and one for sessions.
//!
//! `cargo run --bin keygen`

use paseto_actix::{LocalKey, SecretKey};

fn main() {
    let secret = SecretKey::generate();
    println!("secret {}", *secret.to_paserk());
    println!("public {}", secret.public_key().to_paserk());
    println!("pid    {}", secret.kid());
    println!("local  {}", *LocalKey::generate().to_paserk());
}
