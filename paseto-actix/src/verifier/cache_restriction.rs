use std::ops::BitOrAssign;

use actix_web::http::header::HeaderMap;

use crate::cookie::{forbid_shared_caching, vary_by_cookie};

/// The caches that may store the responses to one request, as far as they depend on its token.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheRestriction {
    /// A request with another cookie may get another response.
    pub(super) varies_by_cookie: bool,
    /// The response is for the user whose cookie was sent.
    pub(super) is_private: bool,
}

impl CacheRestriction {
    /// Returns whether responses need headers for caches. If a verifier reads only headers, they do
    /// not.
    pub(crate) fn is_restricted(self) -> bool {
        self.varies_by_cookie || self.is_private
    }

    pub(crate) fn restrict(self, headers: &mut HeaderMap) {
        if self.varies_by_cookie {
            vary_by_cookie(headers);
        }
        if self.is_private {
            forbid_shared_caching(headers);
        }
    }
}

/// Combines the headers of all verifiers that a response depends on.
impl BitOrAssign for CacheRestriction {
    fn bitor_assign(&mut self, other: Self) {
        self.varies_by_cookie |= other.varies_by_cookie;
        self.is_private |= other.is_private;
    }
}
