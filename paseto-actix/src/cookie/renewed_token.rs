use actix_web::{HttpMessage, HttpRequest};

/// The new value of a cookie that a middleware renewed in this request, stored in the extensions of
/// the request. The verifier reads it in place of the cookie.
///
/// The `Cookie` header cannot be changed instead: actix-web panics if another part of the
/// application holds a clone of the request.
pub(crate) struct RenewedToken {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl RenewedToken {
    /// Returns the new value of the cookie with this name.
    pub(crate) fn of(req: &HttpRequest, name: &str) -> Option<String> {
        let extensions = req.extensions();
        extensions.get::<Self>().filter(|new| new.name == name).map(|new| new.value.clone())
    }
}
