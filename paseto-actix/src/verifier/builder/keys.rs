//! The trusted keys.

use super::VerifierBuilder;
use crate::issuer::Issuer;
#[cfg(feature = "remote-keys")]
use crate::key_set::KeySetSource;
use crate::keys::PublicKey;

impl VerifierBuilder {
    /// Trusts a key for tokens with this `iss`. Call it again for another issuer, or for another
    /// key of the same issuer. If the footer of a token does not contain a key ID, the verifier
    /// tries the first four keys of the issuer.
    pub fn trust(mut self, issuer: impl Into<String>, key: PublicKey) -> Self {
        self.trusted.push((issuer.into(), key));
        self
    }

    /// Trusts several keys for the tokens of one issuer.
    pub fn trust_keys(
        self,
        issuer: impl Into<String>,
        keys: impl IntoIterator<Item = PublicKey>,
    ) -> Self {
        let issuer = issuer.into();
        keys.into_iter().fold(self, |builder, key| builder.trust(issuer.clone(), key))
    }

    /// Trusts the current keys of an issuer in the same process: the announced, the active and the
    /// retired keys. Each verification uses the current keys of the issuer. If the issuer has a key
    /// file, the verifier trusts the new keys as soon as the issuer has read the file. Call it
    /// again for another issuer.
    ///
    /// The verifier takes only the keys from the issuer. Set the `audience`, the format and the
    /// implicit assertion of the verifier yourself.
    ///
    /// [`trust`](crate::Verifier::trust) and [`set_keys`](crate::Verifier::set_keys) return an
    /// error for this issuer. A key that [`remove_key`](crate::Verifier::remove_key) removes stays
    /// removed. [`remove_issuer`](crate::Verifier::remove_issuer) ends the trust.
    ///
    /// ```
    /// use paseto_actix::{Issuer, SecretKey, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = Issuer::builder("https://issuer.example").key(SecretKey::generate()).build()?;
    /// let verifier = Verifier::builder().trust_issuer(&issuer).build()?;
    ///
    /// let new = SecretKey::generate();
    /// issuer.announce(new.clone())?;
    /// issuer.activate(new.kid())?;
    /// let token = verifier.verify_str(&issuer.issue(&serde_json::json!({}))?)?;
    /// assert_eq!(token.kid(), new.kid());
    /// # Ok(())
    /// # }
    /// ```
    pub fn trust_issuer(mut self, issuer: &Issuer) -> Self {
        self.in_process.push(issuer.clone());
        self
    }

    /// Trusts the current keys of a remote issuer for tokens with this `iss`. The source is a URL
    /// or a [`KeySetSource`]. Call it again for another issuer.
    ///
    /// - `build` starts a thread with the name `paseto-key-set`, which fetches the keys at once.
    ///   The thread ends when the last clone of the verifier is dropped.
    /// - The next fetch follows after the `max-age` of the document minus its `Age`, 1 minute to 24
    ///   hours, minus a random part of up to 10 %. Default without `max-age`: 5 minutes. The time
    ///   is at most half of `max_staleness`. Failed fetches are repeated after 1, 2, 4, 8, 16 and
    ///   30 seconds, minus a random part of up to 50 %.
    /// - A token with an unknown key starts a fetch of the keys of its unverified `iss`, unless a
    ///   fetch started in the last 30 seconds, or the times or the `aud` of the token are not
    ///   accepted. The request has `Cache-Control: no-cache`. The token waits for the fetch.
    ///   [`verify_str`](crate::Verifier::verify_str) does not wait.
    /// - Before the first successful fetch, requests wait for the fetch. If it fails, the response
    ///   is `503` with `Retry-After`. At most 1,024 requests wait for one issuer. The others get
    ///   `503`.
    /// - After a failure, the verifier uses the old keys for up to
    ///   [`max_staleness`](KeySetSource::max_staleness). Then the response is `503`.
    /// - A key set that breaks a rule changes nothing and is logged: the `iss` of another issuer,
    ///   or an error of [`KeySet::from_json`](crate::key_set::KeySet::from_json).
    /// - A key set may contain keys of other issuers. Such a key is accepted only in tokens with
    ///   the `iss` of an issuer that publishes it, so a remote issuer cannot reject or use the keys
    ///   of others.
    ///
    /// [`trust`](crate::Verifier::trust) and [`set_keys`](crate::Verifier::set_keys) return an
    /// error for this issuer. A key that [`remove_key`](crate::Verifier::remove_key) removes is
    /// skipped in later key sets. [`remove_issuer`](crate::Verifier::remove_issuer) ends the
    /// fetches.
    ///
    /// ```
    /// use paseto_actix::Verifier;
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let verifier = Verifier::builder()
    ///     .remote_keys(
    ///         "https://issuer.example",
    ///         "https://issuer.example/.well-known/paserk.json",
    ///     )
    ///     .build()?;
    /// # let _ = verifier;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "remote-keys")]
    pub fn remote_keys(
        mut self,
        issuer: impl Into<String>,
        source: impl Into<KeySetSource>,
    ) -> Self {
        self.remote.push((issuer.into(), source.into()));
        self
    }
}
