//! What the examples share: where they listen, and how they end.

pub mod config;
pub mod login;

use std::env::VarError;
use std::error::Error;
use std::net::TcpListener;
use std::process::ExitCode;
use std::{env, io};

use paseto_actix::LocalKey;
use paseto_actix::keys::KeyRing;

/// Prints what the library has to say: warnings and errors, such as why a request was refused.
pub fn log() {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .without_time()
        .init();
}

/// Binds the address in `BIND`, by default `127.0.0.1:8080`, and prints where that is.
///
/// # Errors
///
/// The system's, if the address is no address or is taken.
pub fn listen() -> io::Result<TcpListener> {
    let address = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(&address).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on `{address}` (BIND): {error}"))
    })?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(listener)
}

/// The keys in an environment variable: `k4.local` keys with commas between them, the active key
/// first. If the variable is not set, prints a line, and returns a new key.
///
/// # Errors
///
/// The name of the variable and the cause.
pub fn key_ring(variable: &str) -> Result<KeyRing, Box<dyn Error>> {
    match env::var(variable) {
        Ok(keys) => Ok(keys.parse().map_err(|error| format!("{variable}: {error}"))?),
        Err(VarError::NotPresent) => {
            println!("{variable} is not set: using a new key, whose tokens end with this program");
            Ok(LocalKey::generate().into())
        }
        // The text of this error shows the keys.
        Err(VarError::NotUnicode(_)) => Err(format!("{variable}: the value is not UTF-8").into()),
    }
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
