//! Other programs, ended with the test that started them.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A running program that is spoken to by lines. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

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
        Self { child, stdin, stdout }
    }

    /// Starts one of this workspace's examples, which listens on a free port of 127.0.0.1 and prints `listening on http://…`.
    ///
    /// Cargo builds it if need be, and then makes way: the process that is killed in the end is the example itself.
    pub fn example(name: &str) -> Self {
        Self::example_with(name, &[])
    }

    /// The same with these environment variables. A `BIND` among them is where it listens.
    pub fn example_with(name: &str, variables: &[(&str, &str)]) -> Self {
        Self::start(Self::example_command(name).envs(variables.iter().copied()))
    }

    /// What starts it.
    pub fn example_command(name: &str) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["run", "-q", "-p", "paseto-actix-examples", "--bin", name])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .env("BIND", "127.0.0.1:0");
        command
    }

    /// The next line of its output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let length = self.stdout.read_line(&mut line).expect("a line of text");
        assert_ne!(length, 0, "the program has ended: {:?}", self.child.wait());
        line.trim_end().to_owned()
    }

    /// The rest of the next line that begins like this.
    pub fn line_after(&mut self, prefix: &str) -> String {
        loop {
            if let Some(rest) = self.line().strip_prefix(prefix) {
                return rest.to_owned();
            }
        }
    }

    /// Writes one line to it and waits for one line in return.
    pub fn ask(&mut self, line: &str) -> String {
        writeln!(self.stdin, "{line}").expect("the program reads");
        self.line()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
