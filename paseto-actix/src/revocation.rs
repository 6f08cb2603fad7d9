//! Ending tokens before they expire: the trait, a store in memory, and one on Redis.

mod cached;
mod memory;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "session")]
mod scope;
mod store;

pub use cached::CachedRevocations;
pub use memory::MemoryRevocations;
#[cfg(feature = "redis")]
pub use redis::{RedisRevocations, RedisRevocationsBuilder};
#[cfg(feature = "session")]
pub(crate) use scope::{ScopedRevocations, scope};
pub(crate) use store::AnyRevocations;
pub use store::{ExceptedLogin, RevocationError, RevocationQuery, Revocations};
