//! A command line for keys and tokens: it creates and rotates key files, and inspects, verifies,
//! explains and issues tokens.
//!
//! ```sh
//! cargo run --bin paseto -- --help
//! ```

mod explain;
mod failure;
mod help;
mod input;
mod inspect;
mod issue;
mod keys;
mod options;
mod report;
mod rules;
mod times;
mod unverified;
mod verify;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use crate::failure::Failure;
use crate::options::{Options, Syntax};
use crate::report::Report;

/// A command: its words, its arguments, its help text, and the function that runs it.
struct Command {
    words: &'static [&'static str],
    syntax: Syntax,
    help: &'static str,
    run: fn(&Options) -> Result<Report, Failure>,
}

const COMMANDS: [Command; 10] = [
    Command {
        words: &["keys", "generate"],
        syntax: Syntax { values: &["kind"], flags: &["print"], arguments: 1 },
        help: help::GENERATE,
        run: keys::generate,
    },
    Command {
        words: &["keys", "rotate"],
        syntax: Syntax { values: &["in", "max-ttl"], flags: &["force"], arguments: 1 },
        help: help::ROTATE,
        run: keys::rotate,
    },
    Command {
        words: &["keys", "remove"],
        syntax: Syntax { values: &[], flags: &[], arguments: 2 },
        help: help::REMOVE,
        run: keys::remove,
    },
    Command {
        words: &["keys", "list"],
        syntax: Syntax { values: &["max-ttl"], flags: &[], arguments: 1 },
        help: help::LIST,
        run: keys::list,
    },
    Command {
        words: &["keys", "wrap"],
        syntax: Syntax { values: &["password-file"], flags: &[], arguments: 1 },
        help: help::WRAP,
        run: keys::wrap,
    },
    Command {
        words: &["keys", "unwrap"],
        syntax: Syntax { values: &["password-file", "out"], flags: &["print"], arguments: 1 },
        help: help::UNWRAP,
        run: keys::unwrap,
    },
    Command {
        words: &["inspect"],
        syntax: Syntax { values: &["token-file"], flags: &[], arguments: 1 },
        help: help::INSPECT,
        run: inspect::run,
    },
    Command {
        words: &["verify"],
        syntax: Syntax { values: &["token-file", "config"], flags: &[], arguments: 1 },
        help: help::VERIFY,
        run: verify::run,
    },
    Command {
        words: &["explain"],
        syntax: Syntax { values: &["token-file", "config"], flags: &[], arguments: 1 },
        help: help::EXPLAIN,
        run: explain::run,
    },
    Command {
        words: &["issue"],
        syntax: Syntax {
            values: &["config", "sub", "aud", "scope", "ttl", "claims"],
            flags: &[],
            arguments: 0,
        },
        help: help::ISSUE,
        run: issue::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    // `--json` also selects the form of an error, and the parser can reject the other arguments.
    let as_json = arguments.iter().any(|argument| argument == "--json");
    let report = run(arguments).unwrap_or_else(|failure| Report::of_failure(&failure));
    report.print(as_json)
}

fn run(arguments: Vec<OsString>) -> Result<Report, Failure> {
    options::reject_secrets(&arguments)?;
    let asks_for_help = |argument: &OsString| argument == "--help" || argument == "-h";
    let Some(command) = COMMANDS.iter().find(|command| starts_with(&arguments, command.words))
    else {
        let help =
            if starts_with(&arguments, &["keys"]) { arguments.get(1) } else { arguments.first() };
        return if help.is_some_and(asks_for_help) {
            Ok(Report::of_help(help::ALL))
        } else if starts_with(&arguments, &["keys"]) {
            Err(Failure::Usage(
                "expected `keys` with `generate`, `rotate`, `remove`, `list`, `wrap` or `unwrap`"
                    .to_owned(),
            ))
        } else {
            Err(Failure::Usage(
                "expected a command: `keys`, `inspect`, `verify`, `explain` or `issue`".to_owned(),
            ))
        };
    };
    let arguments = &arguments[command.words.len()..];
    if arguments.iter().any(asks_for_help) {
        return Ok(Report::of_help(command.help));
    }
    (command.run)(&Options::parse(arguments, &command.syntax)?)
}

fn starts_with(arguments: &[OsString], words: &[&str]) -> bool {
    arguments.len() >= words.len()
        && words.iter().zip(arguments).all(|(word, argument)| argument == word)
}
