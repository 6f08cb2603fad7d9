use std::fmt;
use std::sync::Arc;

#[cfg(feature = "remote-keys")]
use super::super::RemoteIssuers;
use super::super::in_process_issuers::InProcessIssuer;
use super::super::trusted_keys::{IssuerKey, Origin, SharedTrustedKeys, TrustedKeys};
use super::super::{Inner, TokenCache, TokenSources, Verifier, next_id};
use super::VerifierBuilder;
use crate::error::{ChallengeParameters, ConfigError, quote};
use crate::limits::check_leeway;
use crate::protected_resource::check_url;
use crate::token::{Audience, ClaimsValidation};

/// A smaller cache may not have room for one token.
const MIN_TOKEN_CACHE_BYTES: usize = 1024;

impl VerifierBuilder {
    /// Builds the [`Verifier`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if no issuer is trusted, if a key is weak, if a key is trusted twice or for
    /// two issuers, if an issuer has two sources of `remote_keys` or `trust_issuer`, or other keys
    /// beside them, or if a setting is invalid.
    ///
    /// # Panics
    ///
    /// If the operating system does not return random bytes for the key of the token cache.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let mut keys = TrustedKeys::default();
        for (issuer, key) in &self.trusted {
            keys.insert(IssuerKey::new(issuer, key, Origin::Fixed)?)?;
        }
        #[cfg(feature = "remote-keys")]
        let (remote, fetches) = RemoteIssuers::new(self.remote, Arc::clone(&self.clock))?.unzip();
        #[cfg(feature = "remote-keys")]
        let has_remote = remote.is_some();
        #[cfg(not(feature = "remote-keys"))]
        let has_remote = false;
        let in_process = InProcessIssuer::from_issuers(self.in_process)?;
        if keys.is_empty() && in_process.is_empty() && !has_remote {
            return Err(ConfigError::NoTrustedKey);
        }
        let leeway = check_leeway("leeway", self.leeway)?;
        if (1..MIN_TOKEN_CACHE_BYTES).contains(&self.token_cache_bytes) {
            let bytes = self.token_cache_bytes;
            let problem = format!(
                "{bytes} bytes are too few for one token: set a size in bytes, such as `16 << 20`, or 0 to turn the cache off"
            );
            return Err(ConfigError::setting("token_cache", problem));
        }
        let audience = match (self.any_audience, self.audiences.is_empty()) {
            (false, false) => Audience::OneOf(self.audiences),
            (false, true) => Audience::Unnamed,
            (true, true) => Audience::Any,
            (true, false) => {
                return Err(ConfigError::setting(
                    "audience",
                    "`.audience(..)` and `.accept_any_audience()` contradict each other: remove one",
                ));
            }
        };
        if !self
            .realm
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
        {
            return Err(ConfigError::setting(
                "realm",
                "expected visible ASCII and spaces, without `\"` and `\\`",
            ));
        }
        if let Some(url) = &self.resource_metadata {
            check_url("resource_metadata", url)?;
        }
        let inner = Arc::new(Inner {
            id: next_id(),
            #[cfg(feature = "remote-keys")]
            remote,
            in_process,
            keys: SharedTrustedKeys::new(keys, self.max_precomputed_keys),
            token_cache: TokenCache::new(self.token_cache_bytes),
            validation: ClaimsValidation { leeway, exp_required: self.exp_required, audience },
            format: self.format,
            implicit_assertion: self.implicit_assertion,
            sources: TokenSources::new(self.sources)?,
            cross_origin: self.cross_origin.checked()?,
            checks: self.checks,
            revocations: self.revocations,
            events: self.events,
            error_handler: self.error_handler,
            challenge: Arc::new(ChallengeParameters {
                realm: self.realm,
                resource_metadata: self.resource_metadata,
            }),
            clock: self.clock,
        });
        let verifier = Verifier(inner);
        let keys = verifier.0.keys.current();
        keys.all().try_for_each(|key| verifier.check_not_followed(&key.signer.issuer))?;
        for followed in &verifier.0.in_process {
            if verifier.0.is_remote(followed.name()) {
                let name = quote(followed.name());
                let problem = format!("issuer {name} also has `remote_keys`: remove one");
                return Err(ConfigError::setting("trust_issuer", problem));
            }
            verifier.follow(followed)?;
        }
        #[cfg(feature = "remote-keys")]
        if let (Some(remote), Some(fetches)) = (&verifier.0.remote, fetches) {
            remote.start(&verifier.0, fetches)?;
        }
        Ok(verifier)
    }
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut builder = f.debug_struct("VerifierBuilder");
        #[cfg(feature = "remote-keys")]
        builder.field("remote", &self.remote);
        builder
            .field("trusted", &self.trusted)
            .field("in_process", &self.in_process)
            .field("audiences", &self.audiences)
            .field("leeway", &self.leeway)
            .field("format", &self.format)
            .field("sources", &self.sources)
            .field("any_audience", &self.any_audience)
            .field("cross_origin", &self.cross_origin)
            .field("realm", &self.realm)
            .field("resource_metadata", &self.resource_metadata)
            .finish_non_exhaustive()
    }
}
