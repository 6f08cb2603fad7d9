//! Reads one slot without a pause, to see when its primary responds again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use actix_web::rt::Runtime;
use actix_web::rt::time::sleep;
use paseto_actix::revocation::{RevocationQuery, RevocationStore};
use paseto_actix::{ConfigError, RedisStore};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::redis_cluster::{Node, RedisCluster};

const PAUSE: Duration = Duration::from_millis(2);

/// A thread that reads a slot of one primary.
pub(crate) struct Probe {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Instant>>,
}

impl Probe {
    /// Starts to read a slot of this primary.
    pub(crate) fn start(cluster: &RedisCluster, primary: &Node) -> Result<Self, ConfigError> {
        let tag = (0..).map(|number: u32| number.to_string()).find(|tag| {
            let slot = cluster.command(primary, &["CLUSTER", "KEYSLOT", tag]).parse();
            slot.is_ok_and(|slot| primary.owns(slot))
        });
        // The prefix is a hash tag, so all keys are in one slot.
        let prefix = format!("{{{}}}", tag.unwrap_or_default());
        let redis = RedisStore::cluster(cluster.urls()).prefix(prefix).build()?;
        let is_over = Arc::<AtomicBool>::default();
        let thread = thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || Runtime::new().expect("a runtime").block_on(read(&redis, &is_over))
        });
        Ok(Self { is_over, thread })
    }

    /// Stops, and returns the time of the first success after this moment.
    pub(crate) fn first_success_after(self, moment: Instant) -> Option<Instant> {
        self.is_over.store(true, Ordering::Relaxed);
        let successes = self.thread.join().unwrap_or_default();
        successes.into_iter().find(|success| *success > moment)
    }
}

/// Returns the times of all successes.
async fn read(redis: &RedisStore, is_over: &AtomicBool) -> Vec<Instant> {
    let (store, mut successes) = (redis.revocation_store(), Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        if store.is_revoked(RevocationQuery::new(ISSUER, "one")).await.is_ok() {
            successes.push(Instant::now());
        }
        sleep(PAUSE).await;
    }
    successes
}
