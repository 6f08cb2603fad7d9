#[path = "../api/builders.rs"]
mod builders;
#[path = "../api/cookie_caching.rs"]
mod cookie_caching;
#[path = "../api/cookies.rs"]
mod cookies;
#[path = "../api/cross_origin.rs"]
mod cross_origin;
#[path = "../api/csrf.rs"]
mod csrf;
#[path = "../api/remember_cookies.rs"]
mod remember_cookies;
#[path = "../api/session_cookies.rs"]
mod session_cookies;
#[path = "../api/session_size.rs"]
mod session_size;
#[path = "../api/shared_caches.rs"]
mod shared_caches;
#[path = "../api/token_cookies.rs"]
mod token_cookies;
#[path = "../api/transport.rs"]
mod transport;
