//! Requests that a page of another origin made the browser send.

mod builder;
mod middleware;
mod policy;
mod protection;

pub use builder::CrossOriginProtectionBuilder;
pub(crate) use policy::{CrossOriginPolicy, log_rejection};
pub use protection::CrossOriginProtection;
