//! Kills a server of logins at random moments, and checks that its state file lost nothing.
//!
//! ```sh
//! cargo run --release -p paseto-actix-tests --bin sqlite_crash -- --rounds 200
//! ```
//!
//! The server is `login_server` of the same profile. In each round, clients log in, refresh, send
//! requests, log out, and revoke logins by their IDs. After 50 to 500 milliseconds, the program ends
//! the server with `SIGKILL`. It starts the server again with the same state file, and checks:
//!
//! - Each confirmed logout and revocation is in force, for access tokens, refresh tokens and
//!   sessions. After the last round, this check includes the logouts of all rounds.
//! - Each login that no client has logged out is accepted. A client that got no response to a
//!   refresh repeats it. A `400` would report this client as a thief.
//! - The server listens within one second.
//!
//! A request without a response can have either result, so the program does not check the logins
//! of logouts without a response. The exit status is 1 if a check fails.

#![forbid(unsafe_code)]

mod clients;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use paseto_actix_tests::load_program::{exit, read_numbers};
use paseto_actix_tests::logins::{Keys, Server};
use paseto_actix_tests::random::Random;
use paseto_actix_tests::state_file::StateFile;

use crate::clients::{Client, Counts};

/// Threads that send requests.
const CLIENTS: u64 = 16;
const MAX_START: Duration = Duration::from_secs(1);
const USAGE: &str = "usage: sqlite_crash [--rounds <number>]";

fn start(program: &Path, file: &StateFile, keys: &Keys) -> (Server, Duration) {
    let before = Instant::now();
    let program = program.to_str().expect("a path in UTF-8");
    let server = Server::start(program, "shop", keys, ("STATE_FILE", file.path()));
    (server, before.elapsed())
}

fn run() -> Result<bool, Box<dyn Error>> {
    let mut rounds = 200;
    read_numbers(USAGE, &mut [("--rounds", &mut rounds)])?;
    let program = env::current_exe()?.with_file_name("login_server");
    if !program.exists() {
        return Err("build all programs first: cargo build --release -p paseto-actix-tests".into());
    }
    let (file, keys) = (StateFile::new(), Keys::generate());
    let mut random = Random::new(rounds as u64);
    let mut clients: Vec<_> = (0..CLIENTS).map(Client::new).collect();
    let (mut starts, mut counts) = (Vec::new(), Counts::default());
    let (mut server, _) = start(&program, &file, &keys);
    for round in 1..=rounds {
        let url = server.url().to_owned();
        thread::scope(|scope| {
            for client in &mut clients {
                let url = &url;
                scope.spawn(move || client.load(url));
            }
            thread::sleep(Duration::from_millis(50 + random.below(450)));
            server.kill();
        });
        let took;
        (server, took) = start(&program, &file, &keys);
        starts.push(took);
        let url = server.url();
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(move || {
                    client.check(url);
                    if round == rounds {
                        client.check_past(url);
                    }
                });
            }
        });
        counts = Counts::default();
        for client in &clients {
            counts.add(&client.counts);
        }
        if round % 20 == 0 || round == rounds {
            let size = fs::metadata(file.path())?.len() / 1024;
            println!("round {round}: {counts}; the file has {size} KiB");
        }
    }
    starts.sort();
    let slowest = starts.last().copied().unwrap_or_default();
    let median = starts.get(starts.len() / 2).copied().unwrap_or_default();
    println!("start of the server: median {median:?}, slowest {slowest:?}");
    Ok(counts.is_correct() && slowest <= MAX_START)
}

fn main() -> ExitCode {
    exit(run)
}
