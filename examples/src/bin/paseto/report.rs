//! The output of a command: text for people, or JSON for scripts.

use std::io;
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::options::Options;

/// The output of a command, and its exit code. Without `Debug`, because the text can contain a key.
pub(crate) struct Report {
    /// The output without `--json`, or the only output if `json` is `None`.
    pub(crate) text: Zeroizing<String>,
    /// The output with `--json`.
    pub(crate) json: Option<Value>,
    /// The file that the command has created or changed.
    pub(crate) written: Option<PathBuf>,
    /// Warnings and errors, for the error output.
    pub(crate) notes: Vec<String>,
    pub(crate) exit_code: u8,
}

impl Report {
    /// The report of a command that succeeded.
    pub(crate) fn new(text: String, json: Value) -> Self {
        let text = Zeroizing::new(text);
        Self { text, json: Some(json), written: None, notes: Vec::new(), exit_code: 0 }
    }

    /// The report of a command that prints a key. Builds only the requested form, in a buffer that
    /// does not grow. The fields are keys and key IDs, so JSON does not escape a character of them.
    pub(crate) fn of_key(options: &Options, text: &[&str], fields: &[(&str, &str)]) -> Self {
        let length = text.iter().map(|part| part.len()).sum::<usize>()
            + fields.iter().map(|(name, value)| name.len() + value.len() + 16).sum::<usize>();
        let mut output = Zeroizing::new(String::with_capacity(length + 16));
        if options.flag("json") {
            for (index, (name, value)) in fields.iter().enumerate() {
                let start = if index == 0 { "{\n  \"" } else { ",\n  \"" };
                for part in [start, *name, "\": \"", *value, "\""] {
                    output.push_str(part);
                }
            }
            output.push_str("\n}\n");
        } else {
            text.iter().for_each(|part| output.push_str(part));
        }
        Self { text: output, json: None, written: None, notes: Vec::new(), exit_code: 0 }
    }

    pub(crate) fn of_help(help: &str) -> Self {
        Self::new(help.trim_start().to_owned(), json!({ "help": help.trim() }))
    }

    pub(crate) fn of_failure(failure: &Failure) -> Self {
        let message = printable(&failure.to_string());
        Self {
            notes: vec![format!("error: {message}")],
            exit_code: failure.exit_code(),
            ..Self::new(String::new(), json!({ "error": message }))
        }
    }

    /// Prints the report. A closed output is an error, because a script that reads a part of the
    /// output must not take it for the whole.
    pub(crate) fn print(self, as_json: bool) -> ExitCode {
        let mut stderr = io::stderr().lock();
        for note in &self.notes {
            // The exit code remains if the error output is closed.
            let _ = writeln!(stderr, "{note}");
        }
        let text = match &self.json {
            Some(json) if as_json => Zeroizing::new(format!("{}\n", pretty(json))),
            _ => self.text,
        };
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => ExitCode::from(self.exit_code),
            Err(error) => {
                let change = self.written.map_or_else(String::new, |path| {
                    format!("the file {} is written, but ", printable(&path.to_string_lossy()))
                });
                let _ = writeln!(stderr, "error: {change}cannot write the output: {error}");
                ExitCode::from(3)
            }
        }
    }
}

/// Returns the value as JSON. Characters that change the layout of a terminal are escaped.
pub(crate) fn pretty(value: &Value) -> String {
    // In JSON, a line break outside of strings is layout, and inside of strings it is escaped.
    let escape = |c: char| {
        let mut units = [0; 2];
        c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    };
    escape_layout(&format!("{value:#}"), |c| c != '\n', escape)
}

/// Returns the text on one line. Characters that change the layout of a terminal are escaped.
pub(crate) fn printable(text: &str) -> String {
    escape_layout(text, |_| true, |c| c.escape_default().to_string())
}

/// Characters without a glyph of their own.
const INVISIBLE: [RangeInclusive<char>; 5] = [
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{e0000}'..='\u{e007f}',
];

/// Escapes control characters, which a terminal executes, and characters that reorder or hide text.
fn escape_layout(
    text: &str,
    is_escaped: impl Fn(char) -> bool,
    escape: impl Fn(char) -> String,
) -> String {
    let changes_layout =
        |c: char| c.is_control() || INVISIBLE.iter().any(|range| range.contains(&c));
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if changes_layout(c) && is_escaped(c) { escaped += &escape(c) } else { escaped.push(c) }
    }
    escaped
}
