//! Sends mixed requests to the example `noticeboard` for an hour at a steady rate, and compares
//! each response with the right one.
//!
//! ```sh
//! cargo run --release --bin soak -- --minutes 60 --rate 200
//! ```
//!
//! Each client owns users, browsers and programs, so it knows which logins are valid. Meanwhile,
//! Redis is killed and restarted, and the keys of access tokens rotate. A request is right if:
//!
//! - a valid login is accepted as the login of its user, and a wrong password is rejected,
//! - a bad token or cookie is rejected without the store,
//! - a revoked login is always rejected,
//! - the status is `503` only while Redis is unavailable or shortly after, and never for a bad
//!   token.
//!
//! The exit status is 1 after a false answer, a panic or a secret in the log, another exit status
//! of the server than 0, or if memory, open files or response times grow. It is also 1 if too few
//! keys have signed, or if a run of 10 minutes lacks a kind of request. BENCHMARKING.md has the
//! limits.

#![forbid(unsafe_code)]

mod bad_tokens;
mod browser;
mod client;
mod counts;
mod identity;
mod latencies;
mod outages;
mod program;
mod report;
mod requests;
mod retired;
mod rules;
mod samples;
mod server;
mod timeline;
mod worker;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use paseto_actix_tests::command_line::CommandLine;
use paseto_actix_tests::load_program::{exit, read_numbers};
use paseto_actix_tests::redis::Redis;

use crate::client::Client;
use crate::counts::Counts;
use crate::latencies::Latencies;
use crate::outages::Outages;
use crate::samples::{Sample, Windows};
use crate::server::Server;
use crate::timeline::KEY_FILE;
use crate::worker::Worker;

/// The users of the clients. A user with one client also logs out all other browsers and programs.
/// The last client sends bad tokens.
const USERS: [&str; 7] = [
    "guest@bar.example",
    "foo@bar.example",
    "foo@bar.example",
    "foo@bar.example",
    "foo@bar.example",
    "admin@bar.example",
    "admin@bar.example",
];
const CLIENTS: usize = USERS.len() + 1;
/// The largest part of the requests that may get `503` because the store was late.
const MAX_LATE: f64 = 0.001;
const USAGE: &str = "usage: soak [--minutes <number>] [--rate <requests per second>]";
/// A shorter run can lack the rare kinds of requests.
const MIN_MINUTES_OF_ALL_KINDS: usize = 10;
/// The longest time between two samples of the server.
const MAX_SAMPLE_INTERVAL: Duration = Duration::from_secs(10);

/// The parts that all threads share.
struct World {
    server: Server,
    key_file: PathBuf,
    start: Instant,
    windows: Windows,
    counts: Counts,
    outages: Outages,
    latencies: Latencies,
    is_over: AtomicBool,
}

impl World {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn is_warming_up(&self) -> bool {
        self.start.elapsed() < self.windows.warm_up()
    }
}

struct Arguments {
    minutes: usize,
    rate: usize,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let mut arguments = Self { minutes: 60, rate: 200 };
        let numbers = &mut [("--minutes", &mut arguments.minutes), ("--rate", &mut arguments.rate)];
        read_numbers(USAGE, numbers)?;
        if arguments.minutes < 2 || !(CLIENTS..=2000).contains(&arguments.rate) {
            return Err("--minutes: expected at least 2; --rate: expected 8 to 2000".to_owned());
        }
        Ok(arguments)
    }
}

fn run() -> Result<bool, Box<dyn Error>> {
    let arguments = Arguments::read()?;
    let mut redis = Redis::start().ok_or("this program needs redis-server")?;
    let operator = CommandLine::new();
    operator.json(&["keys", "generate", KEY_FILE]);
    let key_file = operator.path(KEY_FILE);
    let folder = key_file.parent().ok_or("the key file has no folder")?;
    let server = Server::start(folder, &redis.url(), &key_file)?;

    let windows = Windows::new(Duration::from_secs(60 * arguments.minutes as u64));
    let world = World {
        server,
        key_file,
        start: Instant::now(),
        windows,
        counts: Counts::default(),
        outages: Outages::default(),
        latencies: Latencies::new(windows),
        is_over: AtomicBool::new(false),
    };
    let interval = Duration::from_secs_f64(CLIENTS as f64 / arguments.rate as f64);
    println!("{} minutes, {} requests per second", arguments.minutes, arguments.rate);
    let (rotations, samples, loads) = thread::scope(|scope| {
        let world = &world;
        for (number, user) in (0..).zip(USERS) {
            let is_only_client = USERS.iter().filter(|other| **other == user).count() == 1;
            let client = Client::new(world, number, user, interval);
            scope.spawn(move || Worker::new(client, is_only_client).run(world));
        }
        let mut client = Client::new(world, USERS.len() as u64, "no user", interval);
        let bad_tokens = scope.spawn(move || bad_tokens::run(world, &mut client));
        let sampler = scope.spawn(|| {
            let sampled = sample(world).map_err(|error| error.to_string());
            // Without a server, the load has no purpose.
            world.is_over.store(true, Ordering::Relaxed);
            sampled
        });
        let outcome = timeline::run(world, &mut redis, &operator);
        world.is_over.store(true, Ordering::Relaxed);
        let (samples, loads) = sampler.join().map_err(|_| "the sampler panicked")??;
        bad_tokens.join().map_err(|_| "a client panicked")??;
        Ok::<_, Box<dyn Error>>((outcome?, samples, loads))
    })?;
    let duration = world.start.elapsed();

    // The log is complete after the exit.
    let status = world.server.stop()?;
    report::print_minutes(&world, &samples, &loads);
    world.counts.print();
    let (total, wrong, late) = (world.counts.total(), world.counts.wrong(), world.counts.late());
    let is_late = late as f64 > total as f64 * MAX_LATE;
    println!("\n| figure | value |\n| --- | ---: |");
    println!("| duration | {} s |", duration.as_secs());
    println!("| requests | {total} |");
    println!("| requests per second | {:.0} |", total as f64 / duration.as_secs_f64());
    println!("| restarts of Redis | {} |", world.outages.count());
    println!("| rotations of the keys | {rotations} |");
    println!("| keys that have signed access tokens | {} |", world.counts.key_ids());
    println!("| exit status of the server after SIGTERM | {status} |");
    println!("| `503` because the store was late | {late} |");
    println!("| false answers | {wrong} |");
    let is_log_clean = report::print_log(&world)?;
    let is_flat = report::print_growth(&world, &samples);
    // The first key counts, and the last rotation can be too late for its key to sign.
    let has_rotated = world.counts.key_ids() >= rotations;
    if !has_rotated {
        println!("\nToo few keys have signed access tokens.");
    }
    let missing = world.counts.missing();
    for name in &missing {
        println!("\nNo request of this kind got a right answer: {name}");
    }
    let has_all_kinds = missing.is_empty() || arguments.minutes < MIN_MINUTES_OF_ALL_KINDS;
    let is_right = wrong == 0 && !is_late && has_all_kinds && has_rotated;
    let is_correct = is_right && status.success() && is_log_clean && is_flat;
    println!("\n{}", if is_correct { "correct" } else { "**not correct**" });
    Ok(is_correct)
}

/// Takes samples until the end. Also returns the load of the machine in each minute.
fn sample(world: &World) -> Result<(Vec<Sample>, Vec<String>), Box<dyn Error>> {
    let interval = (world.windows.total / 360).min(MAX_SAMPLE_INTERVAL);
    let (mut samples, mut loads) = (Vec::new(), Vec::new());
    let mut next = world.start;
    while !world.is_over() {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        next += interval;
        let (figures, now) = (world.server.figures()?, Instant::now());
        let time = now - world.start;
        samples.push(Sample {
            time,
            rss_kib: figures.rss_kib,
            files: figures.files,
            threads: figures.threads,
            cpu: figures.cpu,
            responses: world.counts.total(),
            is_outage: world.outages.overlaps(now, now),
        });
        if time >= world.windows.unit * u32::try_from(loads.len())? {
            let load = fs::read_to_string("/proc/loadavg")?;
            let load = load.split(' ').next().unwrap_or_default().to_owned();
            let (rss, total) = (figures.rss_kib, world.counts.total());
            eprintln!(
                "{:.0} s: {total} responses, RSS {rss} KiB, {} files, load {load}, {} late, \
                 {} false",
                time.as_secs_f64(),
                figures.files,
                world.counts.late(),
                world.counts.wrong()
            );
            loads.push(load);
        }
    }
    Ok((samples, loads))
}

fn main() -> ExitCode {
    exit(run)
}
