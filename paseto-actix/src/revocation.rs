//! Ending tokens before they expire: the trait, a store in memory, and one on Redis.

mod cached;
mod memory;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "session")]
mod scope;
mod store;

pub use cached::CachedRevocationStore;
pub use memory::MemoryRevocationStore;
#[cfg(feature = "redis")]
pub use redis::{RedisRevocationStore, RedisRevocationStoreBuilder};
#[cfg(feature = "session")]
pub(crate) use scope::{ScopedRevocationStore, scope};
pub(crate) use store::AnyRevocationStore;
pub use store::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};
