//! What the examples share: where they listen, and how they end.

pub mod login;

use std::{env, error::Error, io, net::TcpListener, process::ExitCode};

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
