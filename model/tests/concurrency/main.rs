//! Threads that use the same verifier, issuer or store, under many schedules.
//!
//! A failed test prints its schedule. `shuttle::replay` runs the schedule again.

mod revocations;
mod token_families;
mod verifiers;

use futures_util::FutureExt;
use paseto_actix_model::time::OffsetDateTime;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, thread};

const ISSUER: &str = "https://issuer.example";

/// The time at which all tests run.
const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

/// Runs a test under this number of random schedules, and under as many schedules that prefer one
/// thread and interrupt it at up to two points (probabilistic concurrency testing).
fn check(schedules: usize, test: impl Fn() + Clone + Send + Sync + 'static) {
    let mut config = Config::new();
    // Cryptography without optimization needs more stack than the default of shuttle.
    config.stack_size = 1 << 20;
    Runner::new(RandomScheduler::new(schedules), config.clone()).run(test.clone());
    Runner::new(PctScheduler::new(3, schedules), config).run(test);
}

/// Returns the output of a future. The stores in memory lock their tables and never wait.
fn block_on<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("a store in memory never waits")
}
