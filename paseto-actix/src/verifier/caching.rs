use std::ops::BitOrAssign;

use actix_web::http::header::HeaderMap;

use crate::cookie::{forbid_shared_caching, vary_by_cookie};

/// Which caches may store the responses to one request, as far as they depend on its token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caching {
    /// A request with another cookie may have another response.
    pub(super) varies_by_cookie: bool,
    /// The response belongs to the user whose cookie was sent.
    pub(super) is_private: bool,
}

impl Caching {
    /// Whether responses need headers for caches. Verifiers that read only headers need none.
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

/// A response that depends on several Verifiers needs the headers of all.
impl BitOrAssign for Caching {
    fn bitor_assign(&mut self, other: Self) {
        self.varies_by_cookie |= other.varies_by_cookie;
        self.is_private |= other.is_private;
    }
}
