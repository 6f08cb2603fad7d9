//! Children that run this program again, and where processes run.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::{env, io, thread};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Where servers run.
pub(crate) const SERVER_CORE: usize = 0;
/// Where what asks them runs.
pub(crate) const CLIENT_CORE: usize = 1;

/// A child process, which ends with this at the latest.
pub(crate) struct ChildProcess {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl ChildProcess {
    /// Starts this program with these arguments, below another program or on a core, and writes one line of JSON to it.
    pub(crate) fn start(below: &[&str], arguments: &[&str], input: &impl Serialize) -> Self {
        let program = env::current_exe().expect("the path of this program");
        let mut command = match below {
            [] => Command::new(program),
            [outer, its_arguments @ ..] => {
                let mut command = Command::new(outer);
                command.args(its_arguments).arg(program);
                command
            }
        };
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a child process");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut child = Self { child, output };
        let mut line = serde_json::to_vec(input).expect("JSON");
        line.push(b'\n');
        child
            .child
            .stdin
            .as_mut()
            .expect("its input")
            .write_all(&line)
            .expect("a child that reads");
        child
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has done all that it was started for.
    pub(crate) fn finish(mut self) {
        assert!(
            self.child.wait().expect("a child process").success(),
            "a child process has failed"
        );
    }

    /// The next line that it writes.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a text");
        line.trim_end().to_owned()
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // Both fail only where it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the parent has written, in the child.
pub(crate) fn input<T: DeserializeOwned>() -> T {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).expect("a line");
    serde_json::from_str(&line).expect("JSON")
}

/// Ends this process as soon as its parent has ended.
pub(crate) fn end_with_parent() {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(0);
    });
}

/// Whether a program is there, by calling it so.
pub(crate) fn is_there(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether processes can be given a core each.
pub(crate) fn can_pin() -> bool {
    is_there("taskset", "--version")
        && thread::available_parallelism().is_ok_and(|cores| cores.get() > CLIENT_CORE)
}

/// Lets the thread that calls this, which is the process's first, run on one core alone.
pub(crate) fn pin_this_to(core: usize) {
    let mut command = Command::new("taskset");
    command.args(["-cp", &core.to_string(), &std::process::id().to_string()]).stdout(Stdio::null());
    assert!(command.status().expect("taskset").success());
}
