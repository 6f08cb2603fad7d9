//! Runs other programs. Each program ends with the test that started it.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

/// A running program that reads and writes lines. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// The state file of an example, which is removed with this value.
    state_file: Option<PathBuf>,
}

/// The start of the names of the state files of examples.
const STATE_FILE: &str = "paseto-actix-example";

impl Process {
    /// Starts a program.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdin = child.stdin.take().expect("its input is a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let state_file = command.get_envs().find_map(|(name, value)| {
            let path = PathBuf::from(value.filter(|_| name == "STATE_FILE")?);
            path.file_name()?.to_str()?.starts_with(STATE_FILE).then_some(path)
        });
        Self { child, stdin, stdout, state_file }
    }

    /// Starts an example of this workspace. The example listens on a free port of 127.0.0.1 and
    /// prints `listening on http://…`.
    pub fn example(name: &str) -> Self {
        Self::example_with(name, &[])
    }

    /// Starts an example with these environment variables. `BIND` sets the address.
    pub fn example_with(name: &str, variables: &[(&str, &str)]) -> Self {
        Self::start(Self::example_command(name).envs(variables.iter().copied()))
    }

    /// Returns the command that starts an example. The example has a state file of its own.
    pub fn example_command(name: &str) -> Command {
        let program = examples().get(name).unwrap_or_else(|| panic!("no example `{name}`"));
        let mut command = Command::new(program);
        command.env("BIND", "127.0.0.1:0");
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{STATE_FILE}-{}-{number}.sqlite", std::process::id());
        command.env("STATE_FILE", env::temp_dir().join(name));
        command
    }

    /// Reads the next line of the output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let length = self.stdout.read_line(&mut line).expect("a line of text");
        assert_ne!(length, 0, "the program has ended: {:?}", self.child.wait());
        line.trim_end().to_owned()
    }

    /// Reads lines up to a line with this prefix. Returns the rest of that line.
    pub fn line_after(&mut self, prefix: &str) -> String {
        loop {
            if let Some(rest) = self.line().strip_prefix(prefix) {
                return rest.to_owned();
            }
        }
    }

    /// Reads lines up to a line with this text. Returns that line.
    pub fn line_containing(&mut self, text: &str) -> String {
        loop {
            let line = self.line();
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Kills the program and returns the rest of its output.
    pub fn kill(mut self) -> String {
        self.child.kill().expect("the program runs");
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("UTF-8");
        rest
    }

    /// Sends SIGTERM to the program.
    pub fn terminate(&self) {
        terminate(self.child.id());
    }

    /// Waits for the end of the program.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("the program runs")
    }

    /// Writes a line to the program and reads the response line.
    pub fn exchange(&mut self, line: &str) -> String {
        writeln!(self.stdin, "{line}").expect("the program reads");
        self.line()
    }
}

/// Sends SIGTERM to the program with this process ID.
pub fn terminate(id: u32) {
    // `kill` is a part of each shell. It is not always a program.
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -TERM \"$1\"", "sh", &id.to_string()]);
    assert!(kill.status().expect("a shell").success(), "the program runs");
}

impl Drop for Process {
    fn drop(&mut self) {
        // The program may already have exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(path) = &self.state_file {
            for suffix in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(format!("{}{suffix}", path.display()));
            }
        }
    }
}

/// Returns the programs of the examples by name. The first call builds them, with optimization if
/// this program has it.
///
/// The command selects the same packages as `cargo run` and `cargo test` without arguments, so
/// Cargo has already built all dependencies.
fn examples() -> &'static HashMap<String, PathBuf> {
    static EXAMPLES: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    EXAMPLES.get_or_init(|| {
        let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // Cargo sets these variables for a test. The build script of `ring` depends on them, so a
        // change would rebuild `ring` and all crates that depend on it.
        let of_this_package =
            |name: &str| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_");
        for (name, _) in
            env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_this_package))
        {
            build.env_remove(name);
        }
        build.args(["build", "--quiet", "--bins", "--message-format=json"]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let output = build
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo starts");
        assert!(output.status.success(), "the examples do not compile");
        let messages = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let program = |message: &[u8]| {
            let message: Value = serde_json::from_slice(message).expect("cargo prints JSON");
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, message["executable"].as_str()?.into()))
        };
        messages.filter_map(program).collect()
    })
}
