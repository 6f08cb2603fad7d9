//! The library with the locks, atomics and threads of shuttle.
//!
//! shuttle runs all threads of a test on one thread, and selects at each lock and each atomic
//! operation which of them continues. `tests` runs the library under many such schedules.

include!(concat!(env!("OUT_DIR"), "/src/lib.rs"));

/// Replaces `std::sync` in the modules that the tests check.
mod model {
    pub(crate) mod sync {
        // These types do not block while another thread runs: their initializers use no lock.
        pub(crate) use std::sync::{Arc, OnceLock, PoisonError};

        pub(crate) use shuttle::sync::{
            Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
        };

        pub(crate) mod atomic {
            pub(crate) use shuttle::sync::atomic::{
                AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering,
            };
        }
    }
}
