//! Checks two nodes of an application on a real Redis Cluster that fails under load.
//!
//! ```sh
//! cargo run --release --bin redis_cluster_load -- --requests 200000 --min-replicas 1
//! cargo run --release --bin redis_cluster_load -- --requests 200000 --min-replicas 0
//! cargo run --release --bin redis_cluster_load -- --records 100000
//! ```
//!
//! The program starts a cluster of three primaries and three replicas. Two nodes share it: each has
//! its own `RedisStore`, `Verifier` and `RefreshTokens`. Clients send requests to both nodes
//! through the guard of actix-web: they log in, send access tokens, refresh, log out, revoke access
//! tokens, and revoke all logins of a user. A client repeats a request after `503`. It also sends
//! revoked access tokens, and refresh tokens that were used before. Meanwhile the program:
//!
//! - moves slots, adds a primary with a replica, and removes both,
//! - exchanges the roles of a primary and its replica,
//! - kills a primary, suspends a primary, and suspends a replica,
//! - cuts the replication to a replica, and then kills its primary.
//!
//! With `--min-replicas 1`, the exit status is 1 if a node accepted a token after it had
//! acknowledged the revocation, the rotation or the logout, or if it rejected the token of an
//! honest client. With `--min-replicas 0`, the last failure must lose acknowledged writes, and the
//! program counts them: this shows that it finds losses. In both modes, the exit status is 1 if a
//! call of a store took longer than the timeout and 50 milliseconds, or if a call failed later than
//! 2 seconds after the promotion of a replica. With `--min-replicas 1`, the 2 seconds of a write
//! start when the new primary has a replica.
//!
//! With `--records`, it measures the bytes of each record and the commands of each call in place of
//! the load.

#![forbid(unsafe_code)]

mod capacity;
mod clients;
mod counts;
mod nodes;
mod probe;
mod retired;
mod timeline;
mod watch;

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use actix_web::rt::Runtime;
use actix_web::rt::time::sleep;
use futures_util::future::join_all;
use paseto_actix_tests::load_program::{exit, read_numbers};
use paseto_actix_tests::redis_cluster::RedisCluster;

use crate::counts::Counts;
use crate::nodes::{Keys, Node};
use crate::watch::Watch;

const USAGE: &str = "usage: redis_cluster_load [--requests <number>] [--min-replicas <number>] \
                     [--clients <number>] [--records <number>]";
/// Each thread runs the half of the clients.
const THREADS: usize = 2;

/// The parts that all threads share.
struct World {
    nodes: [Node; 2],
    counts: Counts,
    watch: Arc<Watch>,
    is_over: AtomicBool,
    /// Whether the cluster does not work, so that the clients cannot check it.
    is_broken: AtomicBool,
    /// The threads whose clients have not ended.
    active: AtomicUsize,
}

impl World {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }
}

struct Arguments {
    /// The minimum number of requests.
    requests: usize,
    min_replicas: usize,
    clients: usize,
    /// The number of records of each kind, to measure their size.
    records: Option<usize>,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let mut arguments = Self { requests: 200_000, min_replicas: 1, clients: 32, records: None };
        let mut records = 0;
        let numbers = &mut [
            ("--requests", &mut arguments.requests),
            ("--min-replicas", &mut arguments.min_replicas),
            ("--clients", &mut arguments.clients),
            ("--records", &mut records),
        ];
        read_numbers(USAGE, numbers)?;
        arguments.records = (records > 0).then_some(records);
        Ok(arguments)
    }
}

fn run() -> Result<bool, Box<dyn Error>> {
    let arguments = Arguments::read()?;
    let cluster = RedisCluster::start().ok_or("this program needs redis-server")?;
    if let Some(records) = arguments.records {
        capacity::run(&cluster, records)?;
        return Ok(true);
    }
    let (keys, watch) = (Keys::generate(), Arc::<Watch>::default());
    let node = || Node::new(&keys, cluster.urls(), arguments.min_replicas, &watch);
    let world = World {
        nodes: [node()?, node()?],
        counts: Counts::new(arguments.min_replicas),
        watch: Arc::clone(&watch),
        is_over: AtomicBool::new(false),
        is_broken: AtomicBool::new(false),
        active: AtomicUsize::new(THREADS),
    };

    let start = Instant::now();
    let outages = thread::scope(|scope| {
        let (world, arguments) = (&world, &arguments);
        for index in 0..THREADS {
            let seeds = (index..arguments.clients).step_by(THREADS);
            scope.spawn(move || run_clients(world, seeds));
        }
        // The methods of the cluster panic. Without their end, the clients never end.
        let steps = || timeline::run(world, &cluster, arguments);
        let outages = catch_unwind(AssertUnwindSafe(steps));
        world.is_broken.store(outages.is_err(), Ordering::Relaxed);
        world.is_over.store(true, Ordering::Relaxed);
        outages.map_err(|_| "the cluster did not do a step")
    })??;

    println!("\n| figure | value |\n| --- | ---: |");
    println!("| `min_replicas` | {} |", arguments.min_replicas);
    println!("| duration | {} s |", start.elapsed().as_secs());
    let (requests, seconds) = (world.counts.requests(), start.elapsed().as_secs_f64());
    println!(
        "| requests | {requests} |\n| requests per second | {:.0} |",
        requests as f64 / seconds
    );
    let is_correct = world.counts.print();
    let is_in_time = watch.print();
    let is_recovered = timeline::print(&outages);
    let is_correct = is_correct && is_in_time && is_recovered;
    println!("\n{}", if is_correct { "correct" } else { "**not correct**" });
    Ok(is_correct)
}

/// Runs clients until the end of the program.
fn run_clients(world: &World, seeds: impl Iterator<Item = usize>) {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let apps = [nodes::app(&world.nodes[0]).await, nodes::app(&world.nodes[1]).await];
        join_all(seeds.map(|seed| clients::run(world, &apps, seed as u64))).await;
        world.active.fetch_sub(1, Ordering::SeqCst);
        // This thread may have opened the connections that other threads use.
        while world.active.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    });
}

fn main() -> ExitCode {
    exit(run)
}
