//! Errors of key parsers for input that is not the expected key.

use paseto_actix::{ConfigError, LocalKey, PublicKey, SecretKey};
use paseto_actix_tests::keys::{
    LOCAL_PASERK, PUBLIC_PASERK, PUBLIC_PEM, SECRET_PASERK, SECRET_PEM,
};

use super::mistakes;

/// An RSA key in the format that OpenSSL 3 writes.
const RSA_PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKt0z1mUaJHW7TV4sHtGGd0bY8BdO4rU\n\
    nQkJ0WBvPtsKvJlq8N1wF2XVn2mV3mZmE8sVqY5rBfHgkqL0hUDb6nkCAwEAAQ==\n\
    -----END PUBLIC KEY-----";
const P256_PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n\
    6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n\
    -----END PUBLIC KEY-----";

fn public_pem(text: &str) -> ConfigError {
    PublicKey::from_pem(text).unwrap_err()
}

fn secret_pem(text: &str) -> ConfigError {
    SecretKey::from_pem(text).unwrap_err()
}

fn public_paserk(text: &str) -> ConfigError {
    PublicKey::from_paserk(text).unwrap_err()
}

fn secret_paserk(text: &str) -> ConfigError {
    SecretKey::from_paserk(text).unwrap_err()
}

fn labeled(label: &str) -> String {
    SECRET_PEM.replace("PRIVATE KEY", label)
}

mistakes! {
    public_key_to_sign_with: secret_paserk(PUBLIC_PASERK) => "wrong type of key: expected `k4.secret`, found `k4.public`: a public key cannot sign, use the secret key";
    public_pem_to_sign_with: secret_pem(PUBLIC_PEM) => "wrong type of key: expected `PRIVATE KEY`, found `PUBLIC KEY`: a public key cannot sign, use the secret key";
    secret_key_to_verify_with: public_paserk(SECRET_PASERK) => "wrong type of key: expected `k4.public`, found `k4.secret`: keep it secret, and use its public half (`public_key()`)";
    secret_pem_to_verify_with: public_pem(SECRET_PEM) => "wrong type of key: expected `PUBLIC KEY`, found `PRIVATE KEY`: keep it secret, and use its public half (`openssl pkey -pubout`)";
    symmetric_key_to_verify_with: public_paserk(LOCAL_PASERK) => "wrong type of key: expected `k4.public`, found `k4.local`: create a key pair by `SecretKey::generate()`";
    signing_key_for_sessions: LocalKey::from_paserk(SECRET_PASERK).unwrap_err() => "wrong type of key: expected `k4.local`, found `k4.secret`: create a symmetric key by `LocalKey::generate()`";
    pem_for_sessions: LocalKey::from_paserk(SECRET_PEM).unwrap_err() => "wrong type of key: expected `k4.local`, found PEM: a symmetric key has no PEM form, create one with `LocalKey::generate()`";
    pem_as_paserk: secret_paserk(SECRET_PEM) => "wrong type of key: expected `k4.secret`, found PEM: call `from_pem` (in settings: `pem`)";
    paserk_as_pem: secret_pem(SECRET_PASERK) => "wrong type of key: expected `PRIVATE KEY`, found `k4.secret`: call `from_paserk` (in settings: `paserk`)";
    id_of_a_key: public_paserk("k4.pid.yh4-bJYjOYAG6CWy0zsfPmpKylxS7uAWrxqVmBN2KAiJ") => "wrong type of key: expected `k4.public`, found `k4.pid`: that is a key ID, use the key itself";
    token_as_key: public_paserk("v4.public.eyJzdWIi") => "wrong type of key: expected `k4.public`, found `v4.public`: that is a token, not a key";
    key_of_version_2: public_paserk("k2.public.AAAA") => "wrong type of key: expected `k4.public`, found `k2`: this crate supports version 4 of PASETO only";
    wrapped_key: secret_paserk("k4.secret-pw.AAAA") => "wrong type of key: expected `k4.secret`, found `k4.secret-pw`: call `from_paserk_with_password` (feature `password-keys`)";
    wrapped_symmetric_key: LocalKey::from_paserk("k4.local-pw.AAAA").unwrap_err() => "wrong type of key: expected `k4.local`, found `k4.local-pw`: call `from_paserk_with_password` (feature `password-keys`)";
    wrapped_key_to_verify_with: public_paserk("k4.secret-pw.AAAA") => "wrong type of key: expected `k4.public`, found `k4.secret-pw`: keep it secret, and use its public half (`public_key()`)";
    sealed_key: secret_paserk("k4.seal.AAAA") => "wrong type of key: expected `k4.secret`, found `k4.seal`: decrypt the key first";
    path_as_paserk: secret_paserk("/run/secrets/issuer.key") => "malformed key: the string is the path of a file: give the content of the file (in settings: `{ file = … }`, or a variable with `_FILE`)";
    path_as_pem: public_pem("keys/public.pem") => "malformed key: the string is the path of a file: give the content of the file (in settings: `{ file = … }`, or a variable with `_FILE`)";
    path_without_an_extension: secret_paserk("/run/secrets/key") => "malformed key: the string is the path of a file: give the content of the file (in settings: `{ file = … }`, or a variable with `_FILE`)";
    empty_variable: secret_paserk("\n") => "malformed key: the string is empty";
    json_web_key: public_paserk(r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#) => "malformed key: expected a PASERK that begins with `k4.public.`";
    copied_without_the_end: public_paserk(&PUBLIC_PASERK[..50]) => "malformed key: expected 43 characters after `k4.public.`, found 40: a part is missing";
    standard_base64: public_paserk(&format!("{}/", &PUBLIC_PASERK[..PUBLIC_PASERK.len() - 1])) => "malformed key: expected base64url after `k4.public.`, found a character of standard base64 (`+` or `/`): convert it to base64url";
    padding: public_paserk(&format!("{PUBLIC_PASERK}=")) => "malformed key: expected base64url after `k4.public.`, found padding (`=`): remove it";
    blank_within: public_paserk(&PUBLIC_PASERK.replacen("Hrnb", "H nb", 1)) => "malformed key: expected base64url after `k4.public.`, found a blank or a line break";
    another_character_within: public_paserk(&PUBLIC_PASERK.replacen("Hrnb", "H!nb", 1)) => "malformed key: expected base64url after `k4.public.`, found another character";
    pem_with_a_broken_first_line: secret_pem(&SECRET_PEM.replacen("KEY-----", "KEY----", 1)) => "malformed key: the first line of the PEM block is not `-----BEGIN PRIVATE KEY-----`";
    pem_with_a_line_break_in_its_label: secret_pem(&labeled("PRIVATE\nKEY")) => "malformed key: the first line of the PEM block is not `-----BEGIN PRIVATE KEY-----`";
    pem_of_another_label: secret_pem(&labeled("RECIPE")) => "malformed key: the PEM block is not a `PRIVATE KEY`";
    key_of_openssh: secret_pem(&labeled("OPENSSH PRIVATE KEY")) => "wrong type of key: expected `PRIVATE KEY`, found `OPENSSH PRIVATE KEY`: create an Ed25519 key by `openssl genpkey -algorithm ed25519`";
    line_of_openssh: public_pem("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ada@example.org") => "wrong type of key: expected `PUBLIC KEY`, found an OpenSSH key: create an Ed25519 key by `openssl genpkey -algorithm ed25519`";
    key_of_rsa: public_pem(&labeled("RSA PUBLIC KEY")) => "wrong type of key: expected `PUBLIC KEY`, found `RSA PUBLIC KEY`: create an Ed25519 key by `openssl genpkey -algorithm ed25519`";
    encrypted_key: secret_pem(&labeled("ENCRYPTED PRIVATE KEY")) => "wrong type of key: expected `PRIVATE KEY`, found `ENCRYPTED PRIVATE KEY`: decrypt it by `openssl pkey -in FILE`";
    certificate: public_pem(&labeled("CERTIFICATE")) => "wrong type of key: expected `PUBLIC KEY`, found `CERTIFICATE`: extract its key by `openssl x509 -pubkey -noout`";
    rsa_in_the_form_of_ed25519: public_pem(RSA_PUBLIC_PEM) => "wrong type of key: expected `Ed25519`, found `RSA`: create an Ed25519 key by `openssl genpkey -algorithm ed25519`";
    ecdsa_in_the_form_of_ed25519: public_pem(P256_PUBLIC_PEM) => "wrong type of key: expected `Ed25519`, found `EC`: create an Ed25519 key by `openssl genpkey -algorithm ed25519`";
    two_keys_in_one_file: secret_pem(&format!("{SECRET_PEM}\n{PUBLIC_PEM}")) => "malformed key: the string has more than one PEM block: keep one key";
    pem_that_is_cut_off: secret_pem(&SECRET_PEM[..60]) => "malformed key: the PEM block has no last line `-----END PRIVATE KEY-----`: the string is cut off";
    pem_with_a_missing_part: secret_pem(&SECRET_PEM.replace("BQYDK", "")) => "malformed key: the PEM block is not base64: a part is missing";
    pem_with_dots: secret_pem(&SECRET_PEM.replace("BQYDK", "[...]")) => "malformed key: the PEM block has a character that is not base64";
    password_as_master_secret: LocalKey::derive_from("hunter2", "sessions").unwrap_err() => "weak key: the master secret has fewer than 32 bytes: create one with `openssl rand -hex 32`";
}
