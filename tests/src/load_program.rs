//! The command line of a load test, which is a program.

use std::env;
use std::error::Error;
use std::process::ExitCode;

/// Reads arguments such as `--rounds 200` into the numbers of these names.
///
/// # Errors
///
/// The usage, or the name of the argument that is not a number.
pub fn read_numbers(usage: &str, numbers: &mut [(&str, &mut usize)]) -> Result<(), String> {
    let mut words = env::args().skip(1);
    while let Some(name) = words.next() {
        let value = words.next().ok_or(usage)?;
        let number = numbers.iter_mut().find(|(known, _)| *known == name).ok_or(usage)?;
        *number.1 = value.parse().map_err(|_| format!("{name}: expected a number"))?;
    }
    Ok(())
}

/// Runs the program. The exit status is 1 if a check failed, or after an error, which it prints.
pub fn exit(run: impl FnOnce() -> Result<bool, Box<dyn Error>>) -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
