//! Runs the example `paseto` in a folder of its own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use crate::process::Process;

/// A folder in which the program runs. It is removed when this value is dropped.
#[derive(Debug)]
pub struct CommandLine {
    folder: PathBuf,
}

/// What the program printed, and its exit code.
#[derive(Debug)]
pub struct Printed {
    /// The exit code.
    pub code: i32,
    /// The output.
    pub stdout: String,
    /// The warnings and errors.
    pub stderr: String,
}

impl CommandLine {
    /// Creates the folder.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("paseto-actix-command-line-{}-{number}", process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("a new folder");
        Self { folder }
    }

    /// Returns the path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file in the folder.
    pub fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("a file");
    }

    /// Reads a file in the folder.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    /// Returns the names of the files in the folder.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).expect("a folder");
        let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("UTF-8");
        let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
        names.sort();
        names
    }

    /// Runs the program with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Printed {
        self.run_with(arguments, "")
    }

    /// Runs the program with these arguments and this input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Printed {
        let mut child = self.command(&self.folder, arguments).spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        // A program that does not read its input closes the pipe.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        Printed::of(child.wait_with_output().expect("the program ends"))
    }

    /// Runs the program, which may not write files of more than this many blocks. A block has 512
    /// bytes or 1 KiB, depending on the shell. A write beyond fails, as on a full disk.
    #[cfg(unix)]
    pub fn run_with_full_disk(&self, arguments: &[&str], blocks: u32) -> Printed {
        let program = self.command(&self.folder, arguments);
        let mut shell = process::Command::new("sh");
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        shell.arg("-c").arg(limited).arg(program.get_program()).args(arguments);
        Printed::of(shell.current_dir(&self.folder).output().expect("the program ends"))
    }

    /// Runs the program this many times at once.
    pub fn run_at_once(&self, arguments: &[&str], times: usize) -> Vec<Printed> {
        let start = |_| self.command(&self.folder, arguments).spawn().expect("the program starts");
        let children: Vec<_> = (0..times).map(start).collect();
        let end = |child: process::Child| child.wait_with_output().expect("the program ends");
        children.into_iter().map(end).map(Printed::of).collect()
    }

    /// Runs the program, which must succeed, with `--json`. Returns the output.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(printed.code, 0, "{printed:?}");
        printed.json()
    }

    fn command(&self, folder: &Path, arguments: &[&str]) -> process::Command {
        let mut command = Process::example_command("paseto");
        command.args(arguments).current_dir(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Default for CommandLine {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for CommandLine {
    fn drop(&mut self) {
        // A failed test must show its own panic.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Printed {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: output.status.code().expect("an exit code"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Parses the output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns whether the output or the errors contain a text.
    pub fn contains(&self, text: &str) -> bool {
        self.stdout.contains(text) || self.stderr.contains(text)
    }
}
