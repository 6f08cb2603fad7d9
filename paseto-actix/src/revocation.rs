//! Ending tokens before they expire: the trait, a store in memory, and one on Redis.

mod any;
mod cached;
mod memory;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "session")]
mod scope;
mod store;

pub(crate) use any::AnyRevocations;
pub use cached::CachedRevocations;
pub use memory::MemoryRevocations;
#[cfg(feature = "redis")]
pub use redis::{RedisRevocations, RedisRevocationsBuilder};
#[cfg(feature = "session")]
pub(crate) use scope::{ScopedRevocations, scope};
pub use store::{RevocationError, RevocationQuery, Revocations};
