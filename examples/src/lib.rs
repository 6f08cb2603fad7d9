//! What the examples share: where they listen, and how they end.

pub mod config;
pub mod login;

use std::{
    env::{self, VarError},
    error::Error,
    io,
    net::TcpListener,
    process::ExitCode,
};

use paseto_actix::{KeyRing, LocalKey};

/// Prints what the library has to say: warnings and errors, such as why a request was refused.
pub fn log() {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).without_time().init();
}

/// Binds the address in `BIND`, by default `127.0.0.1:8080`, and prints where that is.
///
/// # Errors
///
/// The system's, if the address is no address or is taken.
pub fn listen() -> io::Result<TcpListener> {
    let address = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(&address)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on `{address}` (BIND): {error}")))?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(listener)
}

/// The keys in an environment variable: a comma-separated list of `k4.local` keys, the active one first. Where it is not set, a
/// fresh key, and a line that says so.
///
/// # Errors
///
/// What is wrong with which key of the list.
pub fn key_ring(variable: &str) -> Result<KeyRing, Box<dyn Error>> {
    let list = match env::var(variable) {
        Ok(list) => list,
        Err(VarError::NotPresent) => {
            println!("{variable} is not set: using a fresh key, so what it seals ends with this program");
            return Ok(LocalKey::generate().into());
        }
        // Its own words would show the keys.
        Err(VarError::NotUnicode(_)) => return Err(format!("{variable}: no valid text").into()),
    };
    let mut keys = Vec::new();
    for (index, key) in list.split(',').enumerate() {
        let key = LocalKey::from_paserk(key.trim());
        keys.push(key.map_err(|error| format!("{variable}, key {}: {error}", index + 1))?);
    }
    let retired = keys.split_off(1);
    Ok(KeyRing::new(keys.remove(0), retired).map_err(|error| format!("{variable}: {error}"))?)
}

/// Ends a program: a failure is told in words, not in `Debug`.
#[must_use]
pub fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
