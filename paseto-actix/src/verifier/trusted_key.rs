use crate::keys::PublicKey;

/// A trusted key and its issuer: an element of [`VerifierConfig::public_keys`], and of the list
/// that [`Verifier::keys`](crate::Verifier::keys) returns.
///
/// [`VerifierConfig::public_keys`]: super::VerifierConfig::public_keys
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: paseto_actix::verifier::VerifierConfig = toml::from_str(
///     r#"
///     iss = "https://issuer.example"
///     public_keys = ["k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI"]
///     "#,
/// )?;
/// assert_eq!(config.public_keys[0].iss, "https://issuer.example");
/// assert!(config.public_keys[0].key.kid().starts_with("k4.pid."));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrustedKey {
    /// The name of the issuer.
    pub iss: String,
    /// The key of the issuer.
    pub key: PublicKey,
}

impl TrustedKey {
    /// Trusts the key for the tokens of this issuer.
    #[must_use]
    pub fn new(iss: impl Into<String>, key: PublicKey) -> Self {
        Self { iss: iss.into(), key }
    }
}
