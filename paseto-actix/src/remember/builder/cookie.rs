//! The settings of the cookie, and the origins whose requests may use it.

use actix_web::cookie::SameSite;

use super::RememberMeBuilder;

impl RememberMeBuilder {
    /// The cookie's name. Default: `__Host-remember_token`, or `remember_token` with
    /// [`development_over_plain_http`](Self::development_over_plain_http).
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie.name = Some(name.into());
        self
    }

    /// The cookie's `Path`. Default: `/`, which a name that begins with `__Host-` requires.
    ///
    /// Change the [name](Self::cookie_name) together with the path. A browser keeps the cookie of
    /// the old path, sends both, and the server can remove only the one of the new path.
    pub fn cookie_path(mut self, path: impl Into<String>) -> Self {
        self.cookie.path = path.into();
        self
    }

    /// The cookie's `Domain`, whose subdomains get the cookie too. Default: none, which a name that
    /// begins with `__Host-` requires.
    ///
    /// Change the [name](Self::cookie_name) together with the domain. A browser keeps the cookie of
    /// the old domain, sends both, and the server can remove only the one of the new domain.
    pub fn cookie_domain(mut self, domain: impl Into<String>) -> Self {
        self.cookie.domain = Some(domain.into());
        self
    }

    /// The `SameSite` attribute. Default: [`SameSite::Lax`]: browsers send the cookie with a request
    /// of another site only when the user follows a link.
    pub fn cookie_same_site(mut self, same_site: SameSite) -> Self {
        self.cookie.same_site = same_site;
        self
    }

    /// The `HttpOnly` attribute, which hides the cookie from scripts of the page. Default: true.
    pub fn cookie_http_only(mut self, http_only: bool) -> Self {
        self.cookie.http_only = http_only;
        self
    }

    /// Omits the `Secure` attribute, for development over plain HTTP on your own machine. Default:
    /// the cookie has `Secure`.
    ///
    /// Without `Secure`, everyone on the network between the browser and the server can read the
    /// cookie.
    pub fn development_over_plain_http(mut self) -> Self {
        self.cookie.secure = false;
        self
    }

    /// The `Partitioned` attribute ([CHIPS]), for a site that other sites embed in a frame. The
    /// browser keeps a separate cookie for each embedding site. It requires `Secure` and
    /// [`SameSite::None`]. Default: false.
    ///
    /// [CHIPS]: https://developer.mozilla.org/en-US/docs/Web/Privacy/Guides/Privacy_sandbox/Partitioned_cookies
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.cookie.partitioned = partitioned;
        self
    }

    /// Accepts unsafe requests of this origin that log the user in by the cookie. Call it once for
    /// each origin. Default: only the application's own origin.
    ///
    /// The text must equal the `Origin` header ([RFC 6454, section 6.2]), such as
    /// `https://app.example`: scheme, lower-case host, and the port unless it is the default one.
    /// Other origins get `403`, and the cookie logs no user in. The rule is that of
    /// [`PasetoSessionBuilder::trusted_origin`](crate::session::PasetoSessionBuilder::trusted_origin).
    ///
    /// [RFC 6454, section 6.2]: https://www.rfc-editor.org/rfc/rfc6454#section-6.2
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.cross_origin.trust(origin);
        self
    }

    /// Accepts requests of every origin, on every method: every site can act as the user (CSRF).
    /// Default: only trusted origins.
    ///
    /// A later call of [`trusted_origin`](Self::trusted_origin) turns the protection on again.
    pub fn dangerously_allow_cross_origin_requests(mut self) -> Self {
        self.cross_origin.allow_all();
        self
    }
}
