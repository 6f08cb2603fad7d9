//! When slots move, and when nodes are added, removed, killed and suspended.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use paseto_actix_tests::redis_cluster::{Node, RedisCluster};

use crate::probe::Probe;
use crate::{Arguments, World};

/// The time between two steps, in which no request may fail.
const PAUSE: Duration = Duration::from_secs(4);
/// The maximum time from the promotion of a replica to the first success and to the last failure.
const MAX_RECOVERY: Duration = Duration::from_secs(2);

/// How the calls recovered after a primary had failed.
pub(crate) struct Outage {
    name: &'static str,
    /// The time from the failure to the promotion.
    promotion: Duration,
    /// The time from the promotion.
    first_success: Option<Duration>,
    last_failed_read: Duration,
    /// The time from the moment at which a write can succeed: the promotion, or the moment at which
    /// the new primary has as many replicas as must confirm a write.
    last_failed_write: Duration,
}

struct Timeline<'w> {
    world: &'w World,
    cluster: &'w RedisCluster,
    min_replicas: usize,
    start: Instant,
    step: Option<Step>,
    outages: Vec<Outage>,
}

/// The figures at the start of a step.
struct Step {
    name: &'static str,
    start: Instant,
    requests: u64,
    failures: (u64, u64),
    lost: u64,
}

/// Runs all steps. Then waits until there are enough requests.
pub(crate) fn run(
    world: &World,
    cluster: &RedisCluster,
    arguments: &Arguments,
) -> Result<Vec<Outage>, Box<dyn Error>> {
    let mut timeline = Timeline {
        world,
        cluster,
        min_replicas: arguments.min_replicas,
        start: Instant::now(),
        step: None,
        outages: Vec::new(),
    };
    println!("| at | step | time | requests | failed | not confirmed | lost writes noticed |");
    println!("| ---: | --- | ---: | ---: | ---: | ---: | ---: |");
    timeline.begin("no failure");
    timeline.pause();

    let [from, to, other] = timeline.primaries()?;
    timeline.begin("2000 slots move");
    let first = *from.slots[0].start();
    let slots = first..=first + 1999;
    let migration = cluster.start_migration(&from, &to, slots.clone());
    migration.move_keys(2);
    timeline.pause();
    migration.finish();
    cluster.wait_until_ok();

    timeline.begin("a primary and its replica are added, 2000 slots move");
    let added = cluster.add_primary();
    let replica = cluster.add_replica(&added);
    cluster.migrate_slots(&to, &added, slots);
    cluster.wait_until_ok();
    timeline.begin("no failure");
    timeline.pause();

    timeline.begin("a primary is killed");
    timeline.outage("killed", &to, || cluster.kill(&to), || cluster.restart(&to))?;
    timeline.begin("no failure");
    timeline.pause();

    timeline.begin("a primary and its replica exchange their roles");
    cluster.fail_over(&cluster.replica_of(&other));
    timeline.begin("no failure");
    timeline.pause();

    timeline.begin("a primary is suspended for 3 seconds after the promotion");
    let suspended = timeline.primaries()?.into_iter().find(|node| node.id != added.id);
    let suspended = suspended.ok_or("no primary")?;
    let resume = || {
        thread::sleep(Duration::from_secs(3));
        cluster.cont(&suspended);
    };
    timeline.outage("suspended", &suspended, || cluster.stop(&suspended), resume)?;
    timeline.begin("no failure");
    timeline.pause();

    timeline.begin("a replica is suspended for 3 seconds");
    let [primary, ..] = timeline.primaries()?;
    let lagging = cluster.replica_of(&primary);
    cluster.stop(&lagging);
    thread::sleep(Duration::from_secs(3));
    cluster.cont(&lagging);
    cluster.wait_until_ok();
    timeline.begin("no failure");
    timeline.pause();

    timeline.begin("the replication is cut for 1 second, then the primary is killed");
    let [primary, ..] = timeline.primaries()?;
    let lagging = cluster.replica_of(&primary);
    let fail = || {
        cluster.hold_replication(&lagging);
        thread::sleep(Duration::from_secs(1));
        cluster.kill(&primary);
    };
    let repair = || {
        cluster.continue_replication(&lagging);
        cluster.restart(&primary);
    };
    timeline.outage("killed without a replica", &primary, fail, repair)?;
    timeline.begin("no failure");
    timeline.pause();

    timeline.begin("the added primary and its replica are removed");
    cluster.remove(&added);
    cluster.remove(&replica);
    timeline.begin("no failure");
    timeline.pause();
    while world.counts.requests() < arguments.requests as u64 {
        thread::sleep(Duration::from_millis(100));
    }
    timeline.end();
    Ok(timeline.outages)
}

impl Timeline<'_> {
    /// Returns three primaries with slots.
    fn primaries(&self) -> Result<[Node; 3], Box<dyn Error>> {
        let mut primaries = self.cluster.primaries();
        primaries.retain(|node| !node.slots.is_empty());
        primaries.truncate(3);
        primaries.try_into().map_err(|_| "the cluster has fewer than three primaries".into())
    }

    fn pause(&self) {
        thread::sleep(PAUSE);
    }

    /// Begins a step, and prints the figures of the last one.
    fn begin(&mut self, name: &'static str) {
        self.end();
        let World { counts, watch, .. } = self.world;
        let (requests, failures, lost) = (counts.requests(), watch.failures(), counts.lost());
        self.step = Some(Step { name, start: Instant::now(), requests, failures, lost });
    }

    fn end(&mut self) {
        let Some(step) = self.step.take() else { return };
        let World { counts, watch, .. } = self.world;
        let (failed, not_replicated) = watch.failures();
        println!(
            "| {} s | {} | {:.1} s | {} | {} | {} | {} |",
            (step.start - self.start).as_secs(),
            step.name,
            step.start.elapsed().as_secs_f64(),
            counts.requests() - step.requests,
            failed - step.failures.0,
            not_replicated - step.failures.1,
            counts.lost() - step.lost,
        );
        for (text, (count, last)) in watch.take_errors() {
            println!("  {count}, the last at {:.1} s: {text}", (last - self.start).as_secs_f64());
        }
    }

    /// Lets a primary fail, waits for the promotion of its replica, and repairs the old primary.
    fn outage(
        &mut self,
        name: &'static str,
        primary: &Node,
        fail: impl FnOnce(),
        repair: impl FnOnce(),
    ) -> Result<(), Box<dyn Error>> {
        let (cluster, watch) = (self.cluster, &self.world.watch);
        // The slots may have changed since this node was read.
        let nodes = cluster.primaries().into_iter();
        let primary = &nodes.clone().find(|node| node.id == primary.id).ok_or("no such primary")?;
        let probe = Probe::start(cluster, primary)?;
        thread::sleep(Duration::from_millis(500));
        fail();
        let failure = Instant::now();
        cluster.wait_for_promotion(primary);
        let promotion = Instant::now();
        repair();
        cluster.wait_until_ok();
        let writable = if self.min_replicas == 0 { promotion } else { Instant::now() };
        self.pause();
        let since = |moment: Option<Instant>, start: Instant| {
            moment.map(|moment| moment.saturating_duration_since(start)).unwrap_or_default()
        };
        let last = watch.last_failures();
        let first_success = probe.first_success_after(promotion);
        self.outages.push(Outage {
            name,
            promotion: promotion - failure,
            first_success: first_success.map(|success| success - promotion),
            last_failed_read: since(last.read, promotion),
            last_failed_write: since(last.write.max(last.not_replicated), writable),
        });
        Ok(())
    }
}

/// Prints the outages. Returns whether all calls succeeded soon after the promotion.
pub(crate) fn print(outages: &[Outage]) -> bool {
    println!(
        "\n| primary | failure to promotion | promotion to first success | promotion to last failed \
         read | enough replicas to last failed write |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    let mut is_correct = true;
    for outage in outages {
        let success = outage.first_success;
        let is_recovered = success.is_some_and(|success| success < MAX_RECOVERY)
            && outage.last_failed_read < MAX_RECOVERY
            && outage.last_failed_write < MAX_RECOVERY;
        is_correct &= is_recovered;
        let success =
            success.map_or("never".to_owned(), |success| format!("{} ms", success.as_millis()));
        println!(
            "| {} | {} ms | {success} | {} ms | {} ms{} |",
            outage.name,
            outage.promotion.as_millis(),
            outage.last_failed_read.as_millis(),
            outage.last_failed_write.as_millis(),
            if is_recovered { "" } else { " **FAULT**" },
        );
    }
    is_correct
}
