//! Revokes tokens at one node under load, and measures when another node rejects them.
//!
//! ```sh
//! cargo run --release --bin pushed_revocation -- --revocations 10000 --requests 40000
//! ```
//!
//! Both nodes use `PushedRevocationStore`. The program measures the time from the confirmation of a
//! revocation at the first node to the first rejection at the second node. Then it revokes tokens
//! while the connection of the second node is lost, while Redis hangs, while the network delays the
//! messages, while Redis restarts, and during failovers by Sentinels. Each phase has at least
//! `--requests` requests.
//!
//! The exit status is 1 if a revoked token was accepted later than `push_timeout` after the
//! confirmation.

#![forbid(unsafe_code)]

mod client;
mod nodes;
mod tokens;

use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use paseto_actix::RedisStore;
use paseto_actix_tests::load_program::{exit, read_numbers};
use paseto_actix_tests::redis::{LossyProxy, Redis};
use paseto_actix_tests::redis_sentinel::{MASTER_NAME, Sentinel};

use crate::client::{Client, Counts};
use crate::nodes::{Revoker, Server};
use crate::tokens::Tokens;

/// The maximum time of an accepted request after the confirmation of the revocation.
const BOUND: Duration = Duration::from_millis(500);
/// Threads that send requests without a pause.
const CLIENTS: usize = 2;
const USAGE: &str = "usage: pushed_revocation [--revocations <number>] [--requests <number>]";

struct Arguments {
    revocations: usize,
    /// The minimum number of requests of each phase.
    requests: usize,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let mut arguments = Self { revocations: 10_000, requests: 40_000 };
        let numbers = &mut [
            ("--revocations", &mut arguments.revocations),
            ("--requests", &mut arguments.requests),
        ];
        read_numbers(USAGE, numbers)?;
        Ok(arguments)
    }
}

/// Measures the time from a confirmation to the first rejection.
fn measure(server: &Server, revoker: &mut Revoker, revocations: usize) -> Counts {
    let tokens = Tokens::new(revocations);
    let is_over = AtomicBool::new(false);
    let load = |seed| client::load(server.address(), &tokens, &is_over, seed);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|seed| scope.spawn(move || load(seed))).collect();
        let mut client = Client::new(server.address());
        let mut times = Vec::with_capacity(revocations);
        for index in 0..revocations {
            tokens.next();
            while client.send(&tokens, index) != Some(200) {}
            let hits = server.hits();
            assert_eq!(client.send(&tokens, index), Some(200));
            let was_cached = server.hits() > hits;
            revoker.revoke(&tokens, index);
            let confirmed = Instant::now();
            while client.send(&tokens, index) != Some(401) {}
            if was_cached {
                times.push(confirmed.elapsed());
            }
        }
        is_over.store(true, Ordering::Relaxed);
        let mut counts = client.counts;
        for of_client in clients {
            counts.add(&of_client.join().expect("a client"));
        }
        times.sort();
        let at = |quantile: f64| {
            let index = (times.len() as f64 * quantile) as usize;
            times[index.min(times.len() - 1)].as_secs_f64() * 1e3
        };
        println!(
            "{} revocations of tokens with a cached result, from the confirmation to the response \
             of the first rejection: p50 {:.3} ms, p99 {:.3} ms, maximum {:.3} ms",
            times.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
        counts
    })
}

/// Revokes tokens during a failure, until the phase has enough requests and the failure has ended.
fn phase(
    name: &str,
    server: &Server,
    revoker: &mut Revoker,
    requests: u64,
    fail: impl FnOnce() + Send,
) -> Counts {
    let tokens = Tokens::new(50_000);
    let is_over = AtomicBool::new(false);
    let (start, hits) = (Instant::now(), server.hits());
    let load = |seed| client::load(server.address(), &tokens, &is_over, seed);
    let (counts, revoked) = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|seed| scope.spawn(move || load(seed))).collect();
        let failure = scope.spawn(fail);
        let mut revoked = 0;
        while !failure.is_finished() || tokens.requests() < requests {
            if !tokens.next() {
                break;
            }
            // The clients cache the result first.
            thread::sleep(Duration::from_millis(2));
            revoker.revoke(&tokens, revoked);
            revoked += 1;
        }
        failure.join().expect("the failure");
        // The last tokens reach the bound.
        thread::sleep(BOUND * 2);
        is_over.store(true, Ordering::Relaxed);
        let mut counts = Counts::default();
        for client in clients {
            counts.add(&client.join().expect("a client"));
        }
        (counts, revoked)
    });
    println!(
        "| {name} | {:.0} s | {} | {} | {} | {} | {} | {} | {:.0} ms | {} |",
        start.elapsed().as_secs_f64(),
        counts.requests,
        server.hits() - hits,
        revoked,
        counts.rejected,
        counts.unavailable,
        counts.late,
        counts.latest.as_secs_f64() * 1e3,
        counts.violations
    );
    counts
}

fn run() -> Result<bool, Box<dyn Error>> {
    let Arguments { revocations, requests } = Arguments::read()?;
    let requests = requests as u64;
    let mut redis = Redis::start().ok_or("this program needs redis-server")?;
    let proxy = redis.lossy_proxy();
    let store = |url: &str| RedisStore::builder(url).push_timeout(BOUND).build();
    let server = Server::start(&store(&proxy.url())?)?;
    let mut revoker = Revoker::new(&store(&redis.url())?);
    let mut total = measure(&server, &mut revoker, revocations);

    println!("\npush_timeout: {BOUND:?}");
    println!(
        "| phase | duration | requests | from the cache | revocations | 401 | 503 | accepted after \
         the confirmation | latest | accepted after the bound |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let (server, revoker) = (&server, &mut revoker);
    total.add(&phase("lost connection", server, revoker, requests, || {
        for _ in 0..40 {
            thread::sleep(Duration::from_millis(100));
            if !redis.tracking().is_empty() {
                redis.end_tracking();
            }
        }
    }));
    total.add(&phase("Redis hangs", server, revoker, requests, || {
        for _ in 0..5 {
            redis.hang(true);
            thread::sleep(BOUND * 2);
            redis.hang(false);
            thread::sleep(BOUND * 2);
        }
    }));
    total.add(&phase("slow network", server, revoker, requests, || delay(&proxy)));
    total.add(&phase("Redis restarts", server, revoker, requests, || {
        for _ in 0..5 {
            redis.restart(&[]);
            thread::sleep(BOUND * 2);
        }
    }));

    let sentinel = Sentinel::start().ok_or("this program needs redis-server")?;
    let store = || {
        RedisStore::sentinel(sentinel.urls(), MASTER_NAME)
            .min_replicas(1)
            .push_timeout(BOUND)
            .build()
    };
    let (server, mut revoker) = (Server::start(&store()?)?, Revoker::new(&store()?));
    total.add(&phase("failover by Sentinels", &server, &mut revoker, requests, || {
        for is_killed in [true, false, true] {
            let old = sentinel.primary();
            thread::sleep(BOUND * 2);
            if is_killed {
                sentinel.kill(old)
            } else {
                sentinel.stop(old)
            };
            sentinel.wait_for_switch(old);
            if !is_killed {
                // The former primary runs as a primary until the sentinels make it a replica.
                sentinel.cont(old);
                thread::sleep(BOUND * 2);
                sentinel.kill(old);
            }
            sentinel.restart_as_replica(old);
            thread::sleep(BOUND * 4);
        }
    }));
    println!(
        "\n{} requests, {} accepted later than the bound, {} without a response",
        total.requests, total.violations, total.lost
    );
    Ok(total.violations == 0)
}

/// Holds the messages of Redis for 10 to 800 milliseconds each.
fn delay(proxy: &LossyProxy) {
    for round in 0..40 {
        proxy.hold(true);
        thread::sleep(Duration::from_millis(10 + round * 37 % 790));
        proxy.hold(false);
        thread::sleep(Duration::from_millis(100));
    }
}

fn main() -> ExitCode {
    exit(run)
}
