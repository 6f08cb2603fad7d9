//! Rotates the signing keys of two auth services under load, and checks each response.
//!
//! ```sh
//! cargo run --release --bin key_rotation -- --requests 1000000 --rotations 6
//! ```
//!
//! The program builds the examples with its own profile. It starts a Redis server, two processes of
//! `auth_service` with one key file, and two processes of `resource_service`. Each resource service
//! reads the keys of its own auth service. Clients log in, refresh, and send requests to all
//! services. Meanwhile the program:
//!
//! - announces a new key every 45 seconds, and writes the key file in one step,
//! - kills and restarts each service, and stops each auth service for 20 seconds,
//! - signs tokens with keys that have left the published set, which must be rejected.
//!
//! It ends after the requests, the rotations, and the rejection of each retired key. The end comes
//! 8 minutes after the start with one rotation, and 45 seconds later with each further one. The
//! exit status is 1 if a valid token was rejected, a token of a removed key was accepted, or a
//! response was missing.

#![forbid(unsafe_code)]

mod clients;
mod connections;
mod counts;
mod keys;
mod retired;
mod services;
mod timeline;

use std::env;
use std::error::Error;
use std::fs;
use std::process;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use paseto_actix_tests::histogram::Histogram;
use paseto_actix_tests::load_program::{exit, read_numbers};
use paseto_actix_tests::process::Process;
use paseto_actix_tests::redis::Redis;

use crate::connections::LIMIT;
use crate::counts::Counts;
use crate::keys::Keys;
use crate::services::{Resources, Services};

/// Threads that send requests. Each has its own connections and logins.
const CLIENTS: u64 = 8;
const USAGE: &str = "usage: key_rotation [--requests <number>] [--rotations <number>]";

/// The parts that all threads share.
struct World {
    services: Services,
    keys: Keys,
    counts: Counts,
    is_over: AtomicBool,
}

impl World {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

struct Arguments {
    /// The minimum number of responses.
    requests: usize,
    rotations: usize,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let mut arguments = Self { requests: 1_000_000, rotations: 6 };
        let numbers = &mut [
            ("--requests", &mut arguments.requests),
            ("--rotations", &mut arguments.rotations),
        ];
        read_numbers(USAGE, numbers)?;
        // The key file has at most 64 keys.
        if !(1..=MAX).contains(&arguments.rotations) {
            return Err(format!("--rotations: expected 1 to {MAX}"));
        }
        Ok(arguments)
    }
}

const MAX: usize = 63;

fn run() -> Result<bool, Box<dyn Error>> {
    let arguments = Arguments::read()?;
    // Builds the examples before the time of the keys starts.
    let _ = Process::example_command("auth_service");
    let redis = Redis::start().ok_or("this program needs redis-server")?;
    let folder = env::temp_dir().join(format!("paseto-actix-key-rotation-{}", process::id()));
    fs::create_dir_all(&folder)?;

    let keys = Keys::new(&folder, arguments.rotations);
    keys.publish(0)?;
    let services = Services::new(&folder, &redis.url(), keys.path())?;
    let counts = Counts::new(arguments.rotations + 1);
    let world = World { services, keys, counts, is_over: AtomicBool::new(false) };
    world.services.start_all(&world.keys)?;
    println!("the logs of the services are in {}", folder.display());

    let start = Instant::now();
    let (orders, tokens) = thread::scope(|scope| {
        let world = &world;
        scope.spawn(|| retired::watch(world));
        let clients: Vec<_> =
            (0..CLIENTS).map(|seed| scope.spawn(move || clients::run(world, seed))).collect();
        let outcome = timeline::run(world, arguments.requests as u64);
        world.is_over.store(true, Ordering::Relaxed);
        let (mut orders, mut tokens) = (Histogram::new(LIMIT), Histogram::new(LIMIT));
        for client in clients {
            let of_client = client.join().map_err(|_| "a client panicked")?;
            orders.add(&of_client.orders);
            tokens.add(&of_client.tokens);
        }
        outcome?;
        Ok::<_, Box<dyn Error>>((orders, tokens))
    })?;
    let duration = start.elapsed();

    let is_correct = report(&world, &arguments, duration, &orders, &tokens);
    if is_correct {
        drop(world);
        fs::remove_dir_all(&folder)?;
    }
    Ok(is_correct)
}

fn report(
    world: &World,
    arguments: &Arguments,
    duration: Duration,
    orders: &Histogram,
    tokens: &Histogram,
) -> bool {
    let responses = world.counts.responses();
    println!("\n| figure | value |\n| --- | ---: |");
    println!("| duration | {} s |", duration.as_secs());
    println!("| rotations | {} |", arguments.rotations);
    println!("| responses | {responses} |");
    println!("| responses per second | {:.0} |", responses as f64 / duration.as_secs_f64());
    for (name, times) in [("`GET /orders`", orders), ("login, refresh, logout", tokens)] {
        println!(
            "| {name}: p50, p99, maximum | {}, {}, {} ms |",
            times.quantile(0.5),
            times.quantile(0.99),
            times.maximum()
        );
    }
    let resources = Resources::all().map(|service| world.services.get(service).name());
    world.counts.print(&world.keys, &resources)
}

fn main() -> ExitCode {
    exit(run)
}
