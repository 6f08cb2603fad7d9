use super::{CrossOriginPolicy, CrossOriginProtection};
use crate::error::ConfigError;

/// Builds a [`CrossOriginProtection`] that trusts other origins.
#[derive(Clone, Debug, Default)]
#[must_use = "`.build()` makes the middleware"]
pub struct CrossOriginProtectionBuilder {
    policy: CrossOriginPolicy,
}

impl CrossOriginProtectionBuilder {
    /// Accepts requests of another origin, such as `https://app.example`. Call it once for each
    /// origin.
    ///
    /// The text must equal the `Origin` header that browsers send ([RFC 6454, section 6.2]):
    /// scheme, host in lower case, and the port unless it is the default one. Default: no other
    /// origin.
    ///
    /// [RFC 6454, section 6.2]: https://www.rfc-editor.org/rfc/rfc6454#section-6.2
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.policy.trust(origin);
        self
    }

    /// Makes the middleware.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if a trusted origin is not an origin.
    pub fn build(self) -> Result<CrossOriginProtection, ConfigError> {
        Ok(CrossOriginProtection { policy: self.policy.checked()?.into() })
    }
}
