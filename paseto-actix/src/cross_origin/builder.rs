use super::{CrossOriginPolicy, CrossOriginProtection};
use crate::error::ConfigError;

/// Builds a [`CrossOriginProtection`].
#[derive(Clone, Debug, Default)]
#[must_use = "call `.build()` to get a CrossOriginProtection"]
pub struct CrossOriginProtectionBuilder {
    policy: CrossOriginPolicy,
}

impl CrossOriginProtectionBuilder {
    /// Accepts requests from another origin. Call it once per origin. Default: only the origin of
    /// the application is accepted.
    ///
    /// The string must equal the `Origin` header ([RFC 6454, section 6.2]), such as
    /// `https://app.example`. It contains the scheme, the host in lower case, and the port unless
    /// it is the default port of the scheme. A sibling subdomain is another origin.
    ///
    /// The builders of [`PasetoSession`](crate::session::PasetoSession), `RememberMe` and
    /// [`Verifier`](crate::Verifier) have a method with this name and the same rules for their
    /// cookies. Each builder has its own list of origins. [`CrossOriginProtection`] describes the
    /// checks, and the guide has a chapter about [forms and CSRF](crate::guide::forms_and_csrf).
    ///
    /// [RFC 6454, section 6.2]: https://www.rfc-editor.org/rfc/rfc6454#section-6.2
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.policy.trust(origin);
        self
    }

    /// Builds the [`CrossOriginProtection`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if a trusted origin is malformed.
    pub fn build(self) -> Result<CrossOriginProtection, ConfigError> {
        Ok(CrossOriginProtection { policy: self.policy.checked()?.into() })
    }
}
